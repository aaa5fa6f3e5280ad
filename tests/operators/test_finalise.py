from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from conversations.models import Conversation, Handoff, Mode
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


def place(conversation: Conversation) -> str:
    return f"/operator/c/{conversation.public_id}/release"


def text(response: Any) -> str:
    return str(response.content.decode())


def filled(conversation: Conversation, **fields: Any) -> dict[str, Any]:
    return {
        "outcome": "solved",
        "summary": "Endereço trocado.",
        "resume": "wait",
        "epoch": conversation.epoch,
        "last_seen_seq": conversation.seq,
        **fields,
    }


class TestTheDialog:
    def test_offers_how_it_ended_and_where_it_goes(self, panel: Client, ana: Operator) -> None:
        page = text(panel.get(place(builders.make_held(ana)) + "?seen=7"))

        assert "Resolvido" in page
        assert "Sem solução" in page
        assert 'value="wait" checked' in page
        assert "Encerra sem bot" in page

    def test_reminds_of_what_was_asked_for_and_fills_in_nothing(self, panel: Client, ana: Operator) -> None:
        page = text(panel.get(place(builders.make_held(ana))))

        assert 'placeholder="Assunto: Quer trocar o endereço."></textarea>' in page

    def test_is_a_part_for_htmx_and_a_page_without_it(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)

        assert "<html" not in text(panel.get(place(conversation), headers=FRAGMENT))
        assert "<html" in text(panel.get(place(conversation)))

    def test_never_vouches_for_more_than_there_is(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)

        page = text(panel.get(place(conversation) + "?seen=99999"))

        assert f'name="last_seen_seq" value="{conversation.seq}"' in page

    def test_is_only_for_the_holder(self, panel: Client) -> None:
        conversation = builders.make_held(builders.make_operator("bia"))

        response = panel.get(place(conversation))

        assert response.status_code == 409
        assert 'name="outcome"' not in text(response)


class TestTheRelease:
    @pytest.mark.parametrize("resume", ["bot_now", "wait", "close"])
    def test_gives_the_chat_back_with_what_was_settled(
        self, panel: Client, ana: Operator, resume: str
    ) -> None:
        conversation = builders.make_held(ana)

        response = panel.post(place(conversation), filled(conversation, resume=resume))

        handoff = Handoff.objects.get(conversation=conversation)
        assert (response.status_code, response["Location"]) == (303, "/operator/")
        assert builders.fresh(conversation).mode == Mode.BOT
        assert (handoff.outcome, handoff.resume) == ("solved", resume)
        assert handoff.context_out["summary"] == "Endereço trocado."

    def test_closes_the_dialog_of_htmx_and_goes_back_to_the_list(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)

        response = panel.post(place(conversation), filled(conversation), headers=FRAGMENT)

        assert response["HX-Push-Url"] == "/operator/"
        assert response["HX-Trigger"] == "console:closed"

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_stops_at_a_message_nobody_has_read(
        self, panel: Client, ana: Operator, headers: dict[str, str]
    ) -> None:
        conversation = builders.make_held(ana)
        builders.says("Espera, mais uma coisa!")

        response = panel.post(place(conversation), filled(conversation), headers=headers)

        page = text(response)
        assert response.status_code == 409
        assert "Espera, mais uma coisa!" in page
        assert "Finalizar mesmo assim" in page
        assert ">Endereço trocado.</textarea>" in page
        assert builders.fresh(conversation).mode == Mode.HUMAN

    def test_goes_on_all_the_same_when_told_to(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        builders.says("Espera, mais uma coisa!")

        panel.post(place(conversation), filled(conversation, force="1"))

        assert builders.fresh(conversation).mode == Mode.BOT

    def test_without_a_mark_of_what_was_seen_trusts_only_what_the_row_knows(
        self, panel: Client, ana: Operator
    ) -> None:
        conversation = builders.make_held(ana)
        builders.says("Espera!")
        form = filled(conversation)
        del form["last_seen_seq"]

        assert panel.post(place(conversation), form).status_code == 409

    @pytest.mark.parametrize("outcome", ["", "invented", "cancelled"])
    def test_wants_to_know_how_it_ended(self, panel: Client, ana: Operator, outcome: str) -> None:
        conversation = builders.make_held(ana)

        response = panel.post(place(conversation), filled(conversation, outcome=outcome))

        assert response.status_code == 422
        assert "Endereço trocado." in text(response)
        assert builders.fresh(conversation).mode == Mode.HUMAN

    def test_of_somebody_elses_chat_is_refused(self, panel: Client) -> None:
        conversation = builders.make_held(builders.make_operator("bia"))

        assert panel.post(place(conversation), filled(conversation)).status_code == 409
        assert builders.fresh(conversation).mode == Mode.HUMAN
