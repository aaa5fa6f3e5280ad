"""What no browser sends by itself: a 4xx or a sensible reading on every database, and never a failure."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from conversations.models import Conversation, Handoff, Mode
from operators.models import Operator, Reason
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.engine]
NUL = "a\x00b"


@pytest.fixture
def held(client: Client, ana: Operator) -> Conversation:
    client.force_login(ana)
    return builders.make_held(ana)


def post(client: Client, conversation: Conversation, action: str, **fields: Any) -> Any:
    return client.post(f"/operator/c/{conversation.public_id}/{action}", fields)


def finish(client: Client, held: Conversation, **fields: Any) -> Any:
    form = {"outcome": "solved", "epoch": held.epoch, "last_seen_seq": held.seq, **fields}
    return post(client, held, "release", **form)


class TestNul:
    def test_in_the_key_of_a_reply_costs_no_reply(self, client: Client, held: Conversation) -> None:
        for _click in range(2):
            response = post(client, held, "send", body="Bom dia!", epoch=held.epoch, client_key=NUL)
            assert response.status_code == 303

        assert [bubble.body for bubble in builders.bubbles(held)].count("Bom dia!") == 1

    def test_in_the_summary_is_shown_as_a_sign(self, client: Client, held: Conversation) -> None:
        assert finish(client, held, summary=NUL).status_code == 303

        assert Handoff.objects.get(conversation=held).context_out["summary"] == "a\u2400b"

    def test_in_the_outcome_is_none_of_ours(self, client: Client, held: Conversation) -> None:
        response = finish(client, held, outcome=NUL, summary="Trocado.")

        assert response.status_code == 422
        assert "Trocado." in response.content.decode()
        assert builders.fresh(held).mode == Mode.HUMAN

    @pytest.mark.parametrize("cookie", ['"\\000aaaaaaaaaaaa"', '"aaaaaaaaaaaa\\000"'])
    def test_in_a_cookie_is_no_session(self, client: Client, cookie: str) -> None:
        sent = f"{settings.SESSION_COOKIE_NAME}={cookie}"

        response = client.get("/operator/", HTTP_COOKIE=sent)

        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/")

    @pytest.mark.parametrize(
        "place", ["conversation/?mode__exact=", "delivery/?state__exact=", "botanswer/?language="]
    )
    def test_in_an_address_is_said_to_be_wrong(self, client: Client, place: str) -> None:
        client.force_login(builders.make_operator("caio", staff=True))

        response = client.get(f"/admin/conversations/{place}a%00b")

        assert response.status_code == 400
        assert "Pedido não entendido" in response.content.decode()


class TestATextThatIsTooLong:
    @pytest.mark.parametrize("length", [20_001, 100_000])
    def test_is_refused_and_kept(self, client: Client, held: Conversation, length: int) -> None:
        response = post(client, held, "send", body="a" * length, epoch=held.epoch, client_key="1")

        assert response.status_code == 422
        assert "a" * length in response.content.decode()
        assert builders.fresh(held).seq == held.seq

    def test_of_the_summary_is_cut_and_finishes(self, client: Client, held: Conversation) -> None:
        assert finish(client, held, summary="a" * 100_000).status_code == 303

        assert Handoff.objects.get(conversation=held).context_out["summary"] == "a" * 2000


@pytest.mark.parametrize("ticked", ["x", NUL, "1 OR 1", "", "9" * 40])
@pytest.mark.parametrize("rows", ["operators/reason", "conversations/botanswer"])
def test_a_row_that_cannot_be_is_not_deleted(client: Client, rows: str, ticked: str) -> None:
    client.force_login(builders.make_operator("caio", staff=True))
    form = {"action": "delete_selected", "_selected_action": ticked, "post": "yes"}

    assert client.post(f"/admin/{rows}/", form).status_code in {200, 302, 400}
    assert Reason.objects.count() == len(builders.REASONS)


class TestALoginName:
    @pytest.mark.parametrize("name", ["x" * 300, "é" * 5000, NUL])
    def test_that_nobody_can_have_is_just_wrong(self, client: Client, ana: Operator, name: str) -> None:
        response = client.post("/accounts/login/", {"username": name, "password": "demo"})

        assert response.status_code == 200
        assert "_auth_user_id" not in client.session
