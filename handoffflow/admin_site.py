"""The admin as supervisors see it: stock Django, one login door, sections by what people look for."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

SECTIONS = (
    (_("Team and queues"), ("Operator", "Queue", "CannedReply", "Reason")),
    (_("Contacts"), ("Tag", "AttributeDefinition", "ContactLink")),
    (_("Conversations and services"), ("Conversation", "Message", "Handoff")),
    (_("Bot and numbers"), ("BotAnswer", "KnowledgeArticle", "Sender", "Template")),
    (_("Integration"), ("ApiKey", "Subscription", "Notice", "InboundWebhook", "Delivery")),
    (_("Audit"), ("AuditEntry",)),
)


class Site(admin.AdminSite):
    site_header = site_title = settings.APP_NAME
    index_title = _("Administration")
    site_url = settings.LOGIN_REDIRECT_URL
    enable_nav_sidebar = True
    index_template = "admin/front.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only what keeps to one company's rows. (Groups are no permissions here; failed logins name people.)"""
        from conversations.admin import base

        if admin_class is not None and issubclass(admin_class, base.Scoped):
            super().register(model_or_iterable, admin_class, **options)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one door. Who is already in and not staff must not be sent round in circles."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("next", "")
        return redirect_to_login(wanted if wanted.startswith("/admin/") else "/admin/")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Above everything: which webhook was given up, and until when somebody lets it go on."""
        from conversations.admin import scope
        from handoffflow.subscriptions import Subscription

        paused = scope.within(Subscription.objects.paused_by_itself().order_by("pk"), request)
        return super().index(request, {"paused_webhooks": paused, **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        from handoffflow import doctor_page

        return [path("doctor/", self.admin_view(doctor_page.page), name="doctor"), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        found = {model["object_name"]: (app, model) for app in apps for model in app["models"]}
        sections = []
        for name, wanted in SECTIONS:
            mine = [found.pop(model) for model in wanted if model in found]
            if mine:
                app = mine[0][0]
                sections.append({**app, "name": name, "models": [model for _app, model in mine]})
        rest = [model for _app, model in found.values()]
        return [*sections, *([{**apps[0], "name": _("More"), "models": rest}] if rest else [])]
