"""Twilio's doors: verify, store and apply in one transaction, then the empty answer.

Every odd request is a 403 with nothing stored; 503 only when nothing could be stored.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from functools import wraps

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import Error as DatabaseTrouble
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from conversations import capture, clock, delivery, failpoints, intake, probe, uploads
from conversations.models import Sender
from conversations.twilio import signature

logger = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded"
_SID_AND_MORE = re.compile(r"(?:SM|MM)[0-9a-f]{32}.", re.DOTALL)
SAY_NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

Form = Mapping[str, str]


def twilio_form(door: Callable[[HttpRequest, Form], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """POST of a form that can be read, else 405, 415 or 403; a database that is away is 503: Twilio tries again."""

    @csrf_exempt
    @wraps(door)
    def view(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if request.content_type != FORM:
            return HttpResponse(status=415)
        try:
            form = request.POST
        except (BadRequest, SuspiciousOperation, MultiPartParserError, UnicodeError, LookupError, ValueError):
            return HttpResponse(status=403)
        try:
            return door(request, form)
        except DatabaseTrouble:
            logger.exception("nothing could be stored")
            return HttpResponse(status=503, headers={"Retry-After": "2"})

    return view


@twilio_form
def inbound(request: HttpRequest, form: Form) -> HttpResponse:
    failpoints.reached("webhook.arrived")
    sender = _sender(form.get("AccountSid", ""), form.get("To", ""))
    tokens = sender.verifying_tokens if sender else []
    if sender is None or _moved(form) or not (token := _signer(request, form, tokens)):
        return _refused()
    if probe.asked(form):
        return HttpResponse(probe.answer(form), content_type="text/plain")
    failpoints.reached("webhook.verified")
    capture.note("webhook", form, request.headers, now=clock.now())
    sender = _kept(sender)
    intake.receive(form, sender=sender, now=clock.now())
    failpoints.reached("webhook.stored")
    if len(tokens) > 1 or sender.secondary_signed_at:
        Sender.objects.signed(sender, token=token, now=clock.now())
    return HttpResponse(SAY_NOTHING, content_type="text/xml")


@twilio_form
def status(request: HttpRequest, form: Form) -> HttpResponse:
    failpoints.reached("report.arrived")
    account = form.get("AccountSid", "")
    tokens = {token for sender in _of_account(account) for token in sender.verifying_tokens}
    if not _signer(request, form, sorted(tokens)):
        return _refused()
    capture.note("status", form, request.headers, now=clock.now())
    delivery.apply_report(form, mid=_uuid(request.GET.get("mid", "")), account_sid=account, now=clock.now())
    failpoints.reached("report.stored")
    return HttpResponse(status=204)


@require_safe
def media(request: HttpRequest, token: str) -> HttpResponseBase:
    """A file on its way out, for whoever has its link: Twilio asks what it is (HEAD), then for the bytes."""
    attachment = uploads.find(token)
    content = attachment.opened() if attachment else None
    if attachment is None or content is None:
        return HttpResponse(status=404)
    response = FileResponse(content, filename=attachment.download_name, content_type=attachment.media_type)
    response["Content-Length"] = str(attachment.size)
    return response


def _sender(account_sid: str, address: str) -> Sender | None:
    if not (account_sid and address) or "\x00" in account_sid + address:
        return None
    known = Sender.objects.filter(account_sid=account_sid, address=address).first()
    if known is None and (account_sid, address) == (settings.TWILIO_SID, settings.TWILIO_WHATSAPP_NUMBER):
        return Sender(account_sid=account_sid, address=address)
    return known


def _kept(sender: Sender) -> Sender:
    """The sender of the environment is made at its first message, once that has proved to be Twilio's."""
    return sender if sender.pk else Sender.objects.of_environment() or sender


def _moved(form: Form) -> bool:
    """A SID that goes on after its end. Twilio signs names and values without a border between them, so a
    signed form still verifies when a value swallows the next field: with a SID like that, a replay looks new."""
    return _SID_AND_MORE.match(form.get("MessageSid", "")) is not None


def _of_account(account_sid: str) -> list[Sender]:
    if not account_sid or "\x00" in account_sid:
        return []
    return list(Sender.objects.filter(account_sid=account_sid))


def _signer(request: HttpRequest, form: Form, tokens: list[str]) -> str:
    return signature.signer(
        settings.APP_URL.rstrip("/") + request.get_full_path(),
        form,
        request.content_type or "",
        request.headers.get("X-Twilio-Signature"),
        request.headers.get("X-Twilio-Webhooks-Signature-Settings"),
        tokens,
    )


def _refused() -> HttpResponse:
    logger.warning("refused: not signed by an account we know")
    return HttpResponse(status=403)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
