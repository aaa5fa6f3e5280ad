"""The doctor's page in the admin. Nothing is asked of Twilio until somebody presses a button."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from conversations import clock
from conversations.admin import scope
from conversations.models import Organization
from handoffflow.doctor import examination, sandbox
from handoffflow.doctor.finding import Finding, Level

CHIPS = {Level.OK: "ok", Level.ADVICE: "info", Level.WARNING: "warn", Level.ERROR: "bad"}
MENDS = {"webhook_elsewhere", "webhook_method", "webhook_retries", "studio_answers", "service_answers"}
"""What can be set at Twilio from here."""


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    organization = Organization.objects.get(pk=scope.company(request))
    wanted = request.POST.get("do", "")
    found: list[Finding] | None = None
    if wanted in {"examine", "fix"}:
        if wanted == "fix":
            scope.note(request, "twilio.addresses_set", organization)
        found = examination.examine(clock.now(), organization=organization, fix=wanted == "fix")
    context = {**admin.site.each_context(request), "title": _("Check of the installation"), "found": None}
    if found is not None:
        context |= _told(found, organization)
    return render(request, "admin/doctor.html", context)


def _told(found: list[Finding], organization: Organization) -> dict[str, Any]:
    words = {
        Level.OK: _("fine"),
        Level.ADVICE: _("note"),
        Level.WARNING: _("warning"),
        Level.ERROR: _("to fix"),
    }
    links = [sandbox.link(sender) for sender in examination.senders(organization) if sender.sandbox]
    return {
        "found": [(finding, words[finding.level], CHIPS[finding.level]) for finding in found],
        "broken": sum(finding.level == Level.ERROR for finding in found),
        "mends": any(finding.code in MENDS for finding in found),
        "invitations": [(link, sandbox.picture(link)) for link in links],
    }
