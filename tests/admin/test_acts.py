"""What supervisors do about conversations in the admin: asked first, fenced by what was shown, told clearly."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from conversations import clock
from conversations.models import Conversation, Event, Handoff, Note, Queue
from operators import desk, presence
from operators.models import Operator, PresenceStatus
from tests import builders

pytestmark = pytest.mark.django_db

LIST = "/admin/conversations/conversation/"


@pytest.fixture
def ana(caio: Operator) -> Operator:
    return builders.make_operator("ana")


@pytest.fixture
def bia(ana: Operator) -> Operator:
    """She is there."""
    bia = builders.make_operator("bia")
    presence.choose(bia, PresenceStatus.AVAILABLE, now=clock.now())
    return bia


def asks(client: Client, action: str, *conversations: Conversation) -> Any:
    ticked = [one.pk for one in conversations]
    return client.post(LIST, {"action": action, "index": "0", "_selected_action": ticked})


def confirms(client: Client, action: str, *conversations: Conversation, **given: Any) -> str:
    """What the supervisor is told once the page that asked is sent as it was shown."""
    response = client.post(
        LIST,
        {
            "action": action,
            "confirmed": "1",
            "_selected_action": [one.pk for one in conversations],
            "seen": [f"{one.pk}:{one.epoch}:{one.seq}" for one in conversations],
            **given,
        },
        follow=True,
    )
    told = [str(message) for message in response.context.get("messages") or ()]
    return " ".join(told)


class TestThePageThatAsks:
    @pytest.mark.parametrize("action", ["assign", "take_away", "transfer", "finish"])
    def test_changes_nothing_yet(self, client: Client, ana: Operator, action: str) -> None:
        held = builders.make_held(ana)

        page = asks(client, action, held).content.decode()

        assert "João Silva" in page
        assert f'name="seen" value="{held.pk}:{held.epoch}:{held.seq}"' in page
        assert builders.fresh(held).epoch == held.epoch

    def test_shows_load_and_presence_beside_names(self, client: Client, bia: Operator) -> None:
        waiting = builders.make_waiting()

        client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"

        assert "bia (0 of 6, Available)" in asks(client, "assign", waiting).content.decode()

    def test_comes_back_while_something_is_missing(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        told = confirms(client, "transfer", held, to=f"queue:{Queue.objects.get().pk}", note=" ")

        assert told == ""
        assert builders.fresh(held).operator == ana

    def test_is_reached_from_the_conversation(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        page = client.get(f"{LIST}{held.pk}/change/").content.decode()
        asked = client.post(LIST, {"action": "take_away", "_selected_action": held.pk})

        assert 'name="action" value="take_away"' in page
        assert "Nada" not in asked.content.decode()
        assert 'name="confirmed"' in asked.content.decode()


class TestAssigning:
    def test_gives_a_waiting_one_to_the_operator(self, client: Client, ana: Operator, caio: Operator) -> None:
        waiting = builders.make_waiting()

        confirms(client, "assign", waiting, operator=f"operator:{ana.pk}")

        assert builders.fresh(waiting).operator == ana
        event = Event.objects.get(kind="handoff.claimed")
        assert (event.actor_kind, event.actor_id) == ("supervisor", str(caio.public_id))
        assert event.data["door"] == "admin"

    def test_takes_it_from_whoever_has_it(self, client: Client, ana: Operator, bia: Operator) -> None:
        held = builders.make_held(ana)

        confirms(client, "assign", held, operator=f"operator:{bia.pk}")

        assert builders.fresh(held).operator == bia

    def test_keeps_to_the_places(self, client: Client, caio: Operator) -> None:
        leo = builders.make_operator("leo", capacity=0)
        waiting = builders.make_waiting()

        told = confirms(client, "assign", waiting, operator=f"operator:{leo.pk}")

        assert told
        assert builders.fresh(waiting).mode == "queued"

    def test_refuses_somebody_of_another_company(self, client: Client, ana: Operator) -> None:
        waiting, davi = builders.make_waiting(), builders.make_stranger()

        confirms(client, "assign", waiting, operator=f"operator:{davi.pk}")

        assert builders.fresh(waiting).mode == "queued"

    def test_does_nothing_once_it_has_changed_hands(
        self, client: Client, ana: Operator, bia: Operator
    ) -> None:
        shown = builders.make_waiting()
        desk.claim(shown, operator=ana, door="panel", now=clock.now())

        told = confirms(client, "assign", shown, operator=f"operator:{bia.pk}")

        assert told
        assert builders.fresh(shown).operator == ana

    def test_counts_what_went_and_what_stayed(self, client: Client, caio: Operator) -> None:
        leo = builders.make_operator("leo", capacity=1)
        first = builders.make_waiting()
        second = builders.make_waiting(address="whatsapp:+5511900000002")

        confirms(client, "assign", first, second, operator=f"operator:{leo.pk}")

        assert Conversation.objects.held_by(leo).count() == 1
        assert Conversation.objects.queued().count() == 1


class TestTakingAway:
    def test_puts_it_at_the_front_of_the_queue(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        confirms(client, "take_away", held)

        fresh = builders.fresh(held)
        assert (fresh.mode, fresh.operator, fresh.priority) == ("queued", None, 2)
        assert Event.objects.get(kind="handoff.requeued").data["why"] == "supervisor"

    def test_is_fenced_by_what_was_shown(self, client: Client, ana: Operator, bia: Operator) -> None:
        shown = builders.make_held(ana)
        desk.claim(
            shown, operator=bia, door="panel", now=clock.now(), force=True, by=desk.cause(bia, "panel")
        )

        confirms(client, "take_away", shown)

        assert builders.fresh(shown).operator == bia

    def test_leaves_alone_what_nobody_serves(self, client: Client, ana: Operator) -> None:
        waiting = builders.make_waiting()

        assert confirms(client, "take_away", waiting)
        assert builders.fresh(waiting).epoch == waiting.epoch

    def test_acts_only_on_what_the_page_showed(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        client.post(LIST, {"action": "take_away", "confirmed": "1", "_selected_action": [held.pk]})
        client.post(
            LIST, {"action": "take_away", "confirmed": "1", "_selected_action": [held.pk], "seen": "x:1"}
        )

        assert builders.fresh(held).operator == ana


class TestTransferring:
    def test_hands_it_to_a_person_with_the_note(
        self, client: Client, ana: Operator, bia: Operator, caio: Operator
    ) -> None:
        held = builders.make_held(ana)

        confirms(client, "transfer", held, to=f"operator:{bia.pk}", note="Fala espanhol.")

        assert builders.fresh(held).offered_to == bia
        note = Note.objects.get()
        assert (note.body, note.author) == ("Fala espanhol.", caio)

    def test_hands_it_to_a_queue(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        other = Queue.objects.create(organization=ana.organization, name="Entrega")

        confirms(client, "transfer", held, to=f"queue:{other.pk}", note="Pedido atrasado.")

        assert builders.fresh(held).queue == other

    def test_gives_nothing_to_somebody_absent(self, client: Client, ana: Operator) -> None:
        held, leo = builders.make_held(ana), builders.make_operator("leo")

        assert confirms(client, "transfer", held, to=f"operator:{leo.pk}", note="Para o Leo.")
        assert builders.fresh(held).operator == ana
        assert not Note.objects.exists()

    def test_knows_no_queue_of_others(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        theirs = Queue.objects.create(organization=builders.make_stranger().organization, name="Rival")

        confirms(client, "transfer", held, to=f"queue:{theirs.pk}", note="Para fora.")

        assert builders.fresh(held).operator == ana


class TestFinishing:
    def test_gives_it_back_to_the_bot_with_the_outcome(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        confirms(client, "finish", held, outcome="solved", summary="Trocado.", resume="wait")

        handoff = Handoff.objects.get()
        assert builders.fresh(held).mode == "bot"
        assert (handoff.outcome, handoff.context_out["summary"]) == ("solved", "Trocado.")

    def test_waits_for_what_the_customer_has_just_written(self, client: Client, ana: Operator) -> None:
        shown = builders.make_held(ana)
        builders.says("mais uma coisa")

        assert confirms(client, "finish", shown, outcome="solved", resume="wait")
        assert builders.fresh(shown).mode == "human"

    def test_knows_the_reasons_of_the_team_only(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        confirms(client, "finish", held, outcome="cancelled", resume="wait")

        assert builders.fresh(held).mode == "human"


class TestThoseWhoMayNot:
    def test_operators_have_no_such_page(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        client.force_login(ana)

        confirms(client, "take_away", held)

        assert builders.fresh(held).operator == ana

    def test_supervisors_of_another_company_move_nothing(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        davi = builders.make_stranger()
        davi.is_staff = True
        davi.save()
        client.force_login(davi)

        confirms(client, "take_away", held)

        assert builders.fresh(held).operator == ana

    def test_nothing_is_done_to_all_that_was_not_ticked(self, client: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        response = client.post(LIST, {"action": "take_away", "select_across": "1", "_selected_action": []})

        assert response.status_code == 400 or builders.fresh(held).operator == ana
