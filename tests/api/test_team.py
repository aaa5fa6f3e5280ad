"""Who is there, the next in turn, and the end of a shift."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversations import clock
from conversations.models import Conversation, Mode, Note, Organization, Queue, Sender
from operators import presence
from operators.models import Operator, PresenceStatus
from tests.api.calls import Api, caller, code, fields
from tests.api.test_notes_and_tags import session
from tests.builders import (
    bubbles,
    fresh,
    last_event,
    make_held,
    make_offered,
    make_operator,
    make_present,
    make_queue,
    make_waiting,
)

pytestmark = pytest.mark.django_db
SECOND = "whatsapp:+5511900000002"


@pytest.fixture
def ana() -> Operator:
    return make_operator("ana", capacity=2)


@pytest.fixture
def desk() -> Api:
    return caller("desk")


def at(agent: Operator, rest: str = "") -> str:
    return f"/agents/{agent.public_id}{rest}"


class TestAgents:
    def test_tell_what_they_hold(self, ana: Operator, desk: Api) -> None:
        make_held(ana)
        make_offered(make_waiting(address=SECOND), ana)
        queue = Queue.objects.get()

        assert desk.get(at(ana)).json() == {
            "id": str(ana.public_id),
            "name": "ana",
            "status": "offline",
            "places": 2,
            "in_use": 2,
            "queue_ids": [str(queue.public_id)],
            "supervisor": False,
        }

    def test_are_those_of_the_team_who_may_log_in(self, ana: Operator, desk: Api) -> None:
        caio, spare = make_operator("caio", staff=True), make_queue("Trocas")
        caio.queues.add(spare)
        gone = make_operator("gone")
        Operator.objects.filter(pk=gone.pk).update(is_active=False)

        def names(**query: str) -> list[str]:
            return [item["name"] for item in desk.get("/agents", query).json()["items"]]

        assert names() == ["ana", "caio"]
        assert names(queue_id=str(spare.public_id)) == ["caio"]
        assert code(desk.get(at(gone))) == "not_found"

    def test_cost_the_same_for_any_number(self, desk: Api, django_assert_max_num_queries: Any) -> None:
        for number in range(6):
            make_present(f"agent{number}")

        with django_assert_max_num_queries(9):
            shown = desk.get("/agents").json()["items"]
        assert {item["status"] for item in shown} == {"available"}


class TestAvailability:
    @pytest.mark.parametrize("status", ["available", "on_break", "offline"])
    def test_is_what_they_choose(self, ana: Operator, status: str) -> None:
        answer = session(ana).post(at(ana, "/availability"), {"status": status})

        assert answer.json()["status"] == presence.state(ana, clock.now()) == status

    def test_of_others_needs_a_key_with_admin(self, ana: Operator, desk: Api) -> None:
        caio = make_operator("caio", staff=True)
        wanted = {"status": "available"}

        assert code(desk.post(at(ana, "/availability"), wanted)) == "scope"
        assert code(session(caio).post(at(ana, "/availability"), wanted)) == "scope"
        assert presence.state(ana, clock.now()) == "offline"
        assert caller("admin").post(at(ana, "/availability"), wanted).json()["status"] == "available"

    def test_is_not_for_a_key_of_one_sender(self, ana: Operator) -> None:
        """What she leaves unanswered goes back to its queue, on every number."""
        presence.beat(ana, now=clock.now())
        held = make_held(ana)
        key = caller("admin", sender=held.sender)

        assert code(key.post(at(ana, "/availability"), {"status": "offline"})) == "scope"
        assert code(key.post(at(ana, "/shift"), {"note": "x", "leaves": True})) == "scope"
        assert (presence.state(ana, clock.now()), fresh(held).operator) == ("available", ana)

    def test_ends_by_itself(self, ana: Operator) -> None:
        session(ana).post(at(ana, "/availability"), {"status": "available"})

        assert presence.state(ana, clock.now() + timedelta(seconds=61)) == "offline"

    def test_is_one_of_three(self, ana: Operator) -> None:
        assert fields(session(ana).post(at(ana, "/availability"), {"status": "away"})) == [
            ("status", "choice")
        ]


class TestNext:
    def test_takes_in_turn_until_nobody_waits(self, ana: Operator, desk: Api) -> None:
        first, second = make_waiting(), make_waiting(address=SECOND)
        make_offered(second, ana)

        taken = [desk.post(at(ana, "/next")).json()["id"] for _ in range(2)]

        assert taken == [str(second.public_id), str(first.public_id)]
        assert (last_event(first).actor_kind, fresh(first).operator) == ("api", ana)
        nobody = desk.post(at(ana, "/next"))
        assert (nobody.status_code, code(nobody)) == (409, "nobody_waits")

    def test_takes_no_more_than_there_are_places(self, desk: Api) -> None:
        ana = make_operator("ana", capacity=1)
        make_held(ana)
        make_waiting(address=SECOND)

        full = desk.post(at(ana, "/next"))
        assert (code(full), full.json()["limit"]) == ("at_capacity", 1)

    def test_again_under_the_same_key_is_the_same_one(self, ana: Operator, desk: Api) -> None:
        make_waiting()
        make_waiting(address=SECOND)

        first, again = (desk.post(at(ana, "/next"), key="k") for _ in range(2))

        assert (first.json(), again["Idempotency-Replayed"]) == (again.json(), "true")
        assert Conversation.objects.held_by(ana).count() == 1

    def test_leaves_other_queues_and_other_numbers_alone(self, ana: Operator) -> None:
        waiting = make_waiting()
        Conversation.objects.filter(pk=waiting.pk).update(queue=make_queue("Trocas"))
        assert code(caller("desk").post(at(ana, "/next"))) == "nobody_waits"

        make_waiting(address=SECOND)
        spare = Sender.objects.create(
            organization=Organization.default(), address="whatsapp:+2", account_sid="AC3", name="x"
        )
        assert code(caller("desk", sender=spare).post(at(ana, "/next"))) == "nobody_waits"
        assert caller("desk", sender=waiting.sender).post(at(ana, "/next")).status_code == 200

    def test_is_for_themselves_in_a_session(self, ana: Operator) -> None:
        bia, caio = make_operator("bia"), make_operator("caio", staff=True)
        make_waiting()

        assert code(session(bia).post(at(ana, "/next"))) == "scope"
        assert session(caio).post(at(ana, "/next")).json()["agent_id"] == str(ana.public_id)


class TestShift:
    def test_hands_all_on(self, ana: Operator) -> None:
        presence.beat(ana, now=clock.now())
        held, bia = make_held(ana), make_present("bia")
        admin, note = caller("admin"), {"note": "Fim do turno."}

        back = admin.post(at(ana, "/shift"), note)
        assert back.json() == {"went": 1, "stayed": 0}
        assert (fresh(held).mode, Note.objects.get().author) == (Mode.QUEUED, None)
        assert admin.post(at(ana, "/next")).status_code == 200
        offered = admin.post(at(ana, "/shift"), note | {"to": str(bia.public_id), "leaves": True})
        assert offered.json() == {"went": 1, "stayed": 0}
        assert (fresh(held).offered_to, presence.chosen(ana)) == (bia, "offline")

    def test_keeps_what_has_no_place(self, ana: Operator) -> None:
        held, absent = make_held(ana), make_operator("bia")
        presence.choose(absent, PresenceStatus.ON_BREAK, now=clock.now())

        stays = caller("admin").post(at(ana, "/shift"), {"note": "x", "to": str(absent.public_id)})

        assert (stays.json(), fresh(held).operator) == ({"went": 0, "stayed": 1}, ana)

    def test_leaves_what_came_to_other_numbers_where_it_is(self, ana: Operator) -> None:
        """A key of one number moves nothing of another's."""
        held, elsewhere = make_held(ana), make_held(ana, address=SECOND)
        spare = Sender.objects.create(
            organization=Organization.default(), address="whatsapp:+2", account_sid="AC3", name="x"
        )
        Conversation.objects.filter(pk=elsewhere.pk).update(sender=spare)

        answer = caller("admin", sender=held.sender).post(at(ana, "/shift"), {"note": "x"})

        assert answer.json() == {"went": 1, "stayed": 0}
        assert (fresh(held).mode, fresh(elsewhere).operator) == (Mode.QUEUED, ana)
        assert Note.objects.get().conversation == held

    def test_is_told_in_the_supervisors_name(self, ana: Operator) -> None:
        held, caio = make_held(ana), make_operator("caio", staff=True)

        session(caio).post(at(ana, "/shift"), {"note": "x"})

        told = last_event(held)
        assert (told.actor_kind, told.actor_id) == ("supervisor", str(caio.public_id))
        assert Note.objects.get().author == caio

    def test_needs_a_note_and_somebody_else(self, ana: Operator) -> None:
        admin = caller("admin")

        assert code(admin.post(at(ana, "/shift"), {"note": " "})) == "note_required"
        myself = {"note": "x", "to": str(ana.public_id)}
        assert code(admin.post(at(ana, "/shift"), myself)) == "unknown_agent"


class TestRequeue:
    def test_puts_it_at_the_front(self, ana: Operator) -> None:
        held = make_held(ana)
        place = f"/conversations/{held.public_id}/handoff/requeue"
        admin = caller("admin")

        assert code(admin.post(place, {"epoch": held.epoch - 1})) == "stale_epoch"
        answer = admin.post(place, {"epoch": held.epoch})
        assert (answer.json()["mode"], answer.json()["priority"]) == ("queued", 2)
        assert code(admin.post(place)) == "not_human"


class TestRead:
    def test_counts_for_whoever_holds_it(self, ana: Operator, desk: Api) -> None:
        held = make_held(ana)
        place = f"/conversations/{held.public_id}"
        Conversation.objects.filter(pk=held.pk).update(unread=1, seen_seq=0)
        newest = bubbles(held)[-1].seq

        seen = desk.post(f"{place}/seen", {"seq": 10**6})
        assert (seen.json()["unread"], fresh(held).seen_seq) == (0, fresh(held).seq)
        assert newest <= fresh(held).seen_seq
        assert desk.post(f"{place}/unread").json()["unread"] == 1
        assert session(ana).post(f"{place}/seen", {"seq": newest}).json()["unread"] == 0

    def test_is_nobody_elses_word(self, ana: Operator, desk: Api) -> None:
        held, caio = make_held(ana), make_operator("caio", staff=True)
        waiting = make_waiting(address=SECOND)
        Conversation.objects.filter(pk=held.pk).update(unread=1)

        other = session(caio).post(f"/conversations/{held.public_id}/seen", {"seq": 5})
        assert (code(other), other.json()["agent_id"]) == ("not_yours", str(ana.public_id))
        assert code(session(caio).post(f"/conversations/{held.public_id}/unread")) == "not_yours"
        assert code(desk.post(f"/conversations/{waiting.public_id}/unread")) == "not_human"
        assert fresh(held).unread == 1


class TestSessions:
    def test_need_their_token(self, ana: Operator) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(ana)

        assert code(Api(client=client).post(at(ana, "/availability"), {"status": "available"})) == "csrf"
        assert presence.state(ana, clock.now()) == "offline"
