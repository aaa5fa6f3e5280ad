from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from conversations import clock, deadlines, handoffs
from conversations.contract import Cause
from conversations.models import Conversation, Handoff, Mode
from operators import desk, presence, routing
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}
RUI = "whatsapp:+5511987650001"
NOTE = "Falta confirmar o endereço de entrega."


@pytest.fixture
def bia() -> Operator:
    bia = builders.make_operator("bia")
    presence.beat(bia, now=clock.now())
    return bia


@pytest.fixture
def panel(client: Client, bia: Operator) -> Client:
    client.force_login(bia)
    return client


def place(conversation: Conversation, what: str = "") -> str:
    return f"/operator/c/{conversation.public_id}/{what}"


def text(response: Any) -> str:
    return str(response.content.decode())


def row(page: str, conversation: Conversation) -> str:
    found = re.search(rf'<li [^>]*id="row-{conversation.public_id}".*?</li>', page, re.DOTALL)
    assert found
    return found[0]


def transfer(conversation: Conversation, *, by: Operator, to: Any, note: str = NOTE) -> Conversation:
    desk.transfer(
        conversation,
        by=desk.cause(by, "panel"),
        author=by,
        operator=by,
        to=to,
        note=note,
        now=clock.now(),
    )
    return builders.fresh(conversation)


def offer(conversation: Conversation, to: Operator, why: str, now: datetime | None = None) -> Conversation:
    desk.offer(
        conversation,
        operator=to,
        by=routing.CAUSE,
        why=why,
        answer_in=timedelta(seconds=30),
        now=now or clock.now(),
    )
    return builders.fresh(conversation)


class TestTheRow:
    def test_stands_first_with_who_handed_it_and_the_note(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        longer = builders.make_waiting(address=RUI, now=clock.now() - timedelta(hours=1))
        offered = transfer(builders.make_held(ana), by=ana, to=bia)

        page = text(panel.get("/operator/"))

        assert page.index(f"row-{offered.public_id}") < page.index(f"row-{longer.public_id}")
        shown = row(page, offered)
        assert "Oferecida a você" in shown
        assert f"<b>ana:</b> <q>{NOTE}</q>" in shown
        assert "ana transferiu esta conversa para você." in shown
        assert ">Aceitar<" in shown
        assert ">Recusar<" in shown

    def test_says_how_long_there_is_to_answer(self, panel: Client, bia: Operator) -> None:
        offered = offer(builders.make_waiting(), bia, routing.LEAST_LOADED)
        due_at = Handoff.objects.get(open_for=offered).due_at

        assert due_at
        assert f'data-left="{due_at.isoformat()}"' in row(text(panel.get("/operator/")), offered)

    @pytest.mark.parametrize(
        ("why", "said"),
        [
            (routing.LAST_SERVED, "Você atendeu João da última vez."),
            (routing.LEAST_LOADED, "você tem menos conversas"),
            (routing.LONGEST_IDLE, "há mais tempo sem receber conversa"),
            ("another", "Esta conversa foi reservada para você."),
        ],
    )
    def test_explains_why_it_is_theirs(self, panel: Client, bia: Operator, why: str, said: str) -> None:
        offered = offer(builders.make_waiting(), bia, why)

        assert said in row(text(panel.get("/operator/")), offered)

    def test_shortens_a_long_note(self, panel: Client, ana: Operator, bia: Operator) -> None:
        offered = transfer(builders.make_held(ana), by=ana, to=bia, note="palavra " * 40)

        shown = row(text(panel.get("/operator/")), offered)

        assert "palavra…</q>" in shown
        assert shown.count("palavra") < 15

    def test_for_somebody_else_names_them_and_cannot_be_taken(
        self, client: Client, ana: Operator, bia: Operator
    ) -> None:
        offered = offer(builders.make_waiting(), bia, routing.LEAST_LOADED)
        client.force_login(ana)

        shown = row(text(client.get("/operator/")), offered)

        assert "Oferecida a bia" in shown
        assert ">Atender<" not in shown

    def test_costs_nothing_while_there_is_none(
        self, panel: Client, bia: Operator, django_assert_max_num_queries: Any
    ) -> None:
        builders.make_waiting()

        with django_assert_max_num_queries(6):
            panel.get("/operator/list", headers=FRAGMENT)

    def test_changes_the_list_when_it_is_offered(self, panel: Client, bia: Operator) -> None:
        waiting = builders.make_waiting()
        before = panel.get("/operator/list", headers=FRAGMENT)
        offer(waiting, bia, routing.LEAST_LOADED)

        after = panel.get("/operator/list", headers=FRAGMENT | {"If-None-Match": before["ETag"]})

        assert after.status_code == 200


class TestTheCard:
    def test_asks_the_one_it_is_for(self, panel: Client, ana: Operator, bia: Operator) -> None:
        page = text(panel.get(place(transfer(builders.make_held(ana), by=ana, to=bia))))

        assert 'data-dock="offer"' in page
        assert page.count(">Recusar<") == 2

    def test_tells_everybody_else_to_whom(self, client: Client, ana: Operator, bia: Operator) -> None:
        offered = transfer(builders.make_held(ana), by=ana, to=bia)
        client.force_login(ana)

        page = text(client.get(place(offered)))

        assert 'data-dock="offered"' in page
        assert "Oferecida a bia" in page

    def test_changes_when_another_one_has_it(self, client: Client, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(bia)
        client.force_login(ana)
        card = re.search(r'data-card="([^"]+)"', text(client.get(place(held))))
        assert card
        carla = builders.make_operator("carla")
        desk.claim(held, operator=carla, door="panel", now=clock.now(), force=True)

        update = text(client.get(place(held, f"thread?dock={card[1]}"), headers=FRAGMENT))

        assert "carla já está atendendo" in update


class TestTheAnswer:
    def test_yes_makes_it_theirs(self, panel: Client, ana: Operator, bia: Operator) -> None:
        offered = transfer(builders.make_held(ana), by=ana, to=bia)

        panel.post(place(offered, "claim"))

        assert builders.fresh(offered).operator == bia

    def test_no_lets_anybody_take_it(self, panel: Client, ana: Operator, bia: Operator) -> None:
        offered = transfer(builders.make_held(ana), by=ana, to=bia)

        response = panel.post(place(offered, "decline"))

        after = builders.fresh(offered)
        assert (response.status_code, response["Location"]) == (303, "/operator/")
        assert (after.mode, after.offered_to) == (Mode.QUEUED, None)

    def test_no_brings_the_open_chat_up_to_date(self, panel: Client, ana: Operator, bia: Operator) -> None:
        offered = transfer(builders.make_held(ana), by=ana, to=bia)

        response = panel.post(place(offered, "decline"), {"dock": "offer"}, headers=FRAGMENT)

        assert response["HX-Trigger"] == "console:moved"
        assert 'data-dock="waiting"' in text(response)

    def test_no_to_what_is_not_theirs_to_see_says_nothing_of_it(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        bia.queues.clear()
        offered = transfer(builders.make_held(ana), by=ana, to=bia)

        response = panel.post(place(offered, "decline"), headers=FRAGMENT)

        assert (response.status_code, text(response)) == (200, "")

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_that_comes_too_late_is_refused(
        self, panel: Client, ana: Operator, bia: Operator, headers: dict[str, str]
    ) -> None:
        offered = transfer(builders.make_held(ana), by=ana, to=bia)
        desk.decline(offered, operator=bia, door="panel", now=clock.now())

        assert panel.post(place(offered, "decline"), headers=headers).status_code == 409

    def test_is_nobody_elses(self, client: Client, ana: Operator, bia: Operator) -> None:
        offered = transfer(builders.make_held(ana), by=ana, to=bia)

        client.force_login(ana)
        assert client.post(place(offered, "decline")).status_code == 409
        client.force_login(builders.make_stranger())
        assert client.post(place(offered, "decline")).status_code == 404
        assert builders.fresh(offered).offered_to == bia


class TestTheStory:
    def test_tells_of_a_transfer_with_its_note(self, panel: Client, ana: Operator, bia: Operator) -> None:
        page = text(panel.get(place(transfer(builders.make_held(ana), by=ana, to=bia))))

        assert "ana transferiu a conversa para: você" in page
        assert 'class="m note gap"' in page
        assert NOTE in page

    def test_names_the_queue_it_went_to(self, client: Client, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(ana)
        client.force_login(ana)

        page = text(client.get(place(transfer(held, by=ana, to=held.queue))))

        assert "Você transferiu a conversa para: Fila Atendimento" in page

    def test_tells_of_offers_and_their_answers(self, client: Client, ana: Operator, bia: Operator) -> None:
        offered = offer(builders.make_waiting(), bia, routing.LEAST_LOADED)
        desk.decline(offered, operator=bia, door="panel", now=clock.now())
        offer(builders.fresh(offered), ana, routing.LONGEST_IDLE)
        due = Handoff.objects.get(open_for=offered)
        handoffs.decline(offered, cause=deadlines.CAUSE, operator=ana, now=clock.now(), due=due)
        client.force_login(ana)

        page = text(client.get(place(offered)))

        for said in (
            "Oferecida a bia",
            "bia recusou a conversa",
            "Oferecida a você",
            "Você não respondeu à oferta a tempo",
        ):
            assert said in page

    @pytest.mark.parametrize(
        ("why", "said"),
        [
            ("unanswered", "ninguém respondeu a tempo"),
            ("operator_gone", "o atendente ficou ausente"),
            ("supervisor", "caio devolveu a conversa à fila"),
        ],
    )
    def test_tells_why_it_went_back(
        self, panel: Client, ana: Operator, bia: Operator, why: str, said: str
    ) -> None:
        caio = builders.make_operator("caio", staff=True)
        by = desk.cause(caio, "panel") if why == "supervisor" else Cause(kind="system", door="worker")
        held = builders.make_held(ana)
        handoffs.requeue(held, cause=by, why=why, now=clock.now())

        assert said in text(panel.get(place(held)))

    def test_tells_what_time_did(self, panel: Client, ana: Operator, bia: Operator) -> None:
        waiting = builders.make_waiting()
        due = Handoff.objects.get(open_for=waiting)
        handoffs.overdue(waiting, cause=deadlines.CAUSE, due=due, now=clock.now())
        desk.claim(waiting, operator=bia, door="panel", now=clock.now())
        due.refresh_from_db()
        handoffs.nudge(builders.fresh(waiting), cause=deadlines.CAUSE, due=due, now=clock.now())

        page = text(panel.get(place(waiting)))

        assert "Ninguém atendeu a tempo" in page
        assert "Perguntamos ao cliente" in page

    def test_keeps_the_name_of_whoever_had_it_then(self, panel: Client, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(ana)
        transfer(held, by=ana, to=bia)
        desk.claim(held, operator=bia, door="panel", now=clock.now())

        assert "ana assumiu" in text(panel.get(place(held)))
