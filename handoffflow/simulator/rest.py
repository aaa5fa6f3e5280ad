"""The part of Twilio's REST API that the desk calls: messages, their files, and the account itself."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, replace
from typing import Any

from handoffflow.simulator import books, checks, contents, contract, customers, faults, listing, shapes
from handoffflow.simulator.checks import Form, Refused, one
from handoffflow.simulator.console import Console
from handoffflow.simulator.ledger import Ledger, Message, Step
from handoffflow.simulator.shapes import VERSION, Account, Timing

_PATH = re.compile(
    rf"/{VERSION}/Accounts/(?P<account>[^/]+?)"
    r"(?:\.json|/Messages(?:\.json|/(?P<sid>[A-Za-z0-9]+)(?:\.json|/Media(?P<media>\.json|/(?P<file>\w+)))))\Z"
)

FILES = "/files/"
"""Stands for the other host that Twilio's files are on: no password, and a name that nobody guesses."""


TYPING = "/v2/Indicators/Typing.json"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Form
    form: Form
    authorization: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    payload: dict[str, Any] | None = None
    content: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    sid: str | None = None


def is_create(request: Request, account: Account) -> bool:
    return request.method == "POST" and request.path == f"{account.path}/Messages.json"


def refusal(problem: Refused) -> Reply:
    link = f"https://www.twilio.com/docs/errors/{problem.code}"
    payload = {"code": problem.code, "message": problem.message, "more_info": link, "status": problem.status}
    return Reply(problem.status, payload)


def answer(ledger: Ledger, account: Account, request: Request, console: Console) -> Reply:
    """Do what the call asks and say what Twilio would say."""
    try:
        return _apart(ledger, account, request, console) or _of_messages(ledger, account, request)
    except Refused as problem:
        return refusal(problem)


def _apart(ledger: Ledger, account: Account, request: Request, console: Console) -> Reply | None:
    """What has an address of its own, beside the account's messages."""
    if request.path.startswith(FILES):
        return _file(ledger, request.path.removeprefix(FILES))
    if request.path == TYPING:
        return _typing(ledger, account, request)
    authenticate(account, request.authorization)
    if account.strict:
        _described(account, request)
    if request.path in {contents.PATH, contents.CREATE}:
        return _contents(ledger, account, request)
    if request.path.startswith(f"/{VERSION}/"):
        return None
    return Reply(*console.answer(request.method, request.path, request.query, request.form, request.body))


def _of_messages(ledger: Ledger, account: Account, request: Request) -> Reply:
    match = _PATH.match(request.path)
    if match is None or match["account"] != account.sid:
        raise Refused(20404, status=404)
    if request.path == f"{account.path}.json":
        return Reply(200, shapes.account_resource(account))
    if match["sid"] is None:
        return _messages(ledger, account, request)
    message = ledger.message(match["sid"])
    if message is None or message.number != account.number:
        raise Refused(20404, status=404)
    if match["media"] is not None:
        return _media(ledger, account, message, match["file"])
    return _message(ledger, account, request, message)


def authenticate(account: Account, header: str) -> None:
    """By the account and either of its tokens, or by one of its API keys."""
    pairs = [(account.sid, account.token), (account.sid, account.secondary), *account.keys.items()]
    kind, _, given = header.partition(" ")
    known = [base64.b64encode(f"{name}:{secret}".encode()) for name, secret in pairs if secret]
    if kind.lower() != "basic" or not any(hmac.compare_digest(given.encode(), one) for one in known):
        raise Refused(20003, status=401)


def _typing(ledger: Ledger, account: Account, request: Request) -> Reply:
    """Show that somebody types, under a message of the customer, which counts as read from then on."""
    authenticate(account, request.authorization)
    message = ledger.message(one(request.form, "messageId") or "")
    if (
        request.method != "POST"
        or one(request.form, "channel") != "whatsapp"
        or not (message and message.inbound)
    ):
        raise Refused(20404, status=404)
    books.type(ledger, message)
    return Reply(200, {"success": True})


def login(header: str) -> str:
    """The name in a basic authorization."""
    try:
        return base64.b64decode(header.partition(" ")[2], validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


def _described(account: Account, request: Request) -> None:
    """What Twilio refuses by a number of its own is refused by that; what remains, by its description."""
    if is_create(request, account):
        checks.draft(request.form, checks.Sender(account.number))
    contract.check(request.method, request.path, request.query, request.form, request.body)


def _contents(ledger: Ledger, account: Account, request: Request) -> Reply:
    if request.path == contents.PATH:
        return Reply(200, contents.page(ledger, account, request.query))
    return Reply(201, contents.create(ledger, account, request.body))


def _messages(ledger: Ledger, account: Account, request: Request) -> Reply:
    if request.method == "POST":
        return create(ledger, account, request.form)
    return Reply(200, listing.page(ledger, account, request.query))


def _message(ledger: Ledger, account: Account, request: Request, message: Message) -> Reply:
    if request.method == "DELETE":
        books.delete(ledger, message.sid)
        return Reply(204)
    if request.method == "POST" and one(request.form, "Body") == "" and "Body" in request.form:
        books.redact(ledger, message.sid)
        message = ledger.message(message.sid) or message
    return Reply(200, shapes.resource(account, message, files=shapes.files(ledger, message)))


def _media(ledger: Ledger, account: Account, message: Message, file: str | None) -> Reply:
    files = ledger.media(message.sid)
    if file is None:
        base = f"{account.path}/Messages/{message.sid}/Media"
        items = [
            {"sid": item.sid, "content_type": item.type, "uri": f"{base}/{item.sid}.json"} for item in files
        ]
        return Reply(200, {"media_list": items, "page": 0, "page_size": 50, "next_page_uri": None})
    if all(item.sid != file for item in files):
        raise Refused(20404, status=404)
    return Reply(302, headers=(("Location", f"{FILES}{message.sid}/{file}"),))


def _file(ledger: Ledger, path: str) -> Reply:
    """Where the API's redirect leads: whoever knows the address gets the file."""
    message, _slash, sid = path.partition("/")
    for item in ledger.media(message):
        if item.sid == sid:
            return Reply(200, content=item.content, content_type=item.type)
    raise Refused(20404, status=404)


def create(ledger: Ledger, account: Account, form: Form) -> Reply:
    """Check a new message, take it, and plan its callbacks; a scripted callback fault bends the plan."""
    draft = _filled(ledger, checks.draft(form, checks.Sender(account.number), strict=account.strict))
    customer = customers.find(ledger, draft.customer)
    if customer is None and draft.template:  # written to first: their phone can be looked at, and answer
        if not customers.everybody(ledger):
            customers.first(ledger)
        customer = customers.meet(ledger, draft.customer)
    refuses = customer.refuses if customer else None
    if refuses in checks.AT_ONCE:
        raise Refused(int(refuses or 0))
    fault = faults.take(ledger, "callback", draft.customer)
    steps = faults.bend(_steps(ledger, account.timing, draft, refuses), fault)
    message = books.accept(ledger, draft, steps=steps)
    if fault is not None and fault.name == "early":
        ledger.wait_for(lambda: not ledger.pending(sid=message.sid), timeout=5)
    return Reply(201, shapes.resource(account, message, files=len(draft.media)), sid=message.sid)


def _filled(ledger: Ledger, draft: books.Draft) -> books.Draft:
    """A content with its variables reads as the customer will read it, in Twilio's list as well."""
    if draft.template is None:
        return draft
    values = contents.checked(ledger, draft.template, draft.variables)
    return replace(draft, body=contents.shown(ledger, draft.template, values).body)


def _steps(ledger: Ledger, timing: Timing, draft: books.Draft, refuses: int | None) -> list[Step]:
    """How the message will fare. What is not approved fails outside the 24 hours, and only a callback says so."""
    last = ledger.last_inbound(draft.customer)
    free = draft.template is None or not contents.approved(ledger, draft.template)
    if free and (last is None or ledger.clock() - last > books.DAY):
        return [Step(timing.sent, "failed", 63016)]
    if draft.template and contents.spoiled(contents.checked(ledger, draft.template, draft.variables)):
        return [Step(timing.sent, "failed", 63013)]
    if refuses:
        return [Step(timing.sent, "sent"), Step(timing.delivered, "undelivered", refuses)]
    return [Step(timing.sent, "sent"), Step(timing.delivered, "delivered")]
