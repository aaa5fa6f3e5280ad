"""The supervisors' page: what it shows, to whom, and what is done from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations import clock, deadlines, handoffs
from conversations.models import Conversation, Event, Handoff, Mode, Note, Queue
from operators import absence, desk, presence
from operators.models import Operator, Presence, PresenceStatus
from operators.views import team_alerts, team_board
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}
TEAM, BOARD = "/operator/team/", "/operator/team/board"


@pytest.fixture
def bia() -> Operator:
    return builders.make_operator("bia", capacity=2)


@pytest.fixture
def caio() -> Operator:
    return builders.make_operator("caio", staff=True)


@pytest.fixture
def panel(client: Client, caio: Operator) -> Client:
    client.force_login(caio)
    return client


def phone(number: int) -> str:
    return f"whatsapp:+55119876500{number:02}"


def text(response: Any) -> str:
    return str(response.content.decode())


def part(page: str, ident: str) -> str:
    """What the list item with this id holds."""
    found = re.search(rf'<li[^>]* id="{ident}".*?(?=<li[^>]* id="(?:person|queue)-|</section>)', page, re.S)
    return found[0] if found else ""


def queue() -> Queue:
    return Queue.objects.get(name="Atendimento")


def comes(*operators: Operator) -> None:
    for operator in operators:
        presence.beat(operator, now=clock.now())


def overdue(waiting: Conversation) -> None:
    due = Handoff.objects.get(open_for=waiting)
    handoffs.overdue(waiting, cause=deadlines.CAUSE, due=due, now=clock.now())


def requeue(held: Conversation, why: str) -> None:
    handoffs.requeue(builders.fresh(held), cause=deadlines.CAUSE, why=why, now=clock.now())


def let_pass(waiting: Conversation, operator: Operator) -> None:
    now = clock.now()
    desk.offer(
        waiting,
        operator=operator,
        by=deadlines.CAUSE,
        why="least_loaded",
        answer_in=timedelta(seconds=30),
        now=now,
    )
    due = Handoff.objects.get(open_for=waiting)
    handoffs.decline(waiting, cause=deadlines.CAUSE, operator=operator, now=now, due=due)


def of(name: str, conversation: Conversation, query: str = "") -> str:
    return reverse(f"operator-team-{name}", args=[conversation.public_id]) + query


def page(response: Any) -> str:
    """Without what is drawn anew each time, the token against forged forms."""
    return re.sub(r'csrfmiddlewaretoken" value="\w+"', "", text(response))


def shift_of(operator: Operator) -> str:
    return reverse("operator-team-shift", args=[operator.public_id])


def said(response: Any) -> str:
    """After a plain form: the words on the page that follows."""
    assert response.redirect_chain[-1][1] == 303
    return " ".join(re.findall(r'<div class="toast">.*?<p>(.+?)</p>', text(response)))


class TestThePage:
    def test_sends_a_stranger_to_the_login(self, client: Client) -> None:
        assert client.get(TEAM)["Location"].startswith("/accounts/login/")

    @pytest.mark.parametrize("url", [TEAM, BOARD])
    def test_does_not_exist_for_an_operator(self, client: Client, ana: Operator, url: str) -> None:
        client.force_login(ana)

        assert client.get(url).status_code == 404

    def test_shows_each_queue_at_a_glance(self, panel: Client, ana: Operator, bia: Operator) -> None:
        now = clock.now()
        builders.make_waiting(address=phone(1), now=now - timedelta(minutes=12))
        builders.make_waiting(address=phone(2), now=now - timedelta(minutes=7))
        builders.make_held(ana, address=phone(3))
        comes(ana)

        tile = part(text(panel.get(TEAM)), f"queue-{queue().public_id}")

        assert "2<small>aguardando" in tile
        assert "1 em atendimento" in tile
        assert "1 de 3 disponíveis" in tile
        assert "1 além do prazo" in tile
        assert 'data-warn="360" data-bad="600"' in tile
        assert re.search(r'chip wait bad".*12:0\d<', tile, re.S)

    def test_colours_the_wait_by_the_queue_s_own_limit(self, panel: Client) -> None:
        since = clock.now() - timedelta(minutes=7)
        builders.make_waiting(now=since)
        levels = {}

        for minutes in (5, 10, 60, None):
            Queue.objects.update(waiting_minutes=minutes)
            tile = part(text(panel.get(TEAM)), f"queue-{queue().public_id}")
            levels[minutes] = re.findall(r'chip wait (\w*)"', tile)[0]

        assert levels == {5: "bad", 10: "warn", 60: "", None: ""}

    def test_counts_a_deadline_that_nobody_kept(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        Handoff.objects.filter(open_for=held).update(due_at=clock.now() - timedelta(seconds=1))

        assert "1 além do prazo" in part(text(panel.get(TEAM)), f"queue-{queue().public_id}")

    def test_says_how_each_of_the_team_is(self, panel: Client, ana: Operator, bia: Operator) -> None:
        now = clock.now()
        eva, rui = builders.make_operator("eva"), builders.make_operator("rui")
        comes(ana, eva)
        presence.choose(bia, PresenceStatus.ON_BREAK, now=now)
        presence.send_away(eva, now=now)

        page = text(panel.get(TEAM))

        states = {ana: "Disponível", bia: "Em pausa", eva: "Ausente", rui: "Offline"}
        for operator, shown in states.items():
            assert f'">{shown}</span>' in part(page, f"person-{operator.public_id}")

    def test_shows_what_each_of_them_has(self, panel: Client, bia: Operator) -> None:
        now = clock.now()
        comes(bia)
        held = builders.make_held(bia, address=phone(1), ProfileName="Lia", now=now - timedelta(minutes=65))
        offered = builders.make_waiting(address=phone(2), ProfileName="Rui")
        desk.offer(
            offered,
            operator=bia,
            by=deadlines.CAUSE,
            why="least_loaded",
            answer_in=timedelta(seconds=30),
            now=now,
        )

        card = part(text(panel.get(TEAM)), f"person-{bia.public_id}")

        assert "1 de 2" in card
        assert "1 oferta" in card
        assert "1h 05min" in card
        assert card.index(f"chat-{held.public_id}") < card.index(f"chat-{offered.public_id}")
        assert of("requeue", held) in card
        assert of("requeue", offered) not in card
        assert of("claim", offered) in card

    def test_says_since_when_a_customer_waits_for_the_answer(self, panel: Client, ana: Operator) -> None:
        now = clock.now()
        held = builders.make_held(ana, now=now - timedelta(minutes=30))

        def card() -> str:
            return str(part(text(panel.get(TEAM)), f"person-{ana.public_id}"))

        assert "30:0" in card()

        desk.reply(
            builders.fresh(held),
            operator=ana,
            door="panel",
            body="Já vejo.",
            epoch=held.epoch,
            client_key=None,
            now=now - timedelta(minutes=20),
        )
        assert "Cliente espera" not in card()

        builders.says("e então?", now=now - timedelta(minutes=8))
        builders.says("alô?", now=now - timedelta(minutes=1))
        assert re.search(r">8:0\d<", card())

    def test_counts_what_was_said_to_the_bot_before_as_no_waiting(self, panel: Client, ana: Operator) -> None:
        now = clock.now()
        builders.says("oi", now=now - timedelta(days=2))
        builders.make_held(ana, now=now - timedelta(minutes=4))

        assert re.search(r">4:0\d<", part(text(panel.get(TEAM)), f"person-{ana.public_id}"))

    def test_keeps_whoever_was_deactivated_with_chats_in_hand(self, panel: Client, ana: Operator) -> None:
        builders.make_held(ana)
        Operator.objects.filter(pk=ana.pk).update(is_active=False)

        assert "Acesso desativado" in part(text(panel.get(TEAM)), f"person-{ana.public_id}")

    def test_shows_nothing_of_another_company(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana, address=phone(1))
        waiting = builders.make_waiting(address=phone(2))
        overdue(waiting)
        davi = builders.make_stranger()
        Operator.objects.filter(pk=davi.pk).update(is_staff=True)
        client.force_login(davi)

        page = text(client.get(TEAM))

        for thing in (held, waiting, ana, queue()):
            assert str(thing.public_id) not in page

    def test_works_for_one_person_alone(self, panel: Client) -> None:
        assert panel.get(TEAM).status_code == 200

    def test_asks_the_database_as_often_for_many_as_for_one(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        def asked() -> int:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                panel.get(TEAM)
            return len(queries)

        comes(ana)
        requeue(builders.make_held(ana, address=phone(1)), deadlines.UNANSWERED)
        builders.make_held(ana, address=phone(2))
        panel.get(TEAM)
        few = asked()
        for number in range(3, 8):
            builders.make_held(ana if number % 2 else bia, address=phone(number * 2)) if number < 6 else None
            requeue(builders.make_held(ana, address=phone(number * 2 + 1)), deadlines.UNANSWERED)
        for name in ("eva", "ivo", "rui"):
            comes(builders.make_operator(name))
            Queue.objects.create(organization=ana.organization, name=name, waiting_minutes=3)

        assert asked() == few <= 18

    def test_is_bounded(self, panel: Client, ana: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("MOST_PEOPLE", "MOST_CHATS", "MOST_WAITING"):
            monkeypatch.setattr(team_board, name, 1)
        for number in range(2):
            builders.make_held(ana, address=phone(number), now=clock.now() - timedelta(minutes=number))
            builders.make_waiting(address=phone(10 + number))

        page = text(panel.get(TEAM))

        assert page.count('id="chat-') == page.count('id="waits-w') + 1 == page.count('id="person-') == 1
        assert page.count("e mais 1") == 2
        assert "Há mais pessoas" in page


class TestNarrowedTo:
    def test_a_queue(self, panel: Client, ana: Operator, bia: Operator) -> None:
        other = Queue.objects.create(organization=ana.organization, name="Financeiro")
        bia.queues.set([other])
        held = builders.make_held(ana, address=phone(1))
        waiting = builders.make_waiting(address=phone(2))
        Conversation.objects.filter(pk=waiting.pk).update(queue=other)

        page = text(panel.get(f"{TEAM}?queue={other.public_id}"))

        assert f"waits-{waiting.public_id}" in page
        assert f"person-{bia.public_id}" in page
        assert f"person-{ana.public_id}" not in page
        assert f"chat-{held.public_id}" not in page

    def test_a_name(self, panel: Client, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(ana)
        Operator.objects.filter(pk=bia.pk).update(first_name="Beatriz", last_name="Anjos")

        page = text(panel.get(f"{TEAM}?q=beatriz+anj"))

        assert f"person-{bia.public_id}" in page
        assert f"person-{ana.public_id}" not in page
        assert f"chat-{held.public_id}" not in page

    @pytest.mark.parametrize("query", ["queue=x", f"queue={UUID(int=7)}", "q=%ED%A0%80", "q=" + "a" * 5000])
    def test_nothing_by_nonsense(self, panel: Client, ana: Operator, query: str) -> None:
        assert panel.get(f"{TEAM}?{query}").status_code == 200

    def test_the_same_after_something_was_done(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        response = panel.post(of("requeue", held, "?q=ana"), {"epoch": held.epoch})

        assert response["Location"] == f"{TEAM}?q=ana"


class TestTheBoard:
    def test_is_not_drawn_again_while_nothing_changes(self, panel: Client, ana: Operator) -> None:
        builders.make_held(ana)
        first = panel.get(BOARD, headers=FRAGMENT)

        again = panel.get(BOARD, headers=FRAGMENT | {"If-None-Match": first["ETag"]})

        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize("what", ["somebody waits", "somebody comes", "the customer writes", "an alert"])
    def test_is_drawn_when(self, panel: Client, ana: Operator, what: str) -> None:
        held = builders.make_held(ana)
        desk.reply(
            held, operator=ana, door="panel", body="Oi", epoch=held.epoch, client_key=None, now=clock.now()
        )
        waiting = builders.make_waiting(address=phone(1))
        tag = panel.get(BOARD, headers=FRAGMENT)["ETag"]

        acts: dict[str, Callable[[], object]] = {
            "somebody waits": lambda: builders.make_waiting(address=phone(2)),
            "somebody comes": lambda: comes(ana),
            "the customer writes": lambda: builders.says("e aí?"),
            "an alert": lambda: overdue(waiting),
        }
        acts[what]()

        response = panel.get(BOARD, headers=FRAGMENT | {"If-None-Match": tag})
        assert response.status_code == 200
        assert 'hx-target="#board"' in text(response)


class TestAlerts:
    def test_name_who_and_lead_to_the_chat(self, panel: Client, ana: Operator) -> None:
        waiting = builders.make_waiting(address=phone(1), ProfileName="Lia Reis")
        overdue(waiting)
        requeue(builders.make_held(ana, address=phone(2), ProfileName="Rui Sá"), deadlines.UNANSWERED)
        requeue(builders.make_held(ana, address=phone(3), ProfileName="Eva Luz"), absence.WHY)
        comes(ana)
        let_pass(builders.make_waiting(address=phone(4), ProfileName="Ivo Sol"), ana)

        page = text(panel.get(TEAM))

        alerts = page[page.index('id="alerts"') :]
        assert "Lia Reis espera há mais tempo que o limite da fila." in alerts
        assert "ana não respondeu a Rui Sá a tempo" in alerts
        assert "ana saiu: Eva Luz voltou para a fila." in alerts
        assert "ana deixou passar a oferta de Ivo Sol." in alerts
        assert f"/operator/c/{waiting.public_id}/" in alerts
        assert alerts.index("Ivo Sol") < alerts.index("Lia Reis")

    def test_are_only_what_went_wrong_by_itself(self, panel: Client, ana: Operator, caio: Operator) -> None:
        held = builders.make_held(ana)
        desk.take_away(held, by=desk.cause(caio, "panel"), now=clock.now())

        assert "Nada deu errado." in text(panel.get(TEAM))

    def test_are_of_the_last_hours(self, panel: Client) -> None:
        overdue(builders.make_waiting())
        Event.objects.filter(kind="handoff.overdue").update(
            created_at=clock.now() - team_alerts.SPAN - timedelta(minutes=1)
        )

        assert "Nada deu errado." in text(panel.get(TEAM))

    def test_are_told_one_by_one(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana, ProfileName="Lia Reis")
        requeue(held, deadlines.UNANSWERED)
        event = Event.objects.get(kind="handoff.requeued")

        response = panel.get(of("alert", held, f"?seq={event.seq}"), headers=FRAGMENT)

        assert "ana não respondeu a Lia Reis a tempo" in text(response)
        assert panel.get(of("alert", held, f"?seq={event.seq - 1}"), headers=FRAGMENT).status_code == 204
        assert panel.get(of("alert", held, "?seq=9999999999999999999999")).status_code == 204


class TestTakingOver:
    def test_asks_first(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        page = panel.get(of("claim", held))

        assert "Assumir no lugar de ana?" in text(page)
        assert builders.fresh(held).operator == ana

    def test_leads_into_the_chat(self, panel: Client, ana: Operator, caio: Operator) -> None:
        held = builders.make_held(ana)

        response = panel.post(of("claim", held), {"epoch": held.epoch})

        assert (response.status_code, response["Location"]) == (303, f"/operator/c/{held.public_id}/")
        assert builders.fresh(held).operator == caio
        claimed = Event.objects.filter(kind="handoff.claimed").latest("pk")
        assert (claimed.actor_kind, claimed.actor_id) == ("operator", str(caio.public_id))

    def test_takes_what_was_offered_to_somebody(self, panel: Client, ana: Operator, caio: Operator) -> None:
        comes(ana)
        waiting = builders.make_waiting()
        desk.offer(
            waiting,
            operator=ana,
            by=deadlines.CAUSE,
            why="least_loaded",
            answer_in=timedelta(seconds=30),
            now=clock.now(),
        )

        panel.post(of("claim", waiting), {"epoch": waiting.epoch})

        assert builders.fresh(waiting).operator == caio

    def test_counts_the_supervisor_s_own_places(self, panel: Client, ana: Operator, caio: Operator) -> None:
        Operator.objects.filter(pk=caio.pk).update(capacity=1)
        builders.make_held(caio, address=phone(1))
        held = builders.make_held(ana, address=phone(2))

        response = panel.post(of("claim", held), {"epoch": held.epoch}, follow=True)

        assert "Você já tem 1 conversa. Finalize-a" in said(response)
        assert builders.fresh(held).operator == ana

    def test_takes_it_from_nobody_who_got_it_meanwhile(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        seen = held.epoch
        desk.claim(held, operator=bia, door="panel", now=clock.now(), force=True)

        response = panel.post(of("claim", held, "?chat"), {"epoch": seen}, follow=True)

        assert "bia já está atendendo." in said(response)
        assert response.redirect_chain[-1][0] == f"/operator/c/{held.public_id}/"
        assert builders.fresh(held).operator == bia

    def test_has_no_question_where_nobody_has_it(self, panel: Client) -> None:
        waiting = builders.make_waiting()

        response = panel.get(of("claim", waiting), headers=FRAGMENT)

        assert response.status_code == 409
        assert "Ninguém está atendendo" in text(response)

    def test_is_offered_in_the_chat_to_supervisors_only(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        chat = reverse("operator-conversation", args=[held.public_id])
        assert "Assumir no lugar de ana" in text(panel.get(chat))
        assert "Assumir no lugar de ana" in text(panel.get(f"{chat}thread?dock=compose", headers=FRAGMENT))

        panel.force_login(bia)
        assert "Assumir no lugar de" not in text(panel.get(chat))


class TestPuttingBack:
    def test_asks_first_and_says_what_happened(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana, ProfileName="Lia Reis")
        assert "Devolver Lia à fila?" in text(panel.get(of("requeue", held)))
        assert builders.fresh(held).mode == Mode.HUMAN

        response = panel.post(of("requeue", held), {"epoch": held.epoch}, follow=True)

        assert said(response) == "Lia voltou para o início da fila."
        assert (builders.fresh(held).mode, builders.fresh(held).operator) == (Mode.QUEUED, None)

    def test_draws_the_board_for_a_page_that_is_alive(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana, ProfileName="Lia Reis")

        response = panel.post(of("requeue", held), {"epoch": held.epoch}, headers=FRAGMENT)

        assert response["HX-Trigger"] == "console:done"
        assert f"waits-{held.public_id}" in text(response)
        assert "Lia voltou para o início da fila." in text(response)

    def test_leaves_it_with_whoever_got_it_meanwhile(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        seen = held.epoch
        desk.claim(held, operator=bia, door="panel", now=clock.now(), force=True)

        response = panel.post(of("requeue", held), {"epoch": seen}, headers=FRAGMENT)

        assert response.status_code == 409
        assert "acabou de mudar de mãos" in text(response)
        assert builders.fresh(held).operator == bia


class TestGiving:
    def to(
        self, target: Operator | Queue, held: Conversation, note: str = "Falta o endereço."
    ) -> dict[str, Any]:
        kind = "queue" if isinstance(target, Queue) else "operator"
        return {"to": f"{kind}:{target.public_id}", "note": note, "epoch": held.epoch}

    def test_shows_who_can_have_it(self, panel: Client, ana: Operator, bia: Operator) -> None:
        eva = builders.make_operator("eva", capacity=1)
        comes(bia, eva)
        builders.make_held(eva, address=phone(9))
        held = builders.make_held(ana)

        page = text(panel.get(of("give", held), headers=FRAGMENT))

        lines = {
            name: re.search(rf"<label[^>]*>(?:(?!</label>).)*{name}</span>.*?</label>", page, re.S)
            for name in ("bia", "eva", "caio", "Fila Atendimento")
        }
        assert {name: "disabled" in found[0] for name, found in lines.items() if found} == {
            "bia": False,
            "eva": True,
            "caio": True,
            "Fila Atendimento": False,
        }
        assert "0 de 2 conversas" in page
        assert f"operator:{ana.public_id}" not in page

    def test_offers_it_to_the_colleague_with_the_note(
        self, panel: Client, ana: Operator, bia: Operator, caio: Operator
    ) -> None:
        comes(bia)
        held = builders.make_held(ana, ProfileName="Lia Reis")

        response = panel.post(of("give", held), self.to(bia, held), follow=True)

        assert said(response) == "Lia foi oferecido a bia."
        assert builders.fresh(held).offered_to == bia
        note = Note.objects.get(conversation=held)
        assert (note.author, note.body) == (caio, "Falta o endereço.")

    def test_puts_it_into_another_queue(self, panel: Client, ana: Operator) -> None:
        other = Queue.objects.create(organization=ana.organization, name="Financeiro")
        held = builders.make_held(ana)

        response = panel.post(of("give", held), self.to(other, held), follow=True)

        assert "agora espera na fila Financeiro" in said(response)
        assert builders.fresh(held).queue == other

    @pytest.mark.parametrize(
        ("what", "why"),
        [
            ("no note", "Escreva uma nota para quem vai receber."),
            ("absent", "bia não está disponível agora."),
            ("full", "bia está sem vaga livre."),
            ("nobody", "Escolha quem recebe a conversa."),
            ("the holder", "Escolha quem recebe a conversa."),
            ("a stranger", "Escolha quem recebe a conversa."),
            ("nonsense", "Escolha quem recebe a conversa."),
            ("too long", "A mensagem está longa demais"),
        ],
    )
    def test_says_why_not_and_keeps_the_note(
        self, panel: Client, ana: Operator, bia: Operator, what: str, why: str
    ) -> None:
        held = builders.make_held(ana)
        told = self.to(bia, held)
        if what != "absent":
            comes(bia)
        if what == "full":
            Operator.objects.filter(pk=bia.pk).update(capacity=0)
        told |= {
            "no note": {"note": " "},
            "nobody": {"to": ""},
            "the holder": {"to": f"operator:{ana.public_id}"},
            "a stranger": {"to": f"operator:{builders.make_stranger().public_id}"},
            "nonsense": {"to": "operator:%00"},
            "too long": {"note": "a" * 4001},
        }.get(what, {})

        for headers in ({}, FRAGMENT):
            response = panel.post(of("give", held), told, headers=headers)
            assert response.status_code == 422
            assert why in text(response)
            assert told["note"].strip() in text(response)
        assert builders.fresh(held).operator == ana

    def test_leaves_it_with_whoever_got_it_meanwhile(
        self, panel: Client, ana: Operator, bia: Operator, caio: Operator
    ) -> None:
        comes(bia)
        held = builders.make_held(ana)
        told = self.to(bia, held)
        desk.claim(held, operator=caio, door="panel", now=clock.now(), force=True)

        response = panel.post(of("give", held), told, headers=FRAGMENT)

        assert response.status_code == 409
        assert builders.fresh(held).operator == caio


class TestTheEndOfAShift:
    def test_says_how_many(self, panel: Client, ana: Operator) -> None:
        for number in range(3):
            builders.make_held(ana, address=phone(number))

        assert "Passar 3 atendimentos" in text(panel.get(shift_of(ana)))

    def test_hands_all_to_their_queues(self, panel: Client, ana: Operator, caio: Operator) -> None:
        comes(ana)
        for number in range(2):
            builders.make_held(ana, address=phone(number))

        told = {"to": "", "note": "Meu turno acabou.", "leaves": "1"}
        response = panel.post(shift_of(ana), told, follow=True)

        assert said(response) == "2 atendimentos de ana voltaram para a fila."
        assert Conversation.objects.queued().count() == 2
        assert set(Note.objects.values_list("author", "body")) == {(caio.pk, "Meu turno acabou.")}
        assert presence.state(ana, clock.now()) == PresenceStatus.OFFLINE

    def test_lets_them_stay_there_if_so_wanted(self, panel: Client, ana: Operator) -> None:
        comes(ana)
        builders.make_held(ana)

        panel.post(shift_of(ana), {"to": "", "note": "Reunião."})

        assert presence.state(ana, clock.now()) == PresenceStatus.AVAILABLE

    def test_makes_no_presence_for_whoever_has_no_panel(self, panel: Client, ana: Operator) -> None:
        builders.make_held(ana)

        panel.post(shift_of(ana), {"to": "", "note": "Fim.", "leaves": "1"})

        assert not Presence.objects.filter(operator=ana).exists()

    def test_says_how_many_stayed_and_why(self, panel: Client, ana: Operator, bia: Operator) -> None:
        comes(bia)
        for number in range(3):
            builders.make_held(ana, address=phone(number))

        told = {"to": f"operator:{bia.public_id}", "note": "Fim de turno."}
        response = panel.post(shift_of(ana), told, headers=FRAGMENT)

        assert (
            "2 atendimentos de ana foram oferecidos a bia. 1 atendimento ficou com ana. bia está sem vaga livre."
            in text(response)
        )
        assert Conversation.objects.held_by(ana).count() == 1

    def test_says_when_nothing_went(self, panel: Client, ana: Operator, bia: Operator) -> None:
        builders.make_held(ana)

        told = {"to": f"operator:{bia.public_id}", "note": "Fim de turno."}
        response = panel.post(shift_of(ana), told, follow=True)

        assert said(response) == "1 atendimento ficou com ana. bia não está disponível agora."

    def test_wants_a_note_before_anything_happens(self, panel: Client, ana: Operator) -> None:
        comes(ana)
        builders.make_held(ana)

        response = panel.post(shift_of(ana), {"to": "", "note": "", "leaves": "1"})

        assert response.status_code == 422
        assert "Escreva uma nota" in text(response)
        assert Conversation.objects.held_by(ana).count() == 1
        assert presence.state(ana, clock.now()) == PresenceStatus.AVAILABLE

    def test_hands_nothing_to_a_stranger(self, panel: Client, ana: Operator) -> None:
        builders.make_held(ana)

        told = {"to": f"operator:{builders.make_stranger().public_id}", "note": "Fim."}
        response = panel.post(shift_of(ana), told)

        assert response.status_code == 422
        assert Conversation.objects.held_by(ana).count() == 1

    def test_has_nothing_to_hand_on_from_somebody_free(self, panel: Client, ana: Operator) -> None:
        response = panel.post(shift_of(ana), {"to": "", "note": "Fim."}, follow=True)

        assert said(response) == "ana não tem atendimentos para passar."


class TestRights:
    DOORS = ("claim", "requeue", "give", "alert")

    @pytest.fixture
    def davi(self, client: Client, ana: Operator) -> Client:
        """A supervisor, of another company."""
        davi = builders.make_stranger()
        Operator.objects.filter(pk=davi.pk).update(is_staff=True)
        client.force_login(davi)
        return client

    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_chat_of_another_company_is_as_absent_as_none(
        self, davi: Client, ana: Operator, door: str, method: str
    ) -> None:
        held = builders.make_held(ana)
        told = {"epoch": held.epoch, "to": f"operator:{ana.public_id}", "note": "Oi"}
        ask = getattr(davi, method)

        foreign = ask(of(door, held), told)
        absent = ask(reverse(f"operator-team-{door}", args=[uuid4()]), told)

        if (door, method) == ("alert", "post"):
            assert foreign.status_code == absent.status_code == 405
            return
        assert foreign.status_code == absent.status_code == 404
        assert page(foreign) == page(absent)
        assert builders.fresh(held).epoch == held.epoch

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_person_of_another_company_is_as_absent_as_nobody(
        self, davi: Client, ana: Operator, method: str
    ) -> None:
        builders.make_held(ana)
        told = {"to": "", "note": "Fim.", "leaves": "1"}
        ask = getattr(davi, method)

        foreign, absent = ask(shift_of(ana), told), ask(reverse("operator-team-shift", args=[uuid4()]), told)

        assert foreign.status_code == absent.status_code == 404
        assert page(foreign) == page(absent)
        assert Conversation.objects.held_by(ana).count() == 1

    @pytest.mark.parametrize("door", [*DOORS, "shift"])
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_no_door_is_open_to_an_operator(
        self, client: Client, ana: Operator, bia: Operator, door: str, method: str
    ) -> None:
        held = builders.make_held(ana)
        client.force_login(bia)
        url = shift_of(ana) if door == "shift" else of(door, held)
        told = {"epoch": held.epoch, "to": "", "note": "Oi"}

        assert getattr(client, method)(url, told).status_code == 404
        assert builders.fresh(held).operator == ana
