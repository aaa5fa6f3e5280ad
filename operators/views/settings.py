"""The operator's own settings, and the devices that call them."""

from __future__ import annotations

import zoneinfo
from itertools import groupby
from typing import Any, cast
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from conversations import audit, clock
from conversations.models import Conversation
from operators import calling, desk, http, preferences, subscribing
from operators.http import OperatorRequest, operator_required
from operators.models import Operator
from operators.views import accounts, pages

LONGEST_NAME = 150
MOST_WAITING = 1000
_LEFT_OUT = ("Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/", "posix/", "right/")


def zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """By part of the world, as the time zone database names them."""
    names = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(_LEFT_OUT)
    )
    return [
        (region, [(name, name.partition("/")[2].replace("_", " ")) for name in found])
        for region, found in groupby(names, lambda name: name.partition("/")[0])
    ]


class SettingsForm(forms.Form):
    """What stands on the page; the preferences keep the names that they have in ``preferences.CHOICES``."""

    name = forms.CharField(
        label=_("Name shown"),
        max_length=LONGEST_NAME,
        help_text=_("Customers may read it, and your colleagues do."),
        widget=forms.TextInput(attrs={"class": "inp", "autocomplete": "name"}),
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=settings.LANGUAGES, widget=forms.Select(attrs={"class": "inp"})
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        help_text=_("All times in the console are shown in it."),
        widget=forms.Select(attrs={"class": "inp"}),
    )
    theme = forms.ChoiceField(
        label=_("Appearance"),
        choices=[("auto", _("Automatic")), ("light", _("Light")), ("dark", _("Dark"))],
        widget=forms.RadioSelect,
    )
    density = forms.ChoiceField(
        label=_("Density"),
        choices=[("comfortable", _("Comfortable")), ("compact", _("Compact"))],
        help_text=_("Compact shows about a fifth more at once."),
        widget=forms.RadioSelect,
    )
    sound = forms.BooleanField(
        label=_("Sound when somebody waits"),
        required=False,
        help_text=_("Repeated every 30 seconds, at most five times, while somebody waits too long."),
    )
    hide = forms.BooleanField(
        label=_("Hide names in notifications"),
        required=False,
        help_text=_("They then say only that something has happened. What customers write is never in them."),
    )
    keys = forms.BooleanField(
        label=_("Single-letter keys"),
        required=False,
        help_text=_("Switch them off if you speak what you type, or use a tool that types letters for you."),
    )

    def __init__(self, operator: Operator, told: Any = None) -> None:
        super().__init__(told, initial=_as_it_is(operator), label_suffix="")
        installation = _("As the installation (%(zone)s)") % {"zone": settings.TIME_ZONE.replace("_", " ")}
        cast(forms.ChoiceField, self.fields["time_zone"]).choices = [("", installation), *zones()]

    def preferences(self) -> dict[str, str]:
        given = self.cleaned_data
        return {
            name: given[name] if isinstance(given[name], str) else "on" if given[name] else "off"
            for name in preferences.CHOICES
        }


def _as_it_is(operator: Operator) -> dict[str, Any]:
    kept = preferences.of(operator)
    switches = {name: kept[name] == "on" for name in ("sound", "hide", "keys")}
    return {
        "name": operator.shown_name,
        "language": operator.reads(translation.get_language() or settings.LANGUAGE_CODE),
        "time_zone": operator.time_zone,
        **kept,
        **switches,
    }


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: OperatorRequest) -> HttpResponse:
    form = SettingsForm(request.operator, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _show(request, form, 200)
    if not form.is_valid():
        return _show(request, form, 422)
    _save(request.operator, form)
    language = form.cleaned_data["language"]
    with translation.override(language):
        messages.info(request, _("Your settings are saved."))
    response = http.SeeOther(reverse("operator-settings"))
    accounts.speak(response, language)
    return response


def _save(operator: Operator, form: SettingsForm) -> None:
    given = form.cleaned_data
    changes = {"language": given["language"], "time_zone": given["time_zone"]}
    if "name" in form.changed_data:
        first, _space, last = given["name"].partition(" ")
        changes |= {"first_name": first, "last_name": last.strip()}
    Operator.objects.filter(pk=operator.pk).update(**changes)
    preferences.keep(operator, form.preferences())


def _show(request: OperatorRequest, form: SettingsForm, status: int) -> HttpResponse:
    context = _around(request) | {
        "form": form,
        "devices": subscribing.of(request.operator).order_by("-created_at", "-pk"),
        "here": subscribing.mark(request.session.session_key or ""),
    }
    return render(request, "operator/settings.html", context, status=status)


def _around(request: OperatorRequest) -> dict[str, Any]:
    waiting = Conversation.objects.visible_to(request.operator).queued()[:MOST_WAITING].count()
    return pages.frame_context(request) | {"list": {"waiting_count": waiting}}


@sensitive_post_parameters()
@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: OperatorRequest) -> HttpResponse:
    """A new one ends every other session, and every device that was allowed under the old one."""
    form = PasswordChangeForm(request.operator, request.POST if request.method == "POST" else None)
    form.label_suffix = ""
    for field in form.fields.values():
        field.widget.attrs["class"] = "inp"
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "operator/password.html", _around(request) | {"form": form}, status=status)
    with transaction.atomic():
        form.save()
        audit.note(
            "operator.password_changed",
            cause=desk.cause(request.operator, "panel"),
            organization=request.operator.organization_id,
            now=clock.now(),
            subject=request.operator,
        )
    update_session_auth_hash(request, request.operator)
    messages.info(request, _("Your password is changed. Other browsers are signed out."))
    return http.SeeOther(reverse("operator-settings"))


@operator_required
@require_POST
def remove(request: OperatorRequest) -> HttpResponse:
    """Take a device's permission back, from any device."""
    given = request.POST.get("device", "")
    if _is_id(given) and subscribing.of(request.operator).filter(public_id=given).delete()[0]:
        messages.info(request, _("The device no longer notifies you."))
    return http.SeeOther(reverse("operator-settings") + "#devices")


@operator_required
@require_POST
def subscribe(request: OperatorRequest) -> HttpResponse:
    """This browser may call this operator (said by a script, each time a page of the console is opened)."""
    told = request.POST
    found = subscribing.subscribe(
        request.operator,
        endpoint=told.get("endpoint", ""),
        p256dh=told.get("p256dh", ""),
        auth=told.get("auth", ""),
        agent=request.headers.get("User-Agent", ""),
        session=request.session.session_key or "",
        now=clock.now(),
    )
    return HttpResponse(status=422 if found is None else 204)


@operator_required
@require_POST
def unsubscribe(request: OperatorRequest) -> HttpResponse:
    subscribing.unsubscribe(request.operator, request.POST.get("endpoint", ""))
    return HttpResponse(status=204)


@operator_required
@require_POST
def try_out(request: OperatorRequest) -> HttpResponse:
    """One notification to the device that asks."""
    fingerprint = subscribing.mark(request.POST.get("endpoint", ""))
    device = subscribing.of(request.operator).filter(fingerprint=fingerprint).first()
    if device is None:
        raise Http404
    calling.try_out(device, clock.now())
    return HttpResponse(status=204)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
