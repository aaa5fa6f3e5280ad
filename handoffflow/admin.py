"""API keys in the admin, and beside them webhooks (``webhooks/admin.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations import clock
from conversations.admin import base, scope, wording
from handoffflow import keys
from handoffflow.models import ApiKey, Scope
from handoffflow.webhooks import admin as webhooks  # noqa: F401 - registers its pages

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[ApiKey]
else:
    ModelForm = forms.ModelForm


class ApiKeyForm(ModelForm):
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple
    )

    expires_at = forms.DateTimeField(
        label=gettext_lazy("Expires at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Empty: it does not expire."),
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "sender", "expires_at")
        help_texts = {"sender": gettext_lazy("Needed for a bot's key: it speaks for this number only.")}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        scopes = set(given.get("scopes") or ())
        if Scope.BOT in scopes and not given.get("sender"):
            self.add_error("sender", _("A bot's key belongs to one number: choose it."))
        if Scope.BOT in scopes and scopes & {Scope.DESK, Scope.ADMIN}:
            self.add_error("scopes", _("A bot's key may read beside, and nothing else: make a second key."))
        return given


@admin.register(ApiKey)
class ApiKeyAdmin(base.Scoped):
    """A key is made once, shown once, replaced or revoked; nothing of it changes in between."""

    form = ApiKeyForm
    list_display = ("name", "shown_prefix", "shown_scopes", "number", "state", "ends", "used", "made")
    number = wording.shown("sender", gettext_lazy("sender"))
    used = wording.shown("last_used_at", gettext_lazy("last used at"))
    made = wording.shown("created_at", gettext_lazy("made at"))
    ends = wording.shown("expires_at", gettext_lazy("expires at"))
    list_select_related = ("sender", "created_by")
    search_fields = ("name", "=key_id")
    actions = ("rotate", "revoke")
    fields = ("name", "scopes", "sender", "expires_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fields
        return ("name", "shown_prefix", "shown_scopes", "number", "state", "ends", "used", "made")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The list must offer its action; a single key has nothing to change.
        return obj is None and self.may(request, "change")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        key, token = keys.issue(
            cause=scope.cause(request),
            now=clock.now(),
            organization=request.user.organization,  # type: ignore[union-attr]
            name=given["name"],
            scopes=given["scopes"],
            sender=given["sender"],
            expires_at=given["expires_at"],
            created_by=request.user,  # type: ignore[arg-type]
        )
        obj.pk, obj.public_id, obj.key_id = key.pk, key.public_id, key.key_id
        obj.shown_once = token

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        return self._shown_once(request, obj, obj.shown_once)

    def _shown_once(self, request: HttpRequest, key: ApiKey, token: str) -> HttpResponse:
        """The token goes into this one answer, not into a message: messages are kept in a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("The key is ready"),
            "name": key.name,
            "token": token,
        }
        return TemplateResponse(request, "admin/handoffflow/apikey/created.html", context)

    @admin.action(description=gettext_lazy("Revoke the selected keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        """From the next request on they open nothing."""
        count = 0
        for key in queryset.filter(revoked_at=None):
            with transaction.atomic():
                if keys.revoke(key, cause=scope.cause(request), now=clock.now()):
                    self.log_change(request, key, "revoked")
                    count += 1
        messages.success(request, _("Keys revoked: %d") % count)

    @admin.action(
        description=gettext_lazy("Replace the selected key: the old one works for 24 hours more"),
        permissions=["add"],
    )
    def rotate(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """A new key that may the same, shown once."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, _("Choose one key: each new one is shown by itself."))
            return None
        try:
            with transaction.atomic():
                key, token = keys.rotate(
                    chosen[0],
                    cause=scope.cause(request),
                    now=clock.now(),
                    created_by=request.user,  # type: ignore[arg-type]
                )
                self.log_change(request, chosen[0], "rotated")
                self.log_addition(request, key, "rotated")
        except keys.KeyEnded:
            messages.error(request, _("This key has ended: make a new one."))
            return None
        return self._shown_once(request, key, token)

    def note(self, request: HttpRequest, verb: str, obj: Any, **data: Any) -> None:
        """``keys`` has written what was done; what is looked at is no secret."""

    @admin.display(description=gettext_lazy("key"))
    def shown_prefix(self, key: ApiKey) -> str:
        return f"{key.prefix}_…"

    @admin.display(description=gettext_lazy("scopes"))
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description=gettext_lazy("state"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return wording.chip(_("revoked"), "bad")
        return (
            wording.chip(_("active"), "ok")
            if key.usable(timezone.now())
            else wording.chip(_("expired"), "warn")
        )
