"""What supervisors set: numbers, queues, the built-in bot's answers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ChoiceField, Textarea, TextInput
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations import clock, flowfiles, pauses, reconcile, texts
from conversations.admin import base, forms, lists, model_form, scope, wording
from conversations.models import BotAnswer, Handoff, Queue, Sender
from conversations.twilio.errors import TROUBLES


class QueueAdmin(base.Scoped):
    """Registered by the desk, which knows who serves."""

    served_by: tuple[str, ...] = ()
    form = forms.QueueForm
    ordering = ("order", "name")
    list_display = ("name", "order", "is_default", "auto_offer", "waits", "answers")
    waits = wording.shown("waiting_minutes", _("longest wait, in minutes"))
    answers = wording.shown("first_reply_minutes", _("longest time to the first reply, in minutes"))
    list_editable = ("order",)
    search_fields = ("name",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sections: list[Any] = [
            (None, {"fields": ("name", *self.served_by, "order", "is_default")}),
            (_("Who gets the next one"), {"fields": ("auto_offer", "offer_seconds")}),
            (
                _("Deadlines"),
                {
                    "fields": ("waiting_minutes", "waiting_then", "first_reply_minutes", "silent_minutes"),
                    "description": _("An empty field sets no deadline."),
                },
            ),
            (_("When nobody is there"), {"fields": ("alert_email", "alert_minutes")}),
        ]
        return sections + [self._moment(moment, obj) for moment in texts.MOMENTS]

    def _moment(self, moment: str, obj: Any) -> Any:
        """Folded away unless it is the first or the queue has words of its own there."""
        title, description = forms.MOMENTS[moment]
        languages = tuple(forms.text_field(moment, code) for code in texts.LANGUAGES)
        open_at_first = moment == texts.WAITING or bool(obj and obj.texts.get(moment))
        classes = ("three",) if open_at_first else ("three", "collapse")
        fields = (languages, forms.silence_field(moment))
        return title, {"fields": fields, "description": description, "classes": classes}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What stands on the form only: the other columns belong to whoever is distributing the queue just now."""
        if change:
            fields = [
                field for field in obj._meta.concrete_fields if field.editable and not field.primary_key
            ]
            obj.save(update_fields=[field.name for field in fields])
        else:
            super().save_model(request, obj, form, change)
        if obj.is_default:
            scope.within(Queue.objects.exclude(pk=obj.pk), request).update(is_default=False)
        # Who waits already may be offered from now on.
        Queue.objects.distribute(obj, clock.now())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A queue in which somebody was ever served stays: the history names it."""
        if obj is None or not self.may(request, "delete"):
            return False
        return not Handoff.objects.filter(queue=obj).exists() and not obj.conversations.exists()


SECRETS = {
    "auth_token": "auth_token_encrypted",
    "secondary_token": "secondary_token_encrypted",
    "api_key_secret": "api_key_secret_encrypted",
    "bot_secret": "bot_secret_encrypted",
}
ENDS_A_ROTATION = {"finish_rotation", "forget_secondary"}


@admin.register(Sender)
class SenderAdmin(base.Scoped):
    form = forms.SenderForm
    list_display = ("name", "address", "bot_engine", "reason_paused", "tried_again", "has_token")
    tried_again = wording.shown("due_at", _("tried again"))
    fieldsets = (
        (None, {"fields": ("name", "address", "bot_engine")}),
        (
            _("Your own bot"),
            {
                "fields": ("bot_url", "bot_secret", "bot_hears_operators"),
                "description": _(
                    "Asked where it stands as the bot above. docs/bots.md says what it is sent."
                ),
            },
        ),
        (
            _("Language model"),
            {
                "fields": model_form.FIELDS,
                "description": _(
                    "Asked where it stands as the bot above. It speaks and calls people, and can do nothing else."
                ),
            },
        ),
        (
            "Twilio Studio",
            {
                "fields": ("flow_sid", "flow_files"),
                "description": _(
                    "For a flow as the bot above. docs/studio.md says how this desk and the flow work together."
                ),
            },
        ),
        (
            _("Pace and pauses"),
            {
                "fields": ("per_second", "shows_typing", "paused"),
                "description": _(
                    "While a reason stands here, whatever goes out waits. The product pauses a number by itself when"
                    " Twilio refuses it as a whole, and lets it go on when that is over. Emptied, it goes on now."
                ),
            },
        ),
        ("Twilio", {"fields": ("account_sid", "auth_token", "messaging_service_sid")}),
        (
            _("Rotating the token"),
            {"fields": ("secondary_token", "rotation", "finish_rotation", "forget_secondary")},
        ),
        (
            _("API key"),
            {
                "fields": ("api_key_sid", "api_key_secret"),
                "description": _("Messages are then sent with it, and no longer with the token."),
            },
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What ends a rotation stands there only while there is one to end."""
        if obj and obj.secondary_token_encrypted:
            return self.fieldsets
        without = {"rotation", "finish_rotation", "forget_secondary"}
        return [
            (title, {**options, "fields": tuple(name for name in options["fields"] if name not in without)})
            for title, options in self.fieldsets
        ]

    @admin.display(description=_("state"))
    def rotation(self, sender: Sender) -> str:
        if sender.secondary_signed_at:
            at = wording.worded(sender.secondary_signed_at)
            said = gettext("Twilio signs with the secondary token (last seen: %(at)s). Finish the rotation.")
            return said % {"at": at}
        return gettext(
            "Twilio still signs with the first token. Promote the secondary one in Twilio's console."
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Conversations hang on the address; another number is another sender."""
        shown = ("rotation", "flow_files")
        return ("address", "account_sid", *shown) if obj else shown

    @admin.display(description=_("flows to import"))
    def flow_files(self, sender: Sender) -> SafeString:
        """This installation's address stands in them already."""
        ways = {"in-front": _("Download: this desk in front"), "behind": _("Download: Studio in front")}
        links = [
            (reverse("admin:conversations_sender_flow", args=[way]), title) for way, title in ways.items()
        ]
        return format_html_join(" ", '<a class="button" href="{}">{}</a>', links)

    def get_urls(self) -> Any:
        flow = self.admin_site.admin_view(self.flow)
        return [path("flow/<str:way>/", flow, name="conversations_sender_flow"), *super().get_urls()]

    def flow(self, request: HttpRequest, way: str) -> HttpResponse:
        """One of the two flows as a file."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        if way not in flowfiles.WAYS:
            raise Http404
        named = {"Content-Disposition": f'attachment; filename="handoffflow-{way}.json"'}
        return HttpResponse(flowfiles.text(way), content_type="application/json", headers=named)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Of a row that exists, only what was touched: the worker writes it, too, and may have paused it meanwhile."""
        if change:
            self._save_what_changed(obj, form)
        else:
            super().save_model(request, obj, form, change)
        obj.shown_once = form.made_secret
        reconcile.soon(obj, now=clock.now())

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        return self._shown_once(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._shown_once(request, obj) or super().response_change(request, obj)

    def _shown_once(self, request: HttpRequest, obj: Any) -> HttpResponse | None:
        """A secret that was made goes into this one answer, not into a message: messages are kept in a cookie."""
        if not obj.shown_once:
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": capfirst(gettext("secret of your bot")),
            "name": obj.name,
            "secret": obj.shown_once,
        }
        return TemplateResponse(request, "admin/conversations/sender/secret.html", context)

    def _save_what_changed(self, obj: Sender, form: Any) -> None:
        columns = SECRETS | model_form.STORED
        named = {columns.get(name, name) for name in form.changed_data} - ENDS_A_ROTATION
        if set(form.changed_data) & set(model_form.FIELDS):
            named |= set(model_form.STORED.values())
        if form.made_secret:
            named.add(SECRETS["bot_secret"])
        if {"bot_engine", "bot_url", "bot_settings"} & named:
            named |= {"bot_failures", "bot_rests_until"}  # the next one is asked afresh
            obj.bot_failures, obj.bot_rests_until = 0, None
        if set(form.changed_data) & (set(SECRETS) | ENDS_A_ROTATION | {"api_key_sid"}):
            named |= set(SECRETS.values()) | {"secondary_signed_at"}
        obj.save(update_fields=named - {"paused"})
        if "paused" in named:
            pauses.by_hand(obj, obj.paused, now=clock.now())

    @admin.display(description=_("paused because"), ordering="paused")
    def reason_paused(self, sender: Sender) -> str:
        reason = str(TROUBLES.get(sender.paused, sender.paused)) or "-"
        return f"{reason} ({sender.paused_code})" if sender.paused_code else reason

    @admin.display(description=_("token"), boolean=True)
    def has_token(self, sender: Sender) -> bool:
        return bool(sender.auth_token)


@admin.register(BotAnswer)
class BotAnswerAdmin(base.Scoped):
    organization_path = "sender__organization"
    ordering = ("sender", "language", "order", "id")
    list_display = ("label", "language", "keywords", "in_menu", "hands_over", "order", "active")
    list_editable = ("keywords", "in_menu", "order", "active")
    list_filter = (("sender", lists.RelatedFilter), "language", "active")
    search_fields = ("label", "keywords", "text")
    fieldsets = (
        (None, {"fields": ("sender", "language", "label", "keywords", "text")}),
        (_("Behaviour"), {"fields": ("in_menu", "order", "hands_over", "queue", "active")}),
    )
    formfield_overrides = {
        models.TextField: {"widget": Textarea(attrs={"rows": 6, "class": "vLargeTextField"})}
    }

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "language":
            return ChoiceField(label=capfirst(str(db_field.verbose_name)), choices=settings.LANGUAGES)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("widgets", {"keywords": TextInput(attrs={"size": 40})})
        return super().get_changelist_form(request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")
