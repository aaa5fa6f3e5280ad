"""The team in the admin: who serves, where, how many at once, and how a service may end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from axes.utils import reset
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, BaseUserCreationForm, UserChangeForm
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from conversations import clock
from conversations.admin import base, lists, scope, wording
from conversations.models import Queue
from operators import presence
from operators.admin.forms import state_words
from operators.models import Operator, Presence, PresenceStatus, Reason

if TYPE_CHECKING:
    CreationForm = BaseUserCreationForm[Any]
    ChangeForm = UserChangeForm[Any]
    PasswordForm = AdminPasswordChangeForm[Any]
    StockAdmin = UserAdmin[Any]
    ModelForm = forms.ModelForm[Any]
else:
    CreationForm, ChangeForm, PasswordForm = BaseUserCreationForm, UserChangeForm, AdminPasswordChangeForm
    StockAdmin, ModelForm = UserAdmin, forms.ModelForm


PERMISSIONS = frozenset({"is_staff", "is_active", "queues"})
"""What decides which conversations an operator may see."""


def note_permissions(request: HttpRequest, operator: Operator, names: Iterable[str]) -> None:
    """What of these they have now: flags, and the ids of queues."""
    now: dict[str, Any] = {name: getattr(operator, name) for name in names}
    if "queues" in now:
        now["queues"] = sorted(str(queue.public_id) for queue in operator.queues.all())
    if now:
        scope.note(request, "operator.permissions_changed", operator, **now)


STATES = (PresenceStatus.AVAILABLE, PresenceStatus.ON_BREAK, presence.AWAY, PresenceStatus.OFFLINE)
STATE_CHIPS: dict[str, str] = {PresenceStatus.AVAILABLE: "ok", PresenceStatus.ON_BREAK: "warn"}


class NewOperatorForm(CreationForm):
    class Meta:
        model = Operator
        fields = ("username", "first_name", "last_name", "queues", "is_staff")


class OperatorForm(ChangeForm):
    class Meta:
        model = Operator
        fields = "__all__"
        field_classes: dict[str, Any] = {}

    asked_by: Operator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages = [("", gettext_lazy("The installation's")), *settings.LANGUAGES]
        label = capfirst(str(Operator._meta.get_field("language").verbose_name))
        self.fields["language"] = forms.ChoiceField(label=label, choices=languages, required=False)

    def clean(self) -> dict[str, Any]:
        """Whoever takes their own supervision away would need somebody else to get it back."""
        given = super().clean() or {}
        if self.instance.pk == self.asked_by.pk and not (given.get("is_staff") and given.get("is_active")):
            raise forms.ValidationError(_("You cannot take away your own access."))
        return given


class NewPasswordForm(PasswordForm):
    """A new password opens the login again for somebody who was throttled."""

    usable_password = None

    def save(self, commit: bool = True) -> Any:
        operator = super().save(commit=commit)
        reset(username=operator.username)
        return operator


class PresenceFilter(admin.SimpleListFilter):
    title = gettext_lazy("presence")
    parameter_name = "presence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state_words(state)) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        now, wanted = clock.now(), self.value()
        there = Presence.objects.filter(expires_at__gt=now).exclude(status=PresenceStatus.OFFLINE)
        away = Q(status=PresenceStatus.AVAILABLE, away_at__isnull=False)
        found = {
            PresenceStatus.AVAILABLE: there.filter(status=PresenceStatus.AVAILABLE, away_at=None),
            PresenceStatus.ON_BREAK: there.filter(status=PresenceStatus.ON_BREAK),
            presence.AWAY: there.filter(away),
        }
        if wanted == PresenceStatus.OFFLINE:
            return queryset.exclude(pk__in=there.values("operator"))
        return queryset.filter(pk__in=found[wanted].values("operator")) if wanted in found else queryset


@admin.register(Operator)
class OperatorAdmin(base.Scoped, StockAdmin):
    form = OperatorForm
    add_form = NewOperatorForm
    change_password_form = NewPasswordForm
    ordering = ("username",)
    list_display = ("username", "full_name", "role", "their_queues", "load", "state", "last_seen")
    list_filter = (PresenceFilter, "is_active", "is_staff", ("queues", lists.RelatedFilter))
    actions = ("put_on_break",)
    search_fields = ("username", "first_name", "last_name")
    last_seen = wording.shown("last_login", gettext_lazy("last access"))
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "language")}),
        (gettext_lazy("Service"), {"fields": ("queues", "capacity")}),
        (gettext_lazy("Access"), {"fields": ("is_active", "is_staff", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name")}),
        (gettext_lazy("Service"), {"fields": ("queues", "is_staff")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        # Only a conversation with a person has an operator: what is counted is what they hold.
        held = Count("conversations", distinct=True)
        team = super().get_queryset(request).select_related("presence")
        return team.prefetch_related("queues").annotate(held=held)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.asked_by = request.user
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "queues":
            return self.formfield_for_manytomany(db_field, request, widget=forms.CheckboxSelectMultiple())
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "is_staff" and field:
            field.label = _("Supervises")
            field.help_text = _("Sees every queue and these settings.")
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new operator serves the default queue."""
        default = Queue.objects.default_of(request.user.organization)  # type: ignore[union-attr]
        return {**super().get_changeform_initial_data(request), "queues": [default.pk] if default else []}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        held = obj.conversations.count() if change and not obj.is_active else 0
        if held:
            words = ngettext(
                "%(name)s still holds %(count)d conversation: finish or take it in the panel.",
                "%(name)s still holds %(count)d conversations: finish or take them in the panel.",
                held,
            )
            messages.warning(request, words % {"name": obj.shown_name, "count": held})

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        note_permissions(request, obj, PERMISSIONS)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        note_permissions(request, obj, PERMISSIONS & set(getattr(message, "names", ())))
        return super().log_change(request, obj, message)

    @admin.display(description=gettext_lazy("name"), ordering="first_name")
    def full_name(self, operator: Operator) -> str:
        return operator.get_full_name()

    @admin.display(description=gettext_lazy("role"), ordering="is_staff")
    def role(self, operator: Operator) -> str:
        return _("Supervisor") if operator.is_staff else _("Operator")

    @admin.display(description=gettext_lazy("queues"))
    def their_queues(self, operator: Operator) -> str:
        if operator.is_staff:
            return _("All")
        return ", ".join(queue.name for queue in operator.queues.all())

    @admin.display(description=gettext_lazy("conversations"))
    def load(self, operator: Any) -> str:
        return _("%(held)d of %(places)d") % {"held": operator.held, "places": operator.capacity}

    @admin.display(description=gettext_lazy("state"))
    def state(self, operator: Operator) -> str:
        if not operator.is_active:
            return wording.chip(_("deactivated"), "bad")
        there = getattr(operator, "presence", None)
        state = presence.shown(there, clock.now()) if there else PresenceStatus.OFFLINE.value
        return wording.chip(state_words(state), STATE_CHIPS.get(state, ""))

    @admin.action(description=gettext_lazy("Put on break"), permissions=["change"])
    def put_on_break(self, request: HttpRequest, queryset: Any) -> None:
        """Nothing more is offered to them until they come back; what they hold stays theirs."""
        now, count = clock.now(), 0
        for operator in queryset:
            there = getattr(operator, "presence", None)
            if there and presence.shown(there, now) in {PresenceStatus.AVAILABLE, presence.AWAY}:
                with transaction.atomic():
                    presence.choose(operator, PresenceStatus.ON_BREAK, now=now)
                    self.note(request, "put_on_break", operator)
                count += 1
        words = ngettext("%(count)d operator is on break.", "%(count)d operators are on break.", count)
        messages.info(request, words % {"count": count})


def label_field(language: str) -> str:
    return f"label_{language.replace('-', '_')}"


class ReasonForm(ModelForm):
    class Meta:
        model = Reason
        fields = ("code", "order", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for language, _name in settings.LANGUAGES:
            self.fields[label_field(language)].initial = (self.instance.labels or {}).get(language, "")

    def save(self, commit: bool = True) -> Any:
        self.instance.labels = {
            language: text
            for language, _name in settings.LANGUAGES
            if (text := self.cleaned_data[label_field(language)].strip())
        }
        return super().save(commit=commit)


# Declared after the class: their names are made of the languages. One label is enough; the screen falls back on it.
ReasonForm.declared_fields.update(
    {
        label_field(language): forms.CharField(
            label=name, required=language == settings.LANGUAGE_CODE, max_length=60
        )
        for language, name in settings.LANGUAGES
    }
)
ReasonForm.base_fields.update(ReasonForm.declared_fields)


@admin.register(Reason)
class ReasonAdmin(base.Scoped):
    form = ReasonForm
    ordering = ("order", "code")
    list_display = ("label_here", "code", "order", "active")
    list_editable = ("order", "active")
    fieldsets = (
        (None, {"fields": ("code", "order", "active")}),
        (
            gettext_lazy("How operators read it"),
            {
                "fields": (tuple(label_field(language) for language, _name in settings.LANGUAGES),),
                "classes": ("three",),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Handoffs keep the code: another code would be another reason."""
        return ("code",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")

    @admin.display(description=gettext_lazy("reason"))
    def label_here(self, reason: Reason) -> str:
        return reason.label(get_language() or settings.LANGUAGE_CODE)
