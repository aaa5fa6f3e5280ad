"""Twilio's door: what a signature opens, what it does not, and what is left behind either way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import InterfaceError, OperationalError
from django.test import Client

from conversations import contacts, leases, retry, webhooks
from conversations.models import (
    Attachment,
    Contact,
    Conversation,
    InboundWebhook,
    Message,
    Organization,
    Sender,
    WebhookOutcome,
)
from tests.builders import form, make_sender
from tests.signed import KINDS, PAYLOADS, WEBHOOK, payload, post, signature

pytestmark = pytest.mark.django_db

SECONDARY = "fedcba9876543210fedcba9876543210"


@pytest.fixture
def sender() -> Sender:
    return make_sender()


@pytest.fixture
def refused(client: Client, sender: Sender) -> Callable[..., None]:
    """Post it; a bare 403 comes back and nothing was stored."""

    def check(params: dict[str, Any], **options: Any) -> None:
        response = post(client, params, **options)

        assert (response.status_code, response.content) == (403, b"")
        assert not InboundWebhook.objects.exists()
        assert not Message.objects.exists()
        assert not Contact.objects.exists()

    return check


class TestGoodSignature:
    def test_is_answered_with_nothing_to_say(self, client: Client, sender: Sender) -> None:
        response = post(client, form("oi"))

        assert response.status_code == 200
        assert response["Content-Type"] == "text/xml"
        assert response.content == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'

    @pytest.mark.parametrize("kind", KINDS)
    def test_stores_every_kind_of_message(self, client: Client, sender: Sender, kind: str) -> None:
        params = payload(kind)

        response = post(client, params)

        message = Message.objects.get(author="customer")
        raw = InboundWebhook.objects.get()
        assert response.status_code == 200
        assert message.provider_sid == params["MessageSid"]
        assert message.body == params["Body"]
        assert (raw.outcome, raw.message, raw.params) == (WebhookOutcome.APPLIED, message, params)

    @pytest.mark.parametrize(
        ("ours", "signed"),
        [("", ":443"), (":443", ""), (":443", ":443"), (":8443", ""), (":8443", ":8443")],
    )
    def test_counts_with_and_without_a_port(
        self, client: Client, sender: Sender, settings: Any, ours: str, signed: str
    ) -> None:
        settings.APP_URL = f"https://desk.example.com{ours}/"

        response = post(client, form("oi"), url=f"https://desk.example.com{signed}{WEBHOOK}")

        assert response.status_code == 200

    def test_covers_the_query_as_it_stands(self, client: Client, sender: Sender) -> None:
        response = post(client, form("oi"), path=f"{WEBHOOK}?b=2&a=%C3%A9&a=1&blank=")

        assert response.status_code == 200

    def test_may_be_of_the_second_token_while_it_rotates(
        self, client: Client, sender: Sender, settings: Any
    ) -> None:
        settings.TWILIO_AUTH_TOKEN_SECONDARY = SECONDARY

        assert post(client, form("um"), token=SECONDARY).status_code == 200
        assert post(client, form("dois")).status_code == 200
        assert Message.objects.count() == 2

    def test_is_made_with_the_senders_own_token(self, client: Client, sender: Sender) -> None:
        other = Sender(organization=sender.organization, account_sid="AC2", address="whatsapp:+550002")
        other.auth_token = "another token"
        other.save()
        params = form("oi") | {"AccountSid": "AC2", "To": "whatsapp:+550002"}

        assert post(client, params).status_code == 403
        assert post(client, params, token="another token").status_code == 200
        assert Conversation.objects.get().sender == other

    def test_accepts_fields_nobody_knows_yet(self, client: Client, sender: Sender) -> None:
        params = form("oi") | {"SomethingNew2031": "é", "Empty": ""}

        assert post(client, params).status_code == 200
        assert InboundWebhook.objects.get().params == params

    def test_does_not_depend_on_the_host_that_was_asked(
        self, client: Client, sender: Sender, settings: Any
    ) -> None:
        settings.ALLOWED_HOSTS = ["*"]
        params = form("oi")

        response = client.post(
            WEBHOOK,
            "&".join(f"{name}={value}" for name, value in params.items()).replace("+", "%2B"),
            content_type="application/x-www-form-urlencoded",
            headers={
                "host": "internal:8000",
                "x-forwarded-host": "evil.example",
                "x-twilio-signature": signature(params),
            },
        )

        assert response.status_code == 200

    def test_makes_the_sender_of_the_environment_at_its_first_message(self, client: Client) -> None:
        assert post(client, form("oi")).status_code == 200
        assert Sender.objects.get().address == "whatsapp:+551150280000"


class TestBadSignature:
    @pytest.mark.parametrize(
        "wrong",
        [
            None,
            " ",
            "nonsense",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "não é assinatura",
            "\udcff\udcfe",
            "x" * 10_000,
            "a,b",
            "\x00",
        ],
    )
    def test_is_refused_whatever_it_looks_like(self, refused: Callable[..., None], wrong: str | None) -> None:
        refused(form("oi"), signed=wrong)

    @pytest.mark.parametrize(
        "url",
        [
            f"http://desk.example.com{WEBHOOK}",
            f"https://desk.example.com{WEBHOOK}/",
            f"https://desk.example.com{WEBHOOK}?a=1",
            f"https://desk.example.com{WEBHOOK}#rc=2",
            f"https://other.example.com{WEBHOOK}",
            "https://desk.example.com/api/twilio/status",
            f"https://DESK.example.com{WEBHOOK}",
        ],
    )
    def test_is_one_for_another_address(self, refused: Callable[..., None], url: str) -> None:
        refused(form("oi"), url=url)

    def test_is_one_for_the_query_in_another_order(self, refused: Callable[..., None]) -> None:
        url = django_settings.APP_URL + WEBHOOK

        refused(form("oi"), path=f"{WEBHOOK}?a=1&b=2", url=f"{url}?b=2&a=1")

    @pytest.mark.parametrize("token", ["", "another token", SECONDARY, "0123456789ABCDEF0123456789ABCDEF"])
    def test_is_one_with_another_token(self, refused: Callable[..., None], token: str) -> None:
        refused(form("oi"), token=token)

    def test_is_one_that_anybody_can_make_while_a_sender_has_no_token(
        self, client: Client, sender: Sender
    ) -> None:
        Sender.objects.create(organization=sender.organization, account_sid="AC2", address="whatsapp:+550002")
        params = form("oi") | {"AccountSid": "AC2", "To": "whatsapp:+550002"}

        assert post(client, params, token="").status_code == 403
        assert not InboundWebhook.objects.exists()

    @pytest.mark.parametrize(
        "changed",
        [
            {"Body": "outra coisa"},
            {"Body": "oi "},
            {"From": "whatsapp:+5511900000000"},
            {"Extra": "1"},
            {"Extra": ""},
            {"ProfileName": ["João Silva", "Zé"]},
        ],
    )
    def test_covers_every_field(self, refused: Callable[..., None], changed: dict[str, Any]) -> None:
        params = form("oi")

        refused(params | changed, signed=signature(params))

    def test_covers_fields_that_were_left_out(self, refused: Callable[..., None]) -> None:
        params = form("oi")

        refused({name: params[name] for name in params if name != "NumMedia"}, signed=signature(params))

    def test_is_none_for_a_sid_that_has_swallowed_the_next_field(self, refused: Callable[..., None]) -> None:
        """Twilio signs names and values without a border between them: this form has the very same signature."""
        params = form("oi")
        moved = {name: params[name] for name in params if name != "MessageType"}
        moved["MessageSid"] += "MessageType" + params["MessageType"]
        assert signature(moved) == signature(params)

        refused(moved)

    @pytest.mark.parametrize(
        "known", [{"AccountSid": "AC2"}, {"To": "whatsapp:+550000"}, {"AccountSid": ""}, {"To": ""}]
    )
    def test_is_any_for_a_number_that_is_not_ours(
        self, refused: Callable[..., None], known: dict[str, str]
    ) -> None:
        refused(form("oi") | known)

    def test_is_any_for_no_number_where_none_is_set(self, client: Client, settings: Any, db: None) -> None:
        settings.TWILIO_WHATSAPP_NUMBER = ""

        assert post(client, form("oi") | {"To": ""}).status_code == 403
        assert not InboundWebhook.objects.exists()

    @pytest.mark.parametrize("name", ["AccountSid", "To"])
    @pytest.mark.parametrize("value", ["\x00", "x" * 10_000, "%", "😀"])
    def test_survives_odd_accounts(self, refused: Callable[..., None], name: str, value: str) -> None:
        refused(form("oi") | {name: value})

    def test_cannot_choose_its_own_algorithm(self, client: Client, sender: Sender) -> None:
        params = form("oi")

        response = client.post(
            WEBHOOK,
            params,
            headers={
                "x-twilio-signature": signature(params),
                "x-twilio-webhooks-signature-settings": "key=k,algorithm=HMAC_SHA256",
            },
        )

        assert response.status_code in (403, 415)

    def test_leaves_nothing_behind_on_a_fresh_installation(self, client: Client) -> None:
        assert post(client, form("oi"), signed="nonsense").status_code == 403

        assert not Sender.objects.exists()
        assert not Organization.objects.exists()

    def test_is_logged_without_a_word_of_the_form(
        self, client: Client, sender: Sender, caplog: pytest.LogCaptureFixture
    ) -> None:
        post(client, form("segredo"), signed="nonsense")

        assert "refused" in caplog.text
        assert "segredo" not in caplog.text
        assert "5511987654321" not in caplog.text


class TestReplay:
    def test_is_the_same_message(self, client: Client, sender: Sender) -> None:
        params = form("oi")

        answers = [post(client, params).content for _ in range(3)]

        assert len(set(answers)) == 1
        assert Message.objects.count() == 1
        assert list(InboundWebhook.objects.order_by("pk").values_list("outcome", flat=True)) == [
            "applied",
            "duplicate",
            "duplicate",
        ]

    def test_with_a_border_moved_in_the_text_stays_the_first_text(
        self, client: Client, sender: Sender
    ) -> None:
        params = form("oi")
        post(client, params)
        moved = {name: params[name] for name in params if name != "From"}
        moved["Body"] += "From" + params["From"]
        assert signature(moved) == signature(params)

        post(client, moved)

        assert Message.objects.get().body == "oi"

    def test_does_not_count_as_unread_twice(self, client: Client, sender: Sender) -> None:
        params = form("oi")
        post(client, params)
        before = Conversation.objects.values().get()

        post(client, params)

        assert Conversation.objects.values().get() == before


class TestOtherRequests:
    @pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE"])
    @pytest.mark.parametrize("path", [WEBHOOK, "/api/twilio/status"])
    def test_other_methods_are_not_allowed(self, client: Client, method: str, path: str) -> None:
        response = client.generic(method, path)

        assert response.status_code == 405
        assert response["Allow"] == "POST"

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/plain",
            "",
            "nonsense",
        ],
    )
    def test_other_content_types_are_not_supported(
        self, client: Client, sender: Sender, content_type: str
    ) -> None:
        response = post(client, form("oi"), content_type=content_type)

        assert response.status_code == 415
        assert not InboundWebhook.objects.exists()

    def test_a_slash_too_many_is_no_redirect(self, client: Client, sender: Sender) -> None:
        assert post(client, form("oi"), path=f"{WEBHOOK}/").status_code == 404


class TestTrouble:
    def test_in_applying_keeps_the_raw_form_and_is_tried_again(
        self, client: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        params = form("oi")
        with monkeypatch.context() as broken:
            broken.setattr(contacts, "resolve", _raise(RuntimeError("a bug")))
            response = post(client, params)

        raw = InboundWebhook.objects.get()
        assert response.status_code == 200
        assert (raw.outcome, raw.reason, raw.params) == ("failed", "RuntimeError", params)
        assert raw.due_at is not None
        assert not Contact.objects.exists()

        assert leases.claim(raw)
        retry.again(raw, raw.due_at)

        after = InboundWebhook.objects.get()
        assert (after.outcome, after.reason, after.due_at) == ("applied", "", None)
        assert after.message == Message.objects.get()

    def test_late_in_applying_leaves_no_half_of_it(
        self, client: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Attachment.objects, "bulk_create", _raise(ValueError("a bug")))

        response = post(client, payload("image_caption"))

        assert response.status_code == 200
        assert InboundWebhook.objects.get().outcome == "failed"
        assert not Message.objects.exists()
        assert not Contact.objects.exists()

    @pytest.mark.parametrize("error", [OperationalError("gone away"), InterfaceError("connection closed")])
    @pytest.mark.parametrize("place", ["looking for the sender", "storing"])
    def test_with_the_database_asks_twilio_to_come_back(
        self,
        client: Client,
        sender: Sender,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        place: str,
    ) -> None:
        if place == "storing":
            monkeypatch.setattr(InboundWebhook, "save", _raise(error))
        else:
            monkeypatch.setattr(webhooks, "_sender", _raise(error))

        response = post(client, form("oi"))

        assert response.status_code == 503
        assert response["Retry-After"]
        assert not Message.objects.exists()


def _raise(error: Exception) -> Callable[..., None]:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    return fail


def test_payloads_are_found() -> None:
    assert len(KINDS) == 17
    assert PAYLOADS.is_dir()
