"""A supervisor who is logged in, and a conversation that was served."""

from __future__ import annotations

import pytest
from django.test import Client

from conversations import clock
from conversations.contract import Release
from conversations.models import Conversation
from operators import desk
from operators.models import Operator
from tests import builders


@pytest.fixture
def caio(client: Client) -> Operator:
    supervisor = builders.make_operator("caio", staff=True)
    client.force_login(supervisor)
    return supervisor


@pytest.fixture
def served(caio: Operator) -> Conversation:
    """João was served by Ana and is with the bot again."""
    ana = builders.make_operator("ana")
    conversation = builders.make_held(ana)
    desk.reply(
        conversation,
        operator=ana,
        door="panel",
        body="Endereço alterado.",
        epoch=conversation.epoch,
        client_key="1",
        now=clock.now(),
    )
    conversation = builders.fresh(conversation)
    desk.release(
        conversation,
        operator=ana,
        by=desk.cause(ana, "panel"),
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome="solved", summary="Endereço trocado."),
        now=clock.now(),
    )
    return builders.fresh(conversation)
