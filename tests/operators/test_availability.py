"""What the pages say of whether their operator is there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from conversations import clock
from operators import presence
from operators.models import Operator, PresenceStatus
from tests import builders

pytestmark = pytest.mark.django_db


def text(response: Any) -> str:
    return str(response.content.decode())


class TestThePill:
    def test_says_what_was_chosen(self, panel: Client, ana: Operator) -> None:
        builders.make_operator("bia")
        presence.choose(ana, PresenceStatus.ON_BREAK, now=clock.now())

        page = text(panel.get("/operator/"))

        assert '<span id="presence-now">Em pausa</span>' in page
        assert 'data-presence="on_break"' in page

    def test_is_available_before_the_first_beat(self, panel: Client) -> None:
        builders.make_operator("bia")

        assert '<span id="presence-now">Disponível</span>' in text(panel.get("/operator/"))

    def test_works_without_script(self, panel: Client, ana: Operator) -> None:
        builders.make_operator("bia")

        response = panel.post("/operator/presence", {"status": "on_break", "next": "/operator/?show=bot"})

        assert (response.status_code, response["Location"]) == (303, "/operator/?show=bot")
        assert presence.chosen(ana) == PresenceStatus.ON_BREAK

    def test_is_not_asked_of_whoever_works_alone(self, panel: Client, ana: Operator) -> None:
        assert 'id="presence"' not in text(panel.get("/operator/"))

        presence.choose(ana, PresenceStatus.OFFLINE, now=clock.now())
        assert 'id="presence"' in text(panel.get("/operator/"))
