"""Whatever reaches Twilio's door: never a 5xx, never anything unsigned, and what was signed is kept as written."""

from __future__ import annotations

import string
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from conversations.models import InboundWebhook, Message, Sender
from tests.builders import form, make_sender
from tests.signed import FORM, WEBHOOK, post, signature

pytestmark = pytest.mark.django_db

TEXTS = {
    "whitespace around it": "  oi \n\t ",
    "no-break spaces": "\u00a0oi\u2003",
    "emoji of four bytes": "👋🏽 família 👨‍👩‍👧‍👦 🇧🇷",
    "control characters": "a\x01\x02\x1f\x7f\x85b",
    "a noncharacter": "a\uffffb\ufffe",
    "a byte order mark": "\ufeffoi",
    "right to left": "\u202eabc\u202c مرحبا",
    "decomposed accents": "a\u0303o e\u0301 ç",
    "too many accents": "z" + "\u0301" * 500,
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}{% now %}",
    "htmx attributes": '"><b hx-get=/admin/ hx-trigger=load>',
    "a spreadsheet's formula": "=cmd|' /C calc'!A0",
    "line feeds of a log": "a\r\nERROR forged",
    "format strings": "%s%n{0.__class__}${jndi:ldap://x}",
    "a query": "'; DROP TABLE conversations_message; --",
    "a path": "../../../../etc/passwd\\..\\",
    "only spaces": "   ",
    "plus and percent": "1+1=2 %41 %zz &amp; a=b&c=d;",
    "one character": "x",
    "what WhatsApp takes": "ã" * 4096,
    "64 KiB": "0123456789abcdef" * 4096,
}


@pytest.fixture
def sender() -> Sender:
    return make_sender()


class TestText:
    @pytest.mark.parametrize("name", TEXTS)
    def test_is_kept_as_it_was_written(self, client: Client, sender: Sender, name: str) -> None:
        response = post(client, form(TEXTS[name]))

        assert response.status_code == 200
        assert Message.objects.get().body == TEXTS[name]
        assert InboundWebhook.objects.get().params["Body"] == TEXTS[name]

    def test_shows_where_a_nul_was(self, client: Client, sender: Sender) -> None:
        post(client, form("a\x00b", ProfileName="Jo\x00ão"))

        message = Message.objects.get()
        assert message.body == "a\u2400b"
        assert message.conversation.contact.name == "Jo\u2400ão"

    @pytest.mark.parametrize("raw", ["%ed%a0%80", "%ff", "%c3", "%f0%9f%98"])
    def test_marks_bytes_that_are_no_text(self, client: Client, sender: Sender, raw: str) -> None:
        params = form("BODY")
        decoded = bytes.fromhex(raw.replace("%", "")).decode("utf-8", "replace")

        response = _post_raw(client, params, "BODY", f"a{raw}b", decoded=f"a{decoded}b")

        assert response.status_code == 200
        assert Message.objects.get().body == f"a{decoded}b"
        assert "\ufffd" in decoded

    @pytest.mark.parametrize("escaped", ["\\ud800", "\\u0000", "\\udc00\\ud800"])
    def test_of_a_form_inside_the_form_is_stored_too(
        self, client: Client, sender: Sender, escaped: str
    ) -> None:
        post(client, form("", FlowData=f'{{"nome{escaped}": "a{escaped}b"}}'))

        assert InboundWebhook.objects.get().outcome == "applied"
        assert Message.objects.get().extras["flow"]

    def test_of_a_megabyte_is_stored(self, client: Client, sender: Sender) -> None:
        body = "á" * 350_000 + "a" * 300_000

        response = post(client, form(body))

        assert response.status_code == 200
        assert Message.objects.get().body == body


class TestFields:
    @pytest.mark.parametrize(
        "name",
        [
            "MessageSid",
            "From",
            "Body",
            "ProfileName",
            "WaId",
            "NumMedia",
            "MessageType",
            "ButtonText",
            "ButtonPayload",
            "ListId",
            "ListTitle",
            "InteractiveData",
            "FlowData",
            "Latitude",
            "Longitude",
            "Label",
            "Address",
            "OriginalRepliedMessageSid",
            "ReferralSourceId",
            "ReferralBody",
            "ExternalUserId",
            "ProfileUsername",
            "Forwarded",
            "MediaUrl0",
            "MediaContentType0",
            "MediaUrl9",
            "MessagingServiceSid",
            "ChannelMetadata",
        ],
    )
    def test_of_any_value_lead_to_an_outcome_that_is_no_failure(
        self, client: Client, sender: Sender, name: str
    ) -> None:
        for value in ("", "x" * 10_000, "x" * 256, "-1", "1e999", "NaN", "{", "[" * 2000, "😀"):
            response = post(client, form("oi") | {name: value})

            assert response.status_code == 200
            assert InboundWebhook.objects.latest("pk").outcome in ("applied", "ignored")

    @pytest.mark.parametrize("name", ["MessageSid", "From", "Body", "ProfileName", "MessageType", "WaId"])
    def test_may_be_missing(self, client: Client, sender: Sender, name: str) -> None:
        params = form("oi")
        del params[name]

        response = post(client, params)

        assert response.status_code == 200
        assert InboundWebhook.objects.get().outcome in ("applied", "ignored")

    @pytest.mark.parametrize("count", ["-1", "0", "1", "10", "11", "1000000000", "x", ""])
    def test_of_media_count_themselves(self, client: Client, sender: Sender, count: str) -> None:
        urls = {f"MediaUrl{number}": f"https://api.twilio.com/{number}" for number in (0, 2, 9, 10)}

        post(client, form("oi", NumMedia=count, **urls))

        assert Message.objects.get().attachments.count() == 3

    def test_twice_count_once(self, client: Client, sender: Sender) -> None:
        response = post(client, form("oi") | {"Body": ["um", "dois"]})

        assert response.status_code == 200
        assert Message.objects.get().body == "dois"


class TestFraming:
    @pytest.mark.parametrize("charset", ["bogus", "utf-16", "iso-8859-1", "utf-7", '"', "rot13", "x" * 5000])
    def test_in_another_charset_is_no_error(self, client: Client, sender: Sender, charset: str) -> None:
        response = post(
            client, form("oi"), content_type=f"application/x-www-form-urlencoded; charset={charset}"
        )

        assert response.status_code in (200, 403)
        assert response.status_code == 200 or response.content == b""

    def test_of_too_many_fields_is_refused(self, client: Client, sender: Sender) -> None:
        params = form("oi") | {f"Field{number}": "" for number in range(1001)}

        assert post(client, params).status_code == 403
        assert not InboundWebhook.objects.exists()

    def test_of_more_than_two_and_a_half_megabytes_is_refused(self, client: Client, sender: Sender) -> None:
        response = post(client, form("a" * 2_621_441))

        assert response.status_code == 403
        assert not InboundWebhook.objects.exists()

    @pytest.mark.parametrize(
        "body", [b"\n", b"&&&", b"=", b"%", b"\xff\xfe\x00", b"a" * 1000, b"{}", b"=" * 900]
    )
    def test_that_is_no_form_is_refused(self, client: Client, sender: Sender, body: bytes) -> None:
        response = client.generic(
            "POST", WEBHOOK, body, content_type=FORM, headers={"x-twilio-signature": "nonsense"}
        )

        assert response.status_code == 403
        assert not InboundWebhook.objects.exists()

    @pytest.mark.parametrize("query", ["?%", "?a=%ff", "?a=%00", "?" + "a" * 5000, "?a=ã", "?;;"])
    def test_with_an_odd_query_is_no_error(self, client: Client, sender: Sender, query: str) -> None:
        assert post(client, form("oi"), path=WEBHOOK + query).status_code in (200, 403)


_values = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80)
_names = st.sampled_from([*form(), "MediaUrl0", "Latitude", "FlowData", "ListId", "ExternalUserId"])
_mutations = st.dictionaries(_names | st.text(string.printable, min_size=1, max_size=12), _values, max_size=5)


class TestAnySignedForm:
    @given(mutation=_mutations, tampered=st.booleans())
    @hypothesis_settings(
        max_examples=60,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_is_let_in_by_its_signature_alone(
        self, client: Client, sender: Sender, mutation: dict[str, str], tampered: bool
    ) -> None:
        before = InboundWebhook.objects.count()
        params = form("oi") | mutation
        ours = (params["AccountSid"], params["To"]) == (sender.account_sid, sender.address)
        signed = signature(params)

        response = post(
            client, params | {"Body": params["Body"] + "!"} if tampered else params, signed=signed
        )

        expected = 200 if ours and not tampered else 403
        assert response.status_code == expected
        assert InboundWebhook.objects.count() == before + (expected == 200)
        if expected == 200:
            raw = InboundWebhook.objects.latest("pk")
            assert raw.outcome in ("applied", "ignored", "duplicate")
            assert raw.params == _stored(params)


def _stored(params: dict[str, str]) -> dict[str, str]:
    return {name.replace("\0", "\u2400"): value.replace("\0", "\u2400") for name, value in params.items()}


def _post_raw(client: Client, params: dict[str, str], mark: str, raw: str, *, decoded: str) -> Any:
    signed = signature({**params, "Body": decoded}, url=settings.APP_URL + WEBHOOK)
    return client.generic(
        "POST",
        WEBHOOK,
        urlencode(params).replace(mark, raw),
        content_type=FORM,
        headers={"x-twilio-signature": signed},
    )
