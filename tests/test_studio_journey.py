"""Both ways through a whole service: the flow answers, a person takes over, the flow goes on and knows why."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from conversations import clock, reconcile
from conversations.models import Handoff, Message, Mode
from handoffflow.simulator.standin import StandIn
from tests.builders import make_operator, thread
from tests.conversations.studio import FLOW, MENU, finishes, heard, publish, running, settle, takes, writes
from tests.standin import standin as standin
from tests.story import disagreements

pytestmark = pytest.mark.django_db(transaction=True)


class TestInFront:
    def test_the_flow_answers_a_person_serves_and_the_flow_goes_on(self, standin: StandIn) -> None:
        publish(standin)
        ana = make_operator("ana")

        writes(standin, "oi")
        assert heard(standin) == [MENU]
        writes(standin, "2")
        assert heard(standin)[1:] == ["Atendemos de segunda a sexta, das 9h às 18h.", MENU]
        writes(standin, "3")

        handoff = Handoff.objects.get()
        assert (handoff.reason, handoff.intent, thread().mode) == ("customer_asked", "menu", Mode.QUEUED)
        assert running(standin) == []

        takes(ana)
        before = len(heard(standin))
        writes(standin, "alguém aí?")
        assert heard(standin)[before:] == []

        finishes(ana, resume="bot_now")
        settle(standin)
        assert "Seu atendimento foi finalizado. Endereço trocado." in heard(standin)
        assert heard(standin)[-1] == MENU
        assert running(standin) == ["menu"]

        writes(standin, "1")
        assert "A segunda via está em https://exemplo.com.br/2via" in heard(standin)
        assert disagreements() == []
        assert Message.objects.filter(author="customer").count() == 5

    def test_a_take_over_in_the_middle_of_a_question_ends_the_flow(self, standin: StandIn) -> None:
        """Left running, it would take the next words to the person for the answer it waits for."""
        publish(standin)
        ana = make_operator("ana")
        writes(standin, "oi")
        assert running(standin) == ["menu"]

        takes(ana)
        settle(standin)
        before = heard(standin)
        writes(standin, "1")

        assert (running(standin), heard(standin)) == ([], before)
        assert bodies() == ["oi", "1"]


class TestBehind:
    def test_the_flow_asks_whose_the_customer_is(self, standin: StandIn) -> None:
        publish(standin, "behind")
        ana = make_operator("ana")

        writes(standin, "oi")
        assert heard(standin) == [MENU]
        writes(standin, "3")

        handoff = Handoff.objects.get()
        assert (handoff.reason, thread().mode) == ("customer_asked", Mode.QUEUED)
        takes(ana)
        settle(standin)
        before = len(heard(standin))
        writes(standin, "alguém aí?")
        assert heard(standin)[before:] == []
        assert running(standin) == []
        assert Message.objects.filter(author="customer").count() == 3

        finishes(ana, resume="wait")
        settle(standin, seconds=60)
        writes(standin, "e agora?")

        assert heard(standin)[-2:] == ["Seu atendimento foi finalizado. Endereço trocado.", MENU]
        assert running(standin) == ["menu"]
        assert disagreements() == []

    def test_what_a_parked_flow_swallows_is_in_the_thread(self, standin: StandIn) -> None:
        """It waits in a redirect that nobody leads back, for up to four hours, and takes no notice of messages."""
        publish(standin, "behind")
        ana = make_operator("ana")
        standin.studio.publish(FLOW, parked())
        writes(standin, "oi")
        writes(standin, "alguém aí?")
        assert running(standin) == ["park"]

        reconcile.begin(clock.now())
        settle(standin, seconds=60)
        takes(ana)
        settle(standin)
        writes(standin, "ainda estou aqui")
        reconcile.begin(clock.now())
        settle(standin, seconds=60)

        assert standin.studio.executions()[0]["status"] == "ended"
        assert (thread().operator, bodies()) == (ana, ["oi", "alguém aí?", "ainda estou aqui"])
        assert disagreements() == []


def bodies() -> list[str]:
    return list(Message.objects.filter(author="customer").order_by("seq").values_list("body", flat=True))


def parked() -> dict[str, Any]:
    """A flow somebody has made: it hands the customer to an address that answers nothing, and waits."""
    states = [
        {
            "name": "Trigger",
            "type": "trigger",
            "properties": {},
            "transitions": [{"event": "incomingMessage", "next": "park"}],
        },
        {
            "name": "park",
            "type": "add-twiml-redirect",
            "properties": {"url": f"{settings.APP_URL}/healthz", "method": "POST", "timeout": "14400"},
            "transitions": [{"event": "return"}, {"event": "timeout"}, {"event": "fail"}],
        },
    ]
    return {"description": "", "initial_state": "Trigger", "flags": {}, "states": states}
