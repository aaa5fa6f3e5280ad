"""A signed request through the public address: what comes of it tells where the way for Twilio's webhooks is broken."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.utils.translation import gettext as _

from conversations import probe
from conversations.models import Sender
from conversations.twilio import signature
from handoffflow.doctor.finding import Finding, error, ok

PATH = "/api/twilio/webhook"
PATIENCE = 10
LONGEST_ANSWER = 1000


class _Stay(HTTPRedirectHandler):
    """A redirected webhook loses its form."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def knock(senders: Iterable[Sender]) -> Iterator[Finding]:
    """One for each account is enough."""
    seen = set()
    for sender in senders:
        if sender.auth_token and sender.account_sid not in seen:
            seen.add(sender.account_sid)
            yield _knock(sender)


def _knock(sender: Sender) -> Finding:
    form = probe.form(account_sid=sender.account_sid, address=sender.address)
    status, answer = _post(form, sender.auth_token)
    subject = _("webhook address")
    if status == HTTPStatus.OK and probe.answers(form, answer):
        return ok("door", subject, _("A signed request comes through to this installation."))
    where = settings.APP_URL + PATH
    code, what, fix = _problem(status, answer)
    return error(code, subject, what % {"address": where, "answer": status or answer}, fix)


def _problem(status: int, answer: str) -> tuple[str, str, str]:
    if not status:
        return (
            "door_unreachable",
            _("%(address)s cannot be reached from here (%(answer)s)."),
            _("Is the product running (manage.py serve), and do name, proxy and certificate lead to it?"),
        )
    if status == HTTPStatus.FORBIDDEN:
        return (
            "door_refuses",
            _("%(address)s refuses a request that is signed properly."),
            _("APP_URL must be the address exactly as Twilio calls it, the same in every process, and the proxy must"
              " leave path, query and form alone."),
        )  # fmt: skip
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return (
            "door_redirects",
            _("%(address)s answers with a redirect (%(answer)s), and a redirected webhook loses its form."),
            _(
                "Set APP_URL to where the redirect leads, or take the redirect out of the proxy for this path."
            ),
        )
    return (
        "door_elsewhere",
        _("Something else than this installation answers at %(address)s (%(answer)s)."),
        _("Let APP_URL and the proxy lead to this installation; all its processes need the same SECRET_KEY."),
    )


def _post(form: dict[str, str], token: str) -> tuple[int, str]:
    """The status and the answer; 0 and the kind of failure when there was none."""
    url = settings.APP_URL + PATH
    request = Request(url, urlencode(form).encode(), method="POST")  # noqa: S310 (APP_URL is http or https)
    request.add_header("Content-Type", signature.FORM)
    request.add_header("X-Twilio-Signature", signature.sign(url, form, token))
    try:
        with build_opener(_Stay).open(request, timeout=PATIENCE) as answer:
            return int(answer.status), answer.read(LONGEST_ANSWER).decode("utf-8", "replace")
    except HTTPError as problem:
        problem.close()
        return problem.code, ""
    except URLError as problem:
        reason = problem.reason
        return 0, "TLS" if isinstance(reason, ssl.SSLError) else type(reason).__name__
    except (OSError, ValueError) as problem:
        return 0, type(problem).__name__
