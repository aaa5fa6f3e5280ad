"""The stand-in Twilio for any test: import the fixture, or build one with ``open_standin``.

    from tests.standin import standin  # noqa: F401
    def test_…(standin, live_server): …

Webhooks and callbacks reach the live server and are signed for APP_URL. A customer who never wrote is outside
the 24-hour window, as at Twilio: let them write (``receive``) or make them known (``meet``) first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from handoffflow.simulator.shapes import Timing
from handoffflow.simulator.standin import StandIn


def build(ledger: Path, *, webhook_base: str, **options: Any) -> StandIn:
    return StandIn(
        ledger=ledger,
        account_sid=settings.TWILIO_SID,
        auth_token=settings.TWILIO_AUTH_TOKEN,
        number=settings.TWILIO_WHATSAPP_NUMBER,
        app_url=settings.APP_URL,
        webhook_base=webhook_base,
        **({"timing": Timing(sent=0.02, delivered=0.05)} | options),
    )


class Redirected(TwilioHttpClient):  # type: ignore[misc]
    """Twilio's own SDK with every host replaced by the stand-in's."""

    def __init__(self, base: str, *, timeout: float = 3) -> None:
        super().__init__(timeout=timeout)
        self.base = urlsplit(base)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(url)
        url = urlunsplit((self.base.scheme, self.base.netloc, parts.path, parts.query, ""))
        return super().request(method, url, *args, **kwargs)


def sdk(standin: StandIn, *, timeout: float = 3) -> Client:
    account = standin.account
    return Client(account.sid, account.token, http_client=Redirected(standin.url, timeout=timeout))


@pytest.fixture
def standin(tmp_path: Path, live_server: Any, settings: Any) -> Iterator[StandIn]:
    """A running stand-in whose webhooks reach the live server, with TWILIO_API_URL pointing to it."""
    with build(tmp_path / "simulator.sqlite3", webhook_base=live_server.url) as running:
        settings.TWILIO_API_URL = running.url
        yield running
