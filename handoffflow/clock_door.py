"""The simulator's *Skip 24 h*: the stored times of one customer move back, on both sides of the wire.

It stands outside the simulator because it reaches into the engine, which the simulator may not know.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from conversations import contacts
from conversations.models import Sender
from handoffflow.simulator import books, customers, phone

HOURS = 24


@require_POST
def advance(request: HttpRequest) -> HttpResponse:
    ledger = phone.own_ledger()
    number = request.POST.get("customer", "")
    customer = customers.get(ledger, int(number)) if number.isdecimal() else None
    if customer is None:
        raise Http404
    sender = Sender.objects.of_environment()
    if sender is not None:
        contacts.advance(sender, customer.address, hours=HOURS)
    books.advance(ledger, customer.address, hours=HOURS)
    return phone.after(request, ledger, customer)
