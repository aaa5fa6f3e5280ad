"""Twilio's doors: verify, store and apply in one transaction, then the empty answer.

Every odd request is a 403 with nothing stored; 503 only when nothing could be stored.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import Error as DatabaseTrouble
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    JsonResponse,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from conversations import (
    capture,
    clock,
    delivery,
    failpoints,
    intake,
    jsons,
    probe,
    reconcile,
    studio,
    uploads,
)
from conversations.models import Sender
from conversations.twilio import signature

logger = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded"
_SID_AND_MORE = re.compile(r"(?:SM|MM)[0-9a-f]{32}.", re.DOTALL)
SAY_NOTHING = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

Form = Mapping[str, str]
Said = Mapping[str, Any]
T = TypeVar("T")
UNREADABLE = (
    *(BadRequest, SuspiciousOperation, MultiPartParserError, UnicodeError, LookupError, ValueError),
    *(jsons.BadJson, UnreadablePostError),
)


def twilio_form(door: Callable[[HttpRequest, Form], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """POST of a form that can be read, else 405, 415 or 403; a database that is away is 503: Twilio tries again."""
    return _door(door, lambda request: request.POST, FORM)


def _said(request: HttpRequest) -> Said:
    return request.POST if request.content_type == FORM else jsons.read(request.body)


def twilio_said(door: Callable[[HttpRequest, Said], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """As ``twilio_form``, for a call that may be JSON as well."""
    return _door(door, _said, FORM, signature.JSON)


def _door(
    door: Callable[[HttpRequest, T], HttpResponse], read: Callable[[HttpRequest], T], *kinds: str
) -> Callable[[HttpRequest], HttpResponse]:
    @csrf_exempt
    @wraps(door)
    def view(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if request.content_type not in kinds:
            return HttpResponse(status=415)
        try:
            read_of_it = read(request)
        except UNREADABLE:
            return HttpResponse(status=403)
        try:
            return door(request, read_of_it)
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
    sender, now = _kept(sender), clock.now()
    raw = intake.receive(form, sender=sender, now=now)
    Sender.objects.gated(sender, now=None)
    failpoints.reached("webhook.stored")
    if len(tokens) > 1 or sender.secondary_signed_at:
        Sender.objects.signed(sender, token=token, now=clock.now())
    return _twiml(studio.redirect(raw, sender, now=now))


@twilio_form
def status(request: HttpRequest, form: Form) -> HttpResponse:
    failpoints.reached("report.arrived")
    account = form.get("AccountSid", "")
    tokens = {token for sender in _of_account(account) for token in sender.verifying_tokens}
    if not _signer(request, form, sorted(tokens)):
        return _refused()
    capture.note("status", form, request.headers, now=clock.now())
    mid, now = _uuid(request.GET.get("mid", "")), clock.now()
    report = delivery.apply_report(form, mid=mid, account_sid=account, now=now)
    failpoints.reached("report.stored")
    if mid is None and report.delivery_id is None:
        reconcile.heard(account, form.get("From", ""), now=now)
    return HttpResponse(status=204)


@twilio_said
def handoff(request: HttpRequest, said: Said) -> HttpResponse:
    """A Studio flow asks: by a message that it redirects here, which TwiML leads back, or by an HTTP request."""
    found = _asking(request, said)
    if found is None:
        return _refused()
    sender, token = found
    capture.note("handoff", said, request.headers, now=clock.now())
    sender, now = _kept(sender), clock.now()
    if len(sender.verifying_tokens) > 1 or sender.secondary_signed_at:
        Sender.objects.signed(sender, token=token, now=now)
    redirected = request.content_type == FORM and {"MessageSid", "From", "To"} <= said.keys()
    given = dict(request.GET.items()) if redirected else {**request.GET.dict(), **dict(said.items())}
    asked = studio.Asked(sender=sender, given=given, form=said if redirected else {})
    try:
        return _answered(asked, now)
    except studio.Refused:
        return _refused()


def _answered(asked: studio.Asked, now: datetime) -> HttpResponse:
    if asked.form and asked.given.get("step") == "gate":
        return _twiml(studio.way_back(asked, studio.gate(asked, now=now)))
    episode, opened = studio.request(asked, now=now)
    if asked.form:
        return _twiml(studio.way_back(asked, {"outcome": "queued"}))
    conversation = episode.conversation
    said = {
        "outcome": "queued",
        "mode": conversation.mode,
        "conversation": str(conversation.public_id),
        "handoff": episode.number,
        "opened": opened,
    }
    return JsonResponse(said)


def _asking(request: HttpRequest, said: Said) -> tuple[Sender, str] | None:
    """Whose flow it is, by the number it names, and the token that signed; None for nobody's. An HTTP request names
    no account, and each of the accounts that have the number may have signed it."""
    account = said.get("AccountSid", "")
    address = said.get("To", "") or said.get("sender", "")
    if not (isinstance(account, str) and isinstance(address, str)) or _moved(said):
        return None
    body: Said | bytes = said if request.content_type == FORM else request.body
    for sender in _senders(account, address):
        if token := _signer(request, body, sender.verifying_tokens):
            return sender, token
    return None


def _senders(account: str, address: str) -> list[Sender]:
    if account:
        found = _sender(account, address)
        return [found] if found else []
    if not address or "\x00" in address:
        return []
    known = list(Sender.objects.filter(address=address, demo=False).order_by("pk"))
    first = _sender(settings.TWILIO_SID, address)
    return known if first is None or first.pk else [*known, first]


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


def _moved(form: Said) -> bool:
    """A SID that goes on after its end. Twilio signs names and values without a border between them, so a
    signed form still verifies when a value swallows the next field: with a SID like that, a replay looks new."""
    return _SID_AND_MORE.match(str(form.get("MessageSid", ""))) is not None


def _of_account(account_sid: str) -> list[Sender]:
    if not account_sid or "\x00" in account_sid:
        return []
    return list(Sender.objects.filter(account_sid=account_sid))


def _signer(request: HttpRequest, form: Said | bytes, tokens: list[str]) -> str:
    return signature.signer(
        settings.APP_URL.rstrip("/") + request.get_full_path(),
        form,
        request.content_type or "",
        request.headers.get("X-Twilio-Signature"),
        request.headers.get("X-Twilio-Webhooks-Signature-Settings"),
        tokens,
    )


def _twiml(url: str) -> HttpResponse:
    return HttpResponse(studio.twiml(url) if url else SAY_NOTHING, content_type="text/xml")


def _refused() -> HttpResponse:
    logger.warning("refused: not signed by an account we know")
    return HttpResponse(status=403)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
