"""What is called for a customer's file, and what is not: an address in a form is somebody's claim."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any, cast

import aiohttp
import pytest
from yarl import URL

from conversations.twilio import downloads
from conversations.twilio.client import Account
from conversations.twilio.downloads import DownloadFailed, PublicResolver, is_public
from tests.conversations.fileserver import ENDLESS, Answer, Files, serving

FILE = "/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
MOST = 4096


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as running:
        yield running


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that is tried: none is made."""
    tried: list[Any] = []

    async def connect(self: Any, request: Any, *_rest: Any, **_named: Any) -> Any:
        tried.append(request.url)
        raise aiohttp.ClientConnectionError("not in this test")

    monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", connect)
    return tried


def fetch(url: str, *, base: str = "", token: str | None = None, deadline: float = 5) -> bytes:
    """The file, or the reason it was not had."""
    into = bytearray()

    async def run() -> None:
        account = Account("AC1", "secret" if token is None else token, base)
        await downloads.fetch(url, account, write=into.extend, most=MOST, deadline=deadline)

    asyncio.run(run())
    return bytes(into)


def reason(url: str, **params: Any) -> tuple[str, bool]:
    with pytest.raises(DownloadFailed) as failed:
        fetch(url, **params)
    return failed.value.reason, failed.value.final


STRANGE = [
    "",
    "file:///etc/passwd",
    "ftp://api.twilio.com/x",
    "gopher://127.0.0.1:6379/_INFO",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "//api.twilio.com/x",
    "/2010-04-01/Accounts/AC1/Media/ME1",
    "api.twilio.com/x",
    "http://api.twilio.com/x",
    "https://api.twilio.com:8443/x",
    "https://api.twilio.com:80/x",
    "https://api.twilio.com./x",
    "https://twilio.com/x",
    "https://nottwilio.com/x",
    "https://api.twilio.com.evil.example/x",
    "https://evil.example/https://api.twilio.com/x",
    "https://evil.example?.twilio.com",
    "https://evil.example#.twilio.com",
    "https://api.twilio.com@evil.example/x",
    "https://user:pass@api.twilio.com/x",
    "https://api.twilio.com%2eevil.example/x",
    "https://api.twilio.com\\@evil.example/x",
    "https://evil.example\\.twilio.com/x",
    "https://api.twilio.com\t.evil.example/x",
    "https://api.twilio.com\n/x",
    " https://api.twilio.com/x",
    "https://\u24e3wilio.com/x",
    "https://api\u3002twilio.com/x",
    "http://127.0.0.1/x",
    "https://127.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://0177.0.0.1/x",
    "https://127.1/x",
    "https://0/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[::ffff:a9fe:a9fe]/x",
    "https://[64:ff9b::7f00:1]/x",
    "http://169.254.169.254/latest/meta-data/",
    "https://metadata.google.internal/x",
    "https://localhost/x",
    "https://10.0.0.1/x",
    "https://mms.twiliocdn.com/x",
    "https://api.twilio.com/" + "x" * 5000,
]


@pytest.mark.parametrize("url", STRANGE)
def test_no_other_host_is_called(url: str, called: list[Any]) -> None:
    assert reason(url) == ("host", True)
    assert called == []


def test_a_file_of_twilio_is_called(called: list[Any]) -> None:
    assert reason(f"https://api.twilio.com{FILE}") == ("broken", False)
    assert [url.host for url in called] == ["api.twilio.com"]


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
    "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_of_twilio_that_leads_inside_is_not_called(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_public([address])
    connected: list[Any] = []

    async def resolve(_self: Any, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        entry = {"hostname": host, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [{**entry, "host": "3.5.1.1"}, {**entry, "host": address}]

    async def connect(_self: Any, *_rest: Any, **_named: Any) -> Any:
        connected.append(_rest)
        raise OSError

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    monkeypatch.setattr(aiohttp.TCPConnector, "_wrap_create_connection", connect)
    assert reason(f"https://api.twilio.com{FILE}") == ("host", True)
    assert connected == []


def test_public_addresses_are_public() -> None:
    assert is_public(["3.5.1.1", "2600:1f18::1", "64:ff9b::305:101"])


def test_the_installers_own_host_may_be_private() -> None:
    async def resolve(own: str | None) -> int:
        resolver = PublicResolver(own)
        try:
            return len(await resolver.resolve("localhost", 80))
        finally:
            await resolver.close()

    assert asyncio.run(resolve("localhost"))
    with pytest.raises(DownloadFailed):
        asyncio.run(resolve(None))


class TestFollowing:
    def test_the_api_gets_the_credentials_and_leads_to_the_file(self, files: Files) -> None:
        files.answers = {FILE: [Answer(302, headers={"Location": "/there"})], "/there": [Answer(200, b"x")]}
        assert fetch(files.url + FILE, base=files.url) == b"x"
        assert [path for path, _sent in files.asked] == [FILE, "/there"]
        assert str(files.asked[0][1]).startswith("Basic ")

    @pytest.mark.parametrize("target", [*(one for one in STRANGE[1:6]), *STRANGE[9:44]])
    def test_a_redirect_elsewhere_is_not_followed(self, files: Files, target: str) -> None:
        if not target.isprintable() or not target.isascii() or target.startswith((" ", "api")):
            target = "https://evil.example/"  # such a header cannot be written
        files.answers = {FILE: [Answer(302, headers={"Location": target})]}
        assert reason(files.url + FILE, base=files.url) == ("host", True)
        assert len(files.asked) == 1

    def test_whoever_keeps_the_file_does_not_get_them(self) -> None:
        """Where the redirect leads, nobody needs to know who we are."""
        asked: list[tuple[str, bool]] = []

        class Reply:
            def __init__(self, status: int, location: str = "") -> None:
                self.status, self.headers = status, {"Location": location}
                self.content_length = None

            async def __aenter__(self) -> Reply:
                return self

            async def __aexit__(self, *_error: object) -> None:
                pass

        replies = [Reply(307, "https://mms.twiliocdn.com/AC1/x"), Reply(404)]

        class Session:
            def get(self, target: URL, *, headers: dict[str, str], allow_redirects: bool) -> Reply:
                assert not allow_redirects
                asked.append((str(target.host), "Authorization" in headers))
                return replies.pop(0)

        account, session = Account("AC1", "secret", ""), cast(aiohttp.ClientSession, Session())
        with pytest.raises(DownloadFailed):
            asyncio.run(
                downloads._follow(
                    session, f"https://api.twilio.com{FILE}", account, lambda _piece: None, MOST
                )
            )
        assert asked == [("api.twilio.com", True), ("mms.twiliocdn.com", False)]

    def test_circles_end(self, files: Files) -> None:
        files.answers = {FILE: [Answer(302, headers={"Location": FILE})]}
        assert reason(files.url + FILE, base=files.url) == ("redirects", True)
        assert len(files.asked) == downloads.MOST_HOPS

    def test_nobody_is_asked_without_a_token(self, files: Files) -> None:
        assert reason(files.url + FILE, base=files.url, token="") == ("credentials", False)
        assert files.asked == []


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (Answer(404), ("not_found", False)),
            (Answer(410), ("gone", True)),
            (Answer(401), ("credentials", False)),
            (Answer(403), ("credentials", False)),
            (Answer(429), ("refused", False)),
            (Answer(500), ("refused", False)),
            (Answer(206, b"x"), ("refused", False)),
            (Answer(200), ("empty", False)),
            (Answer(200, b"x", {"Content-Encoding": "gzip"}), ("encoded", True)),
            (Answer(200, b"x" * (MOST + 1)), ("too_big", True)),
            (Answer(200, b"x", length=MOST + 1), ("too_big", True)),
            (Answer(200, b"x", length=10), ("broken", False)),
            (Answer(200, b"x" * 512, length=ENDLESS), ("too_big", True)),
        ],
        ids=lambda value: f"{value.status}-{value.length}" if isinstance(value, Answer) else str(value[0]),
    )
    def test_what_is_no_file_has_a_reason(
        self, files: Files, answer: Answer, expected: tuple[str, bool]
    ) -> None:
        files.answers = {FILE: [answer]}
        assert reason(files.url + FILE, base=files.url) == expected

    def test_a_full_file_is_taken_whole(self, files: Files) -> None:
        files.answers = {FILE: [Answer(200, b"y" * MOST)]}
        assert fetch(files.url + FILE, base=files.url) == b"y" * MOST

    def test_an_endless_wait_ends(self, files: Files) -> None:
        files.answers = {FILE: [Answer(200, b"x", length=MOST)]}
        with socket.create_server(("127.0.0.1", 0)) as silent:
            base = f"http://127.0.0.1:{silent.getsockname()[1]}"
            assert reason(base + FILE, base=base, deadline=0.2) == ("timeout", False)
