"""What each answer of the API proves. One row of the outcome table is one case here."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone
from pytest_httpserver import HTTPServer

from conversations.twilio import client, transport
from handoffflow.simulator.standin import StandIn, free_port
from tests.builders import JOAO
from tests.conftest import TWILIO_AUTH_TOKEN, TWILIO_SID
from tests.standin import build

NUMBER = "whatsapp:+551150280000"
CALLBACK = "https://desk.example.com/api/twilio/status?mid=00000000-0000-4000-8000-000000000001"
MESSAGES = f"/2010-04-01/Accounts/{TWILIO_SID}/Messages.json"
SECRET = "O boleto de João venceu"


@pytest.fixture
def twilio(tmp_path: Path) -> Iterator[StandIn]:
    """Its callbacks go nowhere: these tests are about the answers."""
    with build(tmp_path / "simulator.sqlite3", webhook_base="http://127.0.0.1:9") as running:
        running.meet(JOAO)
        yield running


@pytest.fixture
def own_certificate(tmp_path: Path) -> Iterator[HTTPServer]:
    """Speaks TLS under a certificate that nobody we trust has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = timezone.now()
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    unencrypted = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
    pem.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with HTTPServer(host="localhost", ssl_context=context) as server:
        yield server


def send(base: str, *, token: str = TWILIO_AUTH_TOKEN, deadline: float = 5, **changes: Any) -> client.Outcome:
    async def call() -> client.Outcome:
        try:
            return await client.send(
                client.Account(TWILIO_SID, token, base),
                **{"to": JOAO, "from_": NUMBER, "body": SECRET, "status_callback": CALLBACK} | changes,
                deadline=deadline,
            )
        finally:
            await client.close()

    return asyncio.run(call())


class TestAnAnswer:
    def test_with_a_sid_is_accepted(self, twilio: StandIn) -> None:
        outcome = send(twilio.url)

        (sent,) = twilio.sent()
        assert (outcome.kind, outcome.sid, outcome.status) == ("accepted", sent.sid, "queued")
        assert (sent.body, sent.customer) == (SECRET, JOAO)

    @pytest.mark.parametrize(
        ("fault", "cause"),
        [
            ("empty_201", "no_sid"),
            ("no_sid_201", "no_sid"),
            ("not_json_201", "unreadable"),
            ("500", "server_error"),
            ("503", "server_error"),
            ("html_500", "server_error"),
            ("reset_before", "broken"),
            ("reset_after_accept", "broken"),
            ("fin_after_accept", "broken"),
            ("truncated", "broken"),
            ("accept_then_timeout", "timeout"),
            ("slow_drip", "timeout"),
        ],
    )
    def test_that_proves_nothing_is_unknown(self, twilio: StandIn, fault: str, cause: str) -> None:
        twilio.script(fault)

        outcome = send(twilio.url, deadline=0.7)

        assert (outcome.kind, outcome.cause) == ("unknown", cause)
        assert len(twilio.requests()) == 1

    @pytest.mark.parametrize(
        ("status", "code", "kind", "cause"),
        [
            (400, 21211, "refused", "refused"),
            (400, 21610, "refused", "refused"),
            (400, 63007, "refused", "refused"),
            (403, 20403, "refused", "refused"),
            (404, 20404, "refused", "refused"),
            (401, 20003, "alarm", "credentials"),
            (403, 20003, "alarm", "credentials"),
            (400, 63018, "retry", "busy"),
            (400, 14107, "retry", "busy"),
            (408, 0, "refused", "refused"),
            (502, 20500, "unknown", "server_error"),
            (504, 0, "unknown", "server_error"),
        ],
    )
    def test_that_refuses_says_how(
        self, httpserver: HTTPServer, status: int, code: int, kind: str, cause: str
    ) -> None:
        payload = {"code": code, "message": f"To {JOAO}", "status": status}
        httpserver.expect_request(MESSAGES).respond_with_json(payload, status=status)

        outcome = send(httpserver.url_for("/"))

        assert (outcome.kind, outcome.cause, outcome.code) == (kind, cause, code or None)

    def test_in_the_newer_form_of_errors_is_read_as_well(self, httpserver: HTTPServer) -> None:
        problem = {
            "type": "https://twilio.com/errors/21211",
            "title": "Invalid To",
            "status": 400,
            "code": 21211,
        }
        httpserver.expect_request(MESSAGES).respond_with_json(problem, status=400)

        assert send(httpserver.url_for("/")).kind == "refused"

    @pytest.mark.parametrize(
        ("header", "seconds"), [("7", 7), ("0", 0), ("-3", 0), ("soon", None), ("nan", None), ("1e9", 3600)]
    )
    def test_that_asks_to_wait_says_how_long(
        self, httpserver: HTTPServer, header: str, seconds: float
    ) -> None:
        httpserver.expect_request(MESSAGES).respond_with_json(
            {"code": 20429, "message": "Too Many Requests"}, status=429, headers={"Retry-After": header}
        )

        outcome = send(httpserver.url_for("/"))

        assert (outcome.kind, outcome.code, outcome.retry_after) == ("retry", 20429, seconds)

    def test_that_redirects_is_not_followed(self, twilio: StandIn) -> None:
        twilio.script("302")

        outcome = send(twilio.url)

        assert (outcome.kind, outcome.cause) == ("alarm", "redirect")
        assert twilio.sent() == []


class TestACall:
    def test_that_reaches_nobody_may_be_repeated(self) -> None:
        outcome = send(f"http://127.0.0.1:{free_port()}")

        assert (outcome.kind, outcome.cause) == ("retry", "not_connected")

    def test_to_an_unknown_name_may_be_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_args: object, **_kwargs: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)

        assert send("http://api.invalid").cause == "not_connected"

    def test_that_nobody_picks_up_may_be_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "SOCKET_SECONDS", 0.3)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            address = listening.getsockname()
            full = [socket.socket() for _ in range(4)]
            for one in full:
                one.setblocking(False)
                one.connect_ex(address)

            outcome = send(f"http://127.0.0.1:{address[1]}")

            for one in full:
                one.close()
        assert (outcome.kind, outcome.cause) == ("retry", "not_connected")

    def test_without_tls_on_the_other_side_is_an_alarm(self, twilio: StandIn) -> None:
        outcome = send(twilio.url.replace("http:", "https:"))

        assert (outcome.kind, outcome.cause) == ("alarm", "tls")

    def test_to_somebody_with_another_certificate_is_an_alarm(self, own_certificate: HTTPServer) -> None:
        outcome = send(own_certificate.url_for("/").rstrip("/"))

        assert (outcome.kind, outcome.cause) == ("alarm", "tls")
        assert own_certificate.log == []

    @pytest.mark.parametrize("fault", ["slow_drip", "accept_then_timeout"])
    def test_ends_at_its_deadline_whatever_drips_in(self, twilio: StandIn, fault: str) -> None:
        twilio.script(fault)

        outcome = send(twilio.url, deadline=0.5)

        assert outcome.cause == "timeout"

    def test_without_a_token_is_never_made(self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        """The SDK would take the token of the environment, which belongs to another account."""
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TWILIO_AUTH_TOKEN)

        outcome = send(twilio.url, token="")

        assert (outcome.kind, outcome.cause) == ("alarm", "credentials")
        assert twilio.requests() == []

    def test_goes_through_the_messaging_service_when_there_is_one(self, twilio: StandIn) -> None:
        service = "MG" + "0" * 32

        send(twilio.url, messaging_service_sid=service)

        (request,) = twilio.requests()
        assert request["form"]["MessagingServiceSid"] == [service]
        assert "From" not in request["form"]

    def test_carries_the_address_of_its_status(self, twilio: StandIn) -> None:
        send(twilio.url)

        assert twilio.requests()[0]["form"]["StatusCallback"] == [CALLBACK]

    def test_writes_nothing_private_into_the_log(
        self, twilio: StandIn, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        twilio.script("500")
        send(twilio.url)
        send(twilio.url, token="wrong-token-of-somebody")

        assert not [
            secret for secret in (SECRET, JOAO, "wrong-token", TWILIO_AUTH_TOKEN) if secret in caplog.text
        ]

    def test_does_not_show_its_token(self) -> None:
        assert TWILIO_AUTH_TOKEN not in repr(client.Account(TWILIO_SID, TWILIO_AUTH_TOKEN))


class TestCalls:
    def test_share_connections_of_one_loop(self, httpserver: HTTPServer) -> None:
        ports = set()

        def answer(request: Any) -> Any:
            from werkzeug import Response

            ports.add(request.environ["REMOTE_PORT"])
            return Response('{"sid": "SM1", "status": "queued"}', 201, content_type="application/json")

        httpserver.expect_request(MESSAGES).respond_with_handler(answer)

        async def several() -> None:
            account = client.Account(TWILIO_SID, TWILIO_AUTH_TOKEN, httpserver.url_for("/"))
            for _ in range(3):
                await client.send(account, to=JOAO, from_=NUMBER, body="oi", status_callback=CALLBACK)
            assert len(client._pools[asyncio.get_running_loop()].clients) == 1
            await client.close()
            assert asyncio.get_running_loop() not in client._pools

        asyncio.run(several())

    def test_keep_their_headers_apart(self, httpserver: HTTPServer) -> None:
        def answer(request: Any) -> Any:
            from werkzeug import Response

            wait = request.form["Body"]
            time.sleep(0.1 if wait == "5" else 0)
            return Response('{"code": 20429}', 429, headers={"Retry-After": wait})

        httpserver.expect_request(MESSAGES).respond_with_handler(answer)

        async def at_once() -> list[client.Outcome]:
            account = client.Account(TWILIO_SID, TWILIO_AUTH_TOKEN, httpserver.url_for("/"))
            calls = [
                client.send(account, to=JOAO, from_=NUMBER, body=body, status_callback=CALLBACK)
                for body in ("5", "9")
            ]
            outcomes = await asyncio.gather(*calls)
            await client.close()
            return outcomes

        assert [outcome.retry_after for outcome in asyncio.run(at_once())] == [5, 9]


class TestListing:
    def listing(self, base: str, *, since: datetime | None = None) -> list[client.Listed]:
        async def call() -> list[client.Listed]:
            account = client.Account(TWILIO_SID, TWILIO_AUTH_TOKEN, base)
            start = since or timezone.now() - timedelta(minutes=1)
            try:
                return await client.listing(account, to=JOAO, from_=NUMBER, since=start, deadline=5)
            finally:
                await client.close()

        return asyncio.run(call())

    def test_finds_what_was_sent_oldest_first(self, twilio: StandIn) -> None:
        first = send(twilio.url, body="um")
        second = send(twilio.url, body="dois")
        twilio.receive(JOAO, "oi")

        found = self.listing(twilio.url)

        assert [one.sid for one in found] == [first.sid, second.sid]
        assert [one.body for one in found] == ["um", "dois"]

    def test_leaves_out_what_is_older(self, twilio: StandIn) -> None:
        send(twilio.url)

        assert self.listing(twilio.url, since=timezone.now() + timedelta(seconds=5)) == []

    def test_leaves_out_what_has_no_date(self, httpserver: HTTPServer) -> None:
        undated = {
            "sid": "SM1",
            "direction": "outbound-api",
            "body": "oi",
            "status": "sent",
            "date_created": None,
        }
        page = {"messages": [undated], "page": 0, "page_size": 50}
        httpserver.expect_request(MESSAGES).respond_with_json(page)

        assert self.listing(httpserver.url_for("/")) == []

    def test_says_when_it_could_not_be_read(self) -> None:
        with pytest.raises(client.ListingFailed):
            self.listing(f"http://127.0.0.1:{free_port()}")
