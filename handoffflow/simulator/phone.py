"""The customer's phone in the browser: pick or invent a customer, write, watch the ticks."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from handoffflow.simulator import attachments, books, customers, failures, faults, screen, script
from handoffflow.simulator.customers import Customer
from handoffflow.simulator.ledger import Ledger

SHOP = "Casa Aurora"
OPERATORS = (("ana", 8), ("bia", 10), ("caio", 5))
LONGEST = 4096
CHOOSABLE = 12
_RANGE = re.compile(r"bytes=(\d{1,9})-(\d{0,9})\Z")


@cache
def _ledger(path: Path) -> Ledger:
    return Ledger(path)


def own_ledger() -> Ledger:
    return _ledger(Path(settings.SIMULATOR_LEDGER))


@require_GET
def solo(request: HttpRequest) -> HttpResponse:
    return _page(request, split=False)


@require_GET
def split(request: HttpRequest) -> HttpResponse:
    return _page(request, split=True)


def _page(request: HttpRequest, *, split: bool) -> HttpResponse:
    ledger = own_ledger()
    people = customers.everybody(ledger) or customers.first(ledger)
    wanted = request.GET.get("as", "")
    customer = next((person for person in people if str(person.id) == wanted), people[-1])
    newest = people[: -CHOOSABLE - 1 : -1]
    chosen = newest if customer in newest else [customer, *newest]
    context = _context(request, ledger, customer, split=split)
    host = urlsplit(settings.APP_URL).netloc
    shell = {
        "failures": failures.choices(),
        "people": chosen,
        "shop": SHOP,
        "host": host,
        "seen": _version(request, context),
    }
    return render(request, "simulator/phone.html", context | shell)


@require_GET
def pulse(request: HttpRequest, number: int) -> HttpResponse:
    """What changed since the page looked last; nothing (204) most of the time. Looking is reading."""
    ledger = own_ledger()
    customer = _customer(ledger, number)
    books.look(ledger, customer.address)
    return _news(request, ledger, customer)


@require_POST
def new(request: HttpRequest) -> HttpResponse:
    hidden = request.POST.get("hidden_number") == "on"
    customer = customers.invent(own_ledger(), name=request.POST.get("name", ""), hidden_number=hidden)
    return back(request, customer)


@require_POST
def say(request: HttpRequest, number: int) -> HttpResponse:
    ledger = own_ledger()
    customer = _customer(ledger, number)
    body = request.POST.get("body", "")[:LONGEST]
    if "button" in request.POST:
        _press(ledger, customer, request.POST.get("of", ""), request.POST["button"])
    elif body.strip():
        _write(ledger, customer, body=body)
    return after(request, ledger, customer)


@require_POST
def act(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """One line of the script, played once."""
    ledger = own_ledger()
    customer = _customer(ledger, number)
    if name == "ask":
        _write(ledger, customer, body=_("I want to talk to a person"))
    elif name == "photo":
        _write(ledger, customer, body=_("Here is the receipt"), media=attachments.photo())
    elif name == "audio":
        _write(ledger, customer, body="", media=attachments.audio())
    elif faults.armed(ledger, customer=customer.address):
        faults.disarm(ledger, customer=customer.address)
    else:
        failures.arm(ledger, customer.address, request.POST.get("code", ""))
    return after(request, ledger, customer)


@require_POST
def play(request: HttpRequest) -> HttpResponse:
    """The busy day begins, or ends if it is on. Whoever writes first is looked at."""
    ledger = own_ledger()
    number = request.POST.get("customer", "")
    if script.progress(ledger).running:
        script.stop(ledger)
        watched = customers.get(ledger, int(number)) if number.isdecimal() else None
        return back(request, watched or customers.everybody(ledger)[-1])
    return back(request, script.begin(ledger, number=settings.TWILIO_WHATSAPP_NUMBER))


@require_GET
def file(request: HttpRequest, sid: str) -> HttpResponse:
    """A file that a simulated customer sent, for the phone's own bubble."""
    rows = own_ledger().all("SELECT type, content FROM media WHERE sid = ?", sid)
    if not rows:
        raise Http404
    content: bytes = rows[0]["content"]
    asked = _RANGE.match(request.headers.get("Range", ""))
    if asked is None or int(asked[1]) >= len(content):
        return HttpResponse(content, content_type=rows[0]["type"], headers={"Accept-Ranges": "bytes"})
    # Browsers look at the end of a recording to learn how long it is.
    start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    part = HttpResponse(content[start : end + 1], content_type=rows[0]["type"], status=206)
    part["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return part


def after(request: HttpRequest, ledger: Ledger, customer: Customer) -> HttpResponse:
    """The changed parts for a page with JavaScript, the whole page for one without."""
    if request.headers.get("HX-Request") == "true":
        return _news(request, ledger, customer)
    return back(request, customer)


def back(request: HttpRequest, customer: Customer) -> HttpResponse:
    page = "simulator-split" if request.POST.get("page") == "split" else "simulator-solo"
    response = HttpResponseRedirect(f"{reverse(page)}?{urlencode({'as': customer.id})}")
    response.status_code = 303
    return response


def _customer(ledger: Ledger, number: int) -> Customer:
    customer = customers.get(ledger, number)
    if customer is None:
        raise Http404
    return customer


def _press(ledger: Ledger, customer: Customer, sid: str, title: str) -> None:
    """A button under a bubble: WhatsApp tells which one, and of which message."""
    message = ledger.message(sid)
    content = screen.content_of(ledger, message) if message and message.customer == customer.address else None
    for button in content.buttons if content else ():
        if button.title == title and button.kind in {"reply", "item"}:
            pressed = {"ButtonText": title, "ButtonPayload": button.payload, "ButtonType": "REPLY"}
            if button.kind == "item":
                pressed = {"ListId": button.payload, "ListTitle": title, "ListDescription": button.note}
            quoted = {"OriginalRepliedMessageSid": sid, "MessageType": "button"}
            _write(ledger, customer, body=title, extra=pressed | quoted)
            return


def _write(
    ledger: Ledger,
    customer: Customer,
    *,
    body: str,
    media: tuple[str, bytes] | None = None,
    extra: dict[str, str] | None = None,
) -> None:
    books.receive(
        ledger,
        customer=customer.address,
        number=settings.TWILIO_WHATSAPP_NUMBER,
        body=body,
        media=[media] if media else (),
        extra=extra,
    )


def _context(request: HttpRequest, ledger: Ledger, customer: Customer, *, split: bool) -> dict[str, Any]:
    """What is redrawn while the page is open."""
    user = getattr(request, "user", None)
    return {
        "customer": customer,
        "bubbles": screen.bubbles(ledger, customer),
        "facts": screen.facts(ledger, customer),
        "typing": screen.typing(ledger, customer),
        "armed": faults.armed(ledger, customer=customer.address),
        "busy": script.progress(ledger),
        "operators": OPERATORS,
        "signed_in": user.get_username() if user is not None and user.is_authenticated else "",
        "split": split,
    }


def _news(request: HttpRequest, ledger: Ledger, customer: Customer) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    context = _context(request, ledger, customer, split=given.get("page") == "split")
    version = _version(request, context)
    if request.method == "GET" and given.get("seen") == version:
        return HttpResponse(status=204)
    return render(request, "simulator/_news.html", context | {"seen": version})


def _version(request: HttpRequest, context: dict[str, Any]) -> str:
    """The fingerprint of everything that is redrawn, and of the secret behind the forms' token.

    Signing in inside the frame changes that secret, and the forms of this page have to follow.
    """
    drawn = render_to_string("simulator/_news.html", context | {"seen": "", "csrf_token": ""})
    get_token(request)
    return hashlib.sha256((drawn + str(request.META["CSRF_COOKIE"])).encode()).hexdigest()[:16]
