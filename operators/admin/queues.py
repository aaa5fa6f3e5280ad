"""A queue as the engine sets it, and who serves it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from conversations import clock
from conversations.admin.forms import QueueForm
from conversations.admin.settings import QueueAdmin
from conversations.models import Organization, Queue
from operators import mailing
from operators.admin.team import note_permissions
from operators.models import Operator


class ServedQueueForm(QueueForm):
    organization: Organization

    operators = forms.ModelMultipleChoiceField(
        label=_("Who serves it"),
        queryset=Operator.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Supervisors see every queue, and take from it whether they are ticked or not."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        team = Operator.objects.filter(organization=self.organization, is_active=True)
        field: Any = self.fields["operators"]
        field.label_from_instance = lambda operator: operator.shown_name
        field.queryset = team.order_by("first_name", "username")
        if self.instance.pk:
            field.initial = list(self.instance.operators.filter(is_active=True).values_list("pk", flat=True))


@admin.register(Queue)
class ServedQueueAdmin(QueueAdmin):
    form = ServedQueueForm
    served_by = ("operators",)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        mailing.watch(form.instance, clock.now())
        if "operators" not in form.changed_data:
            return
        chosen = {operator.pk for operator in form.cleaned_data["operators"]}
        served = form.instance.operators.filter(is_active=True)
        before = set(served.values_list("pk", flat=True))
        form.instance.operators.add(*chosen - before)
        form.instance.operators.remove(*before - chosen)
        for operator in Operator.objects.filter(pk__in=chosen ^ before):
            note_permissions(request, operator, ["queues"])
