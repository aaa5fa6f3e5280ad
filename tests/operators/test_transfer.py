from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from conversations import clock
from conversations.models import Conversation, Mode, Note, Queue
from operators import presence
from operators.models import Operator, PresenceStatus
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}
NOTE = "Falta confirmar o endereço."
RUI = "whatsapp:+5511987650001"


@pytest.fixture
def bia() -> Operator:
    bia = builders.make_operator("bia")
    presence.beat(bia, now=clock.now())
    return bia


def place(conversation: Conversation) -> str:
    return f"/operator/c/{conversation.public_id}/transfer"


def text(response: Any) -> str:
    return str(response.content.decode())


def filled(conversation: Conversation, target: Operator | Queue, /, **fields: Any) -> dict[str, Any]:
    kind = "queue" if isinstance(target, Queue) else "operator"
    return {"to": f"{kind}:{target.public_id}", "note": NOTE, "epoch": conversation.epoch} | fields


def line(page: str, name: str) -> str:
    """The dialog's line of somebody."""
    found = re.search(rf'<label class="to">(?:(?!</label>).)*>{name}<.*?</label>', page, re.DOTALL)
    assert found, name
    return found[0]


class TestTheDialog:
    def test_lists_queues_with_who_waits_and_people_with_what_they_have(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        conversation = builders.make_held(ana)
        builders.make_waiting(address=RUI)

        page = text(panel.get(place(conversation)))

        assert "1 esperando" in line(page, "Fila Atendimento")
        assert "0 de 6 conversas" in line(page, "bia")
        assert "disabled" not in line(page, "bia")
        first = page.index('id="targets"')
        assert str(ana.public_id) not in page[first : page.index("</fieldset>", first)]

    @pytest.mark.parametrize(
        ("status", "why"), [(PresenceStatus.ON_BREAK, "em pausa"), (PresenceStatus.OFFLINE, "offline")]
    )
    def test_shows_who_cannot_take_it_and_why(
        self, panel: Client, ana: Operator, bia: Operator, status: PresenceStatus, why: str
    ) -> None:
        presence.choose(bia, status, now=clock.now())

        page = text(panel.get(place(builders.make_held(ana))))

        assert "disabled" in line(page, "bia")
        assert why in line(page, "bia")

    def test_shows_who_is_away_from_their_panel(self, panel: Client, ana: Operator, bia: Operator) -> None:
        presence.send_away(bia, now=clock.now())

        assert "ausente" in line(text(panel.get(place(builders.make_held(ana)))), "bia")

    def test_shows_who_is_full(self, panel: Client, ana: Operator, bia: Operator) -> None:
        Operator.objects.filter(pk=bia.pk).update(capacity=1)
        builders.make_held(bia, address=RUI)

        full = line(text(panel.get(place(builders.make_held(ana)))), "bia")

        assert "disabled" in full
        assert "sem vaga: 1 de 1 conversa" in full

    def test_knows_nobody_of_another_company(self, panel: Client, ana: Operator, bia: Operator) -> None:
        builders.make_stranger()

        assert ">davi<" not in text(panel.get(place(builders.make_held(ana))))

    def test_is_a_part_for_htmx_and_a_page_without_it(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)

        assert "<html" not in text(panel.get(place(conversation), headers=FRAGMENT))
        assert "<html" in text(panel.get(place(conversation)))

    def test_is_only_for_the_holder(self, panel: Client, bia: Operator) -> None:
        response = panel.get(place(builders.make_held(bia)))

        assert response.status_code == 409
        assert 'name="to"' not in text(response)


class TestTheTransfer:
    def test_offers_the_chat_to_a_colleague_with_the_note(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        conversation = builders.make_held(ana)

        response = panel.post(place(conversation), filled(conversation, bia))

        after = builders.fresh(conversation)
        assert (response.status_code, response["Location"]) == (303, "/operator/")
        assert (after.mode, after.offered_to_id) == (Mode.QUEUED, bia.pk)
        assert Note.objects.get(conversation=conversation).body == NOTE
        assert "transferida para: bia" in text(panel.get("/operator/"))

    def test_puts_the_chat_into_a_queue(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        other = Queue.objects.create(organization=ana.organization, name="Financeiro")

        response = panel.post(place(conversation), filled(conversation, other), headers=FRAGMENT)

        after = builders.fresh(conversation)
        assert (after.mode, after.queue, after.offered_to_id) == (Mode.QUEUED, other, None)
        assert response["HX-Push-Url"] == "/operator/"
        assert response["HX-Trigger"] == "console:closed"
        assert "Fila Financeiro" in text(response)

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"note": " \n"}, "Escreva uma nota para quem vai receber."),
            ({"to": ""}, "Escolha quem recebe a conversa."),
            ({"to": "operator:nonsense"}, "Escolha quem recebe a conversa."),
            ({"note": "x" * 4001}, "até 4000 caracteres"),
        ],
    )
    def test_wants_somebody_and_a_note(
        self,
        panel: Client,
        ana: Operator,
        bia: Operator,
        fields: dict[str, str],
        why: str,
        headers: dict[str, str],
    ) -> None:
        conversation = builders.make_held(ana)

        response = panel.post(place(conversation), filled(conversation, bia, **fields), headers=headers)

        page = text(response)
        assert response.status_code == 422
        assert why in page
        assert f">{fields.get('note', NOTE)}</textarea>" in page
        assert builders.fresh(conversation).mode == Mode.HUMAN

    def test_is_refused_by_whoever_has_gone_meanwhile(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        conversation = builders.make_held(ana)
        presence.choose(bia, PresenceStatus.ON_BREAK, now=clock.now())

        response = panel.post(place(conversation), filled(conversation, bia), headers=FRAGMENT)

        assert response.status_code == 409
        assert "Essa pessoa não está disponível agora" in text(response)
        assert f">{NOTE}</textarea>" in text(response)

    def test_is_refused_by_whoever_has_become_full(self, panel: Client, ana: Operator, bia: Operator) -> None:
        conversation = builders.make_held(ana)
        Operator.objects.filter(pk=bia.pk).update(capacity=0)

        response = panel.post(place(conversation), filled(conversation, bia), headers=FRAGMENT)

        assert response.status_code == 409
        assert "Essa pessoa está sem vaga" in text(response)

    def test_of_an_older_epoch_is_asked_once_more(self, panel: Client, ana: Operator, bia: Operator) -> None:
        conversation = builders.make_held(ana)
        old = filled(conversation, bia, epoch=conversation.epoch - 1)

        response = panel.post(place(conversation), old, headers=FRAGMENT)

        assert response.status_code == 409
        assert f'name="epoch" value="{conversation.epoch}"' in text(response)
        assert f">{NOTE}</textarea>" in text(response)
        assert builders.fresh(conversation).mode == Mode.HUMAN

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_of_a_chat_that_is_no_longer_mine_keeps_the_note(
        self, panel: Client, bia: Operator, headers: dict[str, str]
    ) -> None:
        conversation = builders.make_held(bia)

        response = panel.post(place(conversation), filled(conversation, bia), headers=headers)

        assert response.status_code == 409
        assert f">\n{NOTE}</textarea>" in text(response)
        assert builders.fresh(conversation).operator == bia

    @pytest.mark.parametrize("who", ["myself", "a stranger"])
    def test_goes_to_colleagues_only(self, panel: Client, ana: Operator, bia: Operator, who: str) -> None:
        conversation = builders.make_held(ana)
        to = ana if who == "myself" else builders.make_stranger()
        presence.beat(to, now=clock.now())

        assert panel.post(place(conversation), filled(conversation, to)).status_code == 422
        assert builders.fresh(conversation).mode == Mode.HUMAN

    def test_of_a_foreign_chat_does_not_exist(self, client: Client, ana: Operator, bia: Operator) -> None:
        client.force_login(builders.make_stranger())
        conversation = builders.make_held(ana)

        assert client.get(place(conversation)).status_code == 404
        assert client.post(place(conversation), filled(conversation, bia)).status_code == 404


class TestTheTeam:
    def test_can_be_handed_a_chat(self, panel: Client, ana: Operator, bia: Operator) -> None:
        page = text(panel.get(f"/operator/c/{builders.make_held(ana).public_id}/"))

        assert 'id="transfer"' in page

    def test_of_one_sees_nothing_of_a_team(self, panel: Client, ana: Operator) -> None:
        gone = builders.make_operator("bia")
        builders.make_held(gone, address=RUI)
        Operator.objects.filter(pk=gone.pk).update(is_active=False)

        page = text(panel.get(f"/operator/c/{builders.make_held(ana).public_id}/"))

        assert 'id="transfer"' not in page
        assert "Da equipe" not in page
        assert "Fila Atendimento" not in page
