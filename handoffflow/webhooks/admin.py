"""Webhooks in the admin: who is told of events, whether they are, and what became of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations import clock, outward
from conversations.admin import base, lists, scope, wording
from conversations.admin.forms import REFUSED
from handoffflow.subscriptions import Notice, NoticeState, Pause, Subscription, new_secret
from handoffflow.webhooks import keeping

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Subscription]
else:
    ModelForm = forms.ModelForm

KIND = re.compile(r"[a-z]{1,20}\.([a-z_]{1,30}|\*)")
SHORTEST_SECRET = 32
CHIPS = {NoticeState.WAITING: "info", NoticeState.DELIVERED: "ok", NoticeState.FAILED: "bad"}


class SubscriptionForm(ModelForm):
    kinds = forms.CharField(
        label=gettext_lazy("Events"),
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"class": "vLargeTextField"}),
        help_text=gettext_lazy("Types with commas, such as handoff.*, message.received. Empty: all."),
    )
    secret = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        min_length=SHORTEST_SECRET,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "vTextField"}),
        help_text=gettext_lazy(
            "Signs what is posted. Left empty, one is made and shown to you once, or the one that is there is kept."
        ),
    )
    made_secret = ""

    class Meta:
        model = Subscription
        fields = ("name", "url")
        widgets = {"url": forms.TextInput(attrs={"class": "vLargeTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["kinds"] = ", ".join(self.instance.kinds)

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            outward.checked(url)
        except outward.AddressRefused as refused:
            raise forms.ValidationError(REFUSED[refused.code]) from None
        return url

    def clean_kinds(self) -> list[str]:
        named = [kind.strip() for kind in self.cleaned_data["kinds"].split(",")]
        kinds = list(dict.fromkeys(filter(None, named)))
        if not all(KIND.fullmatch(kind) for kind in kinds):
            raise forms.ValidationError(
                _("This should look like %(example)s.") % {"example": "handoff.claimed"}
            )
        return kinds

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        self.instance.kinds = self.cleaned_data["kinds"]
        if typed := self.cleaned_data["secret"]:
            self.instance.secret = typed
        elif not self.instance.secret:
            self.instance.secret = self.made_secret = new_secret()


@admin.register(Subscription)
class SubscriptionAdmin(base.Scoped):
    form = SubscriptionForm
    list_display = ("name", "url", "wanted", "state", "waits", "failing", "lost")
    fields = ("name", "url", "kinds", "secret")
    actions = ("resume", "stop", "try_out", "replay_failed")
    failing = wording.shown("failing_since", gettext_lazy("failing since"))
    lost = wording.shown("lost_at", gettext_lazy("missed something"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Of a row that exists, only what was touched: the worker writes it, too."""
        if change:
            named = set(form.changed_data) - {"secret"}
            secret = {"secret_encrypted"} if form.cleaned_data["secret"] or form.made_secret else set()
            obj.save(update_fields=named | secret)
        else:
            keeping.begin(obj, clock.now())
            super().save_model(request, obj, form, change)
        obj.shown_once = form.made_secret

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
            "title": _("The webhook is ready"),
            "name": obj.name,
            "secret": obj.shown_once,
        }
        return TemplateResponse(request, "admin/handoffflow/subscription/secret.html", context)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its log goes with it, and needs no permission of its own."""
        found, count, missing, protected = super().get_deleted_objects(objs, request)
        return found, count, missing - {str(Notice._meta.verbose_name)}, protected

    @admin.action(description=gettext_lazy("Let the selected webhooks go on"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        count = sum(keeping.resume(row, clock.now(), scope.cause(request)) for row in queryset)
        messages.success(request, _("They go on: %d") % count)

    @admin.action(description=gettext_lazy("Stop the selected webhooks"), permissions=["change"])
    def stop(self, request: HttpRequest, queryset: Any) -> None:
        count = keeping.pause(queryset, Pause.BY_HAND, clock.now(), scope.cause(request))
        messages.success(request, _("Stopped: %d") % count)

    @admin.action(description=gettext_lazy("Send a test event"), permissions=["change"])
    def try_out(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            keeping.try_out(row, clock.now())
        messages.success(
            request, _("A test event is on its way. The log of webhook deliveries says whether it arrived.")
        )

    @admin.action(description=gettext_lazy("Deliver again what was given up"), permissions=["change"])
    def replay_failed(self, request: HttpRequest, queryset: Any) -> None:
        count = sum(keeping.replay_failed(row, clock.now()) for row in queryset)
        messages.success(request, _("Delivered again: %d") % count)

    @admin.display(description=gettext_lazy("events"))
    def wanted(self, row: Subscription) -> str:
        return ", ".join(row.kinds) or _("all")

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: Subscription) -> str:
        if row.paused:
            kind = "" if row.paused == Pause.BY_HAND else "bad"
            return wording.chip(Pause(row.paused).label, kind)
        if row.failing_since:
            return wording.chip(_("failing"), "warn")
        return wording.chip(_("active"), "ok")

    @admin.display(description=gettext_lazy("waiting"))
    def waits(self, row: Subscription) -> int:
        return Notice.objects.waiting().filter(subscription=row)[: lists.LISTED].count()


@admin.register(Notice)
class NoticeAdmin(base.ReadOnly):
    """What was posted has texts of customers in it: here is only what became of it."""

    organization_path = "subscription__organization"
    marks_views = False
    list_display = ("kind", "hook", "state_chip", "tries", "status", "trouble", "began", "again", "identity")
    list_filter = (
        ("state", lists.ChoiceFilter),
        ("subscription", lists.RelatedFilter),
        ("created_at", lists.DateFilter),
    )
    list_select_related = ("subscription", "conversation")
    search_fields = ("=public_id",)
    actions = ("replay",)
    identity = wording.shown("public_id", gettext_lazy("id"))
    thread = wording.shown("conversation", gettext_lazy("conversation"))
    began = wording.shown("created_at", gettext_lazy("since"))
    settled = wording.shown("settled_at", gettext_lazy("settled at"))
    again = wording.shown("due_at", gettext_lazy("next attempt"))
    fields = (
        *("identity", "hook", "kind", "thread", "seq", "state_chip"),
        *("tries", "status", "trouble", "began", "settled", "again"),
    )

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "change")

    @admin.action(description=gettext_lazy("Deliver the selected ones again"), permissions=["act"])
    def replay(self, request: HttpRequest, queryset: Any) -> None:
        count = 0
        for row in queryset:
            if keeping.replay(row, clock.now()):
                count += 1
                self.note(request, "replayed", row)
        messages.success(request, _("Delivered again: %d") % count)

    @admin.display(description=gettext_lazy("outgoing webhook"))
    def hook(self, row: Notice) -> str:
        return row.subscription.name

    @admin.display(description=gettext_lazy("state"))
    def state_chip(self, row: Notice) -> str:
        return wording.chip(row.get_state_display(), CHIPS[NoticeState(row.state)])
