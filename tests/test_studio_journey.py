"""Both ways through a whole service: the flow answers, a person takes over, the flow goes on and knows why."""

from __future__ import annotations

import pytest

from conversations.models import Handoff, Message, Mode
from handoffflow.simulator.standin import StandIn
from tests.builders import make_operator, thread
from tests.conversations.studio import MENU, finishes, heard, publish, running, settle, takes, writes
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
