"""The stand-in and the product, each knowing of the other only what goes over the wire."""

from __future__ import annotations

import pytest

from conversations.models import InboundWebhook, Message
from handoffflow.simulator.standin import StandIn
from tests.standin import standin

__all__ = ["standin"]

pytestmark = pytest.mark.django_db(transaction=True)
JOAO = "whatsapp:+5511987654321"


class TestWebhook:
    def test_is_taken_by_the_desk(self, standin: StandIn) -> None:
        sid = standin.receive(JOAO, "  Olá 👋 *quero* falar\ncom alguém  ", ProfileName="João Batista")

        standin.settle()

        (job,) = standin.ledger.jobs(sid=sid)
        assert job.result == "200"
        message = Message.objects.get(provider_sid=sid)
        assert message.conversation.contact.name == "João Batista"

    def test_is_taken_once_however_often_it_comes(self, standin: StandIn) -> None:
        sid = standin.receive(JOAO, "Oi")
        standin.redeliver(sid, times=3)

        standin.settle()

        assert {job.result for job in standin.ledger.jobs(sid=sid)} == {"200"}
        assert Message.objects.filter(provider_sid=sid).count() == 1

    def test_is_taken_with_a_hidden_number_and_a_file(self, standin: StandIn) -> None:
        sid = standin.receive("whatsapp:BR.1502576394655843", media=[("image/png", b"\x89PNG")])

        standin.settle()

        assert {job.result for job in standin.ledger.jobs(sid=sid)} == {"200"}
        assert InboundWebhook.objects.filter(outcome="applied").count() == 1
