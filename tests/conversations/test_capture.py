"""What Twilio really sends can be looked at, and nobody is in it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from conversations import capture, probe
from conversations.models import InboundWebhook
from tests import signed
from tests.builders import form, make_sender

pytestmark = pytest.mark.django_db
STATUS = "/api/twilio/status"


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    path = tmp_path / "capture.jsonl"
    settings.TWILIO_CAPTURE = str(path)
    return path


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class TestCapture:
    @pytest.mark.parametrize("kind", signed.KINDS)
    def test_keeps_names_and_shapes_and_nobody(self, client: Client, file: Path, kind: str) -> None:
        make_sender()
        given = signed.payload(kind)

        assert signed.post(client, given).status_code == 200

        [row] = lines(file)
        assert list(row["form"]) == list(given)
        text = file.read_text()
        for name in (
            "Body",
            "ProfileName",
            "From",
            "To",
            "WaId",
            "MessageSid",
            "AccountSid",
            "Address",
            "Latitude",
        ):
            value = given.get(name, "")
            if len(value) > 2:
                assert value not in text, name
        assert signed.signature(given) not in text
        assert row["form"]["MessageSid"][:2] == given["MessageSid"][:2]
        assert row["form"]["From"].startswith("whatsapp:")

    @pytest.mark.parametrize(
        ("name", "value", "shape"),
        [
            ("From", "whatsapp:+5511987654321", "whatsapp:+0000000000000"),
            ("From", "whatsapp:BR.1502AbC", "whatsapp:XX.0000XxX"),
            ("Body", "Olá, é a Zoë! 🙂\n2x", "Xxx, x x Xxx! *\n0x"),
            ("MessageSid", "SM" + "a1" * 16, "SM" + "0" * 32),
            ("MessageType", "interactive", "interactive"),
            ("MessageType", "ligue para 11987654321", "xxxxx xxxx 00000000000"),
            ("MediaContentType0", "audio/ogg; codecs=opus", "audio/ogg; codecs=opus"),
            ("Latitude", "-23.5614", "-00.0000"),
            (
                "MediaUrl0",
                f"https://api.twilio.com/2010-04-01/Accounts/AC{'1' * 32}/Messages/MM{'2' * 32}/Media/ME{'3' * 32}",
                f"https://api.twilio.com/2010-04-01/Accounts/AC{'0' * 32}/Messages/MM{'0' * 32}/Media/ME{'0' * 32}",
            ),
            ("ReferralSourceUrl", "https://fb.me/Ab1?x=joao", "https://xx.xx/Xx0?x=xxxx"),
            (
                "ChannelMetadata",
                '{"data": {"WaId": "5511987654321", "n": 7, "ok": true, "5511987654321": null}}',
                {"json": {"data": {"WaId": "0000000000000", "n": 0, "ok": True, "0000000000000": None}}},
            ),
            ("Body", "{não é JSON", "{xxx x XXXX"),
            ("Body", "a" * 300, "x" * 200 + "…(300)"),
        ],
    )
    def test_gives_a_value_its_shape(self, name: str, value: str, shape: Any) -> None:
        assert capture.redacted(name, value) == shape

    def test_takes_what_is_signed_and_no_probe(self, client: Client, file: Path) -> None:
        sender = make_sender()
        assert signed.post(client, form(), token="a guess").status_code == 403
        asked = probe.form(account_sid=sender.account_sid, address=sender.address)
        assert signed.post(client, asked).status_code == 200
        assert lines(file) == []

        report = {"AccountSid": sender.account_sid, "MessageSid": "SM" + "1" * 32, "MessageStatus": "read"}
        assert signed.post(client, report, path=STATUS).status_code == 204

        [row] = lines(file)
        assert (row["door"], row["form"]["MessageStatus"]) == ("status", "read")

    def test_is_its_owners_alone(self, client: Client, file: Path) -> None:
        make_sender()
        signed.post(client, form())

        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600

    @pytest.mark.parametrize("trouble", ["a folder", "unreadable"])
    def test_that_fails_costs_no_message(
        self, client: Client, file: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_sender()
        if trouble == "a folder":
            file.mkdir()
        else:
            monkeypatch.setattr(capture, "_request", lambda *given: 1 / 0)

        assert signed.post(client, form()).status_code == 200

        assert InboundWebhook.objects.get().outcome == "applied"

    def test_ends_at_its_bound(self, client: Client, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_sender()
        signed.post(client, form())
        size = file.stat().st_size
        monkeypatch.setattr(capture, "MOST_BYTES", 2 * size)

        for _again in range(4):
            signed.post(client, form())

        assert size < file.stat().st_size <= 2 * size

    def test_is_off_by_itself(self, client: Client, settings: Any) -> None:
        assert settings.TWILIO_CAPTURE == ""
