"""Twilio's forms: every kind of message is read, and nothing that can be signed breaks the reading."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from conversations.models import Kind
from conversations.twilio import payloads
from tests.builders import form

MEDIA = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
NAMES = [
    "MessageSid",
    "AccountSid",
    "From",
    "To",
    "Body",
    "NumMedia",
    "MediaUrl0",
    "MediaContentType0",
    "ProfileName",
    "WaId",
    "ExternalUserId",
    "Latitude",
    "Longitude",
    "Label",
    "FlowData",
    "InteractiveData",
    "ButtonText",
    "ListId",
    "ErrorCode",
    "MessageStatus",
    "MessageType",
]


def parse(body: str = "oi", **params: Any) -> payloads.InboundMessage:
    return payloads.parse_inbound(form(body, **params))


class TestParseInbound:
    def test_reads_a_text(self) -> None:
        message = parse("  Olá 👋 ", sid="SM9", OriginalRepliedMessageSid="SM8")

        assert (message.kind, message.body, message.sid, message.replied_sid) == (
            "text",
            "  Olá 👋 ",
            "SM9",
            "SM8",
        )
        assert (message.profile_name, message.from_) == ("João Silva", "whatsapp:+5511987654321")

    @pytest.mark.parametrize(
        ("content_type", "kind"),
        [
            ("image/jpeg", "image"),
            ("image/webp", "sticker"),
            ("audio/ogg; codecs=opus", "audio"),
            ("video/mp4", "video"),
            ("application/pdf", "document"),
            ("text/vcard", "contact"),
            ("text/x-vcard; charset=utf-8", "contact"),
            ("", "document"),
            ("nonsense", "document"),
        ],
    )
    def test_names_media_by_their_type(self, content_type: str, kind: str) -> None:
        message = parse("legenda", NumMedia="1", MediaUrl0=MEDIA, MediaContentType0=content_type)

        assert (message.kind, message.body) == (kind, "legenda")
        assert message.media == (payloads.Media(MEDIA, content_type),)

    @pytest.mark.parametrize("count", ["", "0", "-1", "abc", "9" * 5000, "٣", "1e9"])
    def test_counts_the_media_that_are_there(self, count: str) -> None:
        message = parse("", NumMedia=count, MediaUrl0=MEDIA, MediaUrl2=MEDIA + "2")

        assert [one.url for one in message.media] == [MEDIA, MEDIA + "2"]

    def test_reads_a_place(self) -> None:
        message = parse("", MessageType="location", Latitude="-23.5613", Longitude="-46.6565", Label="MASP")

        assert message.kind == "location"
        assert message.extras["location"] == {
            "latitude": -23.5613,
            "longitude": -46.6565,
            "label": "MASP",
            "address": "",
        }

    @pytest.mark.parametrize(
        ("latitude", "longitude"), [("nan", "1"), ("91", "1"), ("1", "inf"), ("", "1"), ("x", "1")]
    )
    def test_takes_no_impossible_place(self, latitude: str, longitude: str) -> None:
        message = parse("", MessageType="location", Latitude=latitude, Longitude=longitude)

        assert (message.kind, "location" in message.extras) == ("unsupported", False)

    def test_reads_a_button(self) -> None:
        message = parse("Sim", MessageType="interactive", ButtonText="Sim", ButtonPayload="yes")

        assert (message.kind, message.extras["button"]) == ("button", {"text": "Sim", "payload": "yes"})

    def test_reads_a_choice_from_a_list(self) -> None:
        message = parse("", MessageType="interactive", ListId="fin", ListTitle="Financeiro")

        assert (message.kind, message.body) == ("list", "Financeiro")
        assert message.extras["list"] == {"id": "fin", "title": "Financeiro"}

    @pytest.mark.parametrize(
        "params",
        [
            {"FlowData": '{"answer":"1_Sim","n":2}'},
            {"InteractiveData": '{"flowResponse":{"answer":"1_Sim","n":2}}'},
        ],
    )
    def test_reads_a_filled_in_form(self, params: dict[str, str]) -> None:
        message = parse("", MessageType="interactive", **params)

        assert (message.kind, message.extras["flow"]) == ("flow", {"answer": "1_Sim", "n": "2"})

    @pytest.mark.parametrize("data", ["{", "[1]", "[" * 100_000, '"x"', "9" * 5000])
    def test_survives_a_form_that_is_no_json(self, data: str) -> None:
        assert parse("", MessageType="interactive", FlowData=data, InteractiveData=data).kind == "unsupported"

    def test_keeps_the_advertisement_behind_a_click(self) -> None:
        message = parse(ReferralNumMedia="1", ReferralSourceId="118", ReferralHeadline="Segunda via")

        assert message.extras["referral"] == {"source_id": "118", "headline": "Segunda via"}

    def test_takes_no_advertisement_from_the_field_that_always_comes(self) -> None:
        assert "referral" not in parse(ReferralNumMedia="0").extras

    def test_marks_what_was_forwarded(self) -> None:
        assert parse(Forwarded="true").extras["forwarded"] is True
        assert "forwarded" not in parse(Forwarded="false").extras

    @pytest.mark.parametrize("given_id", ["whatsapp:BR.1502576394655843", "BR.1502576394655843"])
    def test_reads_the_id_of_a_customer_as_an_address(self, given_id: str) -> None:
        message = parse(ExternalUserId=given_id, address="whatsapp:BR.1502576394655843")

        assert message.user_id == message.from_ == "whatsapp:BR.1502576394655843"

    def test_shows_an_unknown_kind_as_such(self) -> None:
        assert parse("", MessageType="reaction").kind == "unsupported"
        assert parse("👍", MessageType="reaction").kind == "text"

    def test_takes_the_last_of_a_doubled_value(self) -> None:
        doubled = QueryDict("Body=a&Body=b&MessageSid=SM1")

        assert payloads.parse_inbound(doubled).body == "b"

    def test_replaces_what_no_database_stores(self) -> None:
        message = parse("a\x00b\ud800c", ProfileName="\x00", FlowData='{"x":"\\u0000\\ud800"}')

        assert (message.body, message.profile_name) == ("a\u2400b\ufffdc", "\u2400")
        assert message.extras["flow"] == {"x": "\u2400\ufffd"}

    def test_takes_no_sid_that_fits_no_column(self) -> None:
        assert parse(sid="S" * 65).sid == ""

    @given(st.dictionaries(st.sampled_from(NAMES), st.text(st.characters(), max_size=40)))
    def test_reads_whatever_can_be_signed(self, params: dict[str, str]) -> None:
        message = payloads.parse_inbound(params)
        update = payloads.parse_status(params)

        assert message.kind in Kind.values
        stored = json.dumps([message.extras, payloads.readable(params)], allow_nan=False, ensure_ascii=False)
        stored.encode()
        assert "\x00" not in stored + message.body + message.from_ + update.status


class TestParseStatus:
    def test_reads_a_failure(self) -> None:
        update = payloads.parse_status(
            {"MessageSid": "SM1", "MessageStatus": "Failed", "ErrorCode": "63016", "AccountSid": "AC1"}
        )

        assert (update.sid, update.status, update.error_code) == ("SM1", "failed", 63016)

    @pytest.mark.parametrize("code", ["", "0", "-1", "abc", "9" * 5000, "٣", "6.3"])
    def test_takes_no_odd_code(self, code: str) -> None:
        assert payloads.parse_status({"ErrorCode": code}).error_code is None

    def test_falls_back_to_the_old_names(self) -> None:
        update = payloads.parse_status({"SmsSid": "SM1", "SmsStatus": "sent"})

        assert (update.sid, update.status) == ("SM1", "sent")
