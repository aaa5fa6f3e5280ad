"""What may be called that somebody has named: public addresses by https, and listed hosts of the own network."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conversations import outward
from conversations.outward import AddressRefused, Answer
from tests.conversations.botserver import Said, serving

REFUSED = {
    "": "form",
    "bot.example.com/turn": "scheme",
    "http://bot.example.com/": "scheme",
    "ftp://bot.example.com/": "scheme",
    "file:///etc/passwd": "scheme",
    "https://ana:secret@bot.example.com/": "credentials",
    "https://bot.example.com\\@evil.example/": "form",
    "https://bot.example.com/ x": "form",
    "https://bót.example.com/": "form",
    "https://127.0.0.1/": "private",
    "https://[::1]/": "private",
    "https://[::ffff:10.0.0.1]/": "private",
    "https://10.1.2.3/": "private",
    "https://169.254.169.254/latest/meta-data": "private",
    "https://bot.example.com/" + "x" * 500: "form",
}
NAMES = ["https://localhost/", "https://2130706433/", "https://0x7f.1/", "https://127.1/"]


@pytest.mark.parametrize(("url", "code"), REFUSED.items())
def test_an_address_that_may_not_be_called_says_why(url: str, code: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        outward.checked(url)

    assert refused.value.code == code


@pytest.mark.parametrize("url", NAMES)
def test_a_name_that_leads_home_is_not_called(url: str) -> None:
    assert post(url).trouble in {
        "address: private",
        "connection: ClientConnectorDNSError",
        "connection: InvalidUrlClientError",
    }


def test_a_listed_host_may_be_called(settings: Any) -> None:
    settings.INTERNAL_HOSTS = frozenset({"bot"})

    assert outward.checked("http://bot:8080/turn").port == 8080


def test_a_host_that_is_listed_with_a_port_may_be_called_there_only(settings: Any) -> None:
    with serving() as bot:
        settings.INTERNAL_HOSTS = frozenset({f"localhost:{bot.port}"})

        assert post(f"http://localhost:{bot.port}/turn").status == 200
        assert post(f"http://localhost:{bot.port + 1}/turn").trouble == "address: scheme"
        assert post(f"http://127.0.0.1:{bot.port}/turn").trouble == "address: scheme"
        assert post("https://localhost/turn").trouble == "address: private"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (Said(b"ok"), (200, b"ok", "")),
        (Said(b"x" * 100), (200, b"x" * 41, "")),
        (Said(b"", status=302, headers={"Location": "https://example.com"}), (302, b"", "")),
        (Said(status=0), (0, b"", "connection: ServerDisconnectedError")),
        (Said(after=1), (0, b"", "timeout")),
    ],
    ids=["whole", "long", "redirect", "hung up", "slow"],
)
def test_what_comes_back(settings: Any, said: Said, wanted: tuple[int, bytes, str]) -> None:
    settings.INTERNAL_HOSTS = frozenset({"127.0.0.1"})
    with serving() as bot:
        bot.says = [said]
        answer = post(bot.url, seconds=0.3 if said.after else 10)

    assert (answer.status, answer.body[:41], answer.trouble) == wanted


@pytest.mark.parametrize(("told", "seconds"), [("7", 7.0), ("99999", 3600.0), ("soon", None), ("-1", None)])
def test_how_long_to_wait_is_bounded(settings: Any, told: str, seconds: float | None) -> None:
    settings.INTERNAL_HOSTS = frozenset({"127.0.0.1"})
    with serving() as bot:
        bot.says = [Said(status=429, headers={"Retry-After": told})]
        assert post(bot.url).retry_after == seconds


def post(url: str, seconds: float = 10) -> Answer:
    return asyncio.run(outward.post(url, b"{}", {}, seconds=seconds, most=40))
