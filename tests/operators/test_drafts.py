"""What somebody has begun to write: kept for them, never over a newer text, and gone with what was sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversations import clock, errors, notes, replies
from conversations.models import Conversation, Message, Note
from operators import desk, drafts, writing
from operators.models import Draft, Operator
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}
NOW = clock.now()
DAY = timedelta(days=1)
RUI = "whatsapp:+5511987650001"
REPLY, NOTE = Draft.Kind.REPLY, Draft.Kind.NOTE


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return builders.make_held(ana)


def place(conversation: Conversation, what: str = "") -> str:
    return f"/operator/c/{conversation.public_id}/{what}"


def save(panel: Client, conversation: Conversation, text: str, *, seen: int = 0, kind: str = "reply") -> Any:
    told = {"kind": kind, "text": text, "seen": str(seen)}
    return panel.post(place(conversation, "draft"), told, headers=FRAGMENT)


def texts() -> dict[str, str]:
    return dict(Draft.objects.values_list("kind", "text"))


@pytest.mark.engine
class TestSaving:
    def test_keeps_one_text_of_each_kind(self, panel: Client, held: Conversation) -> None:
        assert save(panel, held, "Oi, João").json() == {"version": 1}
        assert save(panel, held, "só a equipe", kind="note").json() == {"version": 1}
        assert save(panel, held, "Oi, João!", seen=1).json() == {"version": 2}

        assert texts() == {"reply": "Oi, João!", "note": "só a equipe"}

    def test_never_changes_a_text_that_the_writer_has_not_seen(
        self, panel: Client, held: Conversation
    ) -> None:
        save(panel, held, "do computador")
        save(panel, held, "do computador, mais longo", seen=1)

        late = save(panel, held, "do telefone", seen=1)
        first = save(panel, held, "de um terceiro", seen=0)

        newer = {"version": 2, "text": "do computador, mais longo"}
        assert (late.status_code, late.json()) == (409, newer)
        assert (first.status_code, first.json()) == (409, newer)
        assert texts() == {"reply": "do computador, mais longo"}

    def test_of_the_same_text_once_more_is_no_conflict(self, panel: Client, held: Conversation) -> None:
        """Its answer was lost when the page was left."""
        save(panel, held, "Oi")

        assert save(panel, held, "Oi", seen=0).json() == {"version": 1}

    def test_keeps_every_character(self, panel: Client, held: Conversation) -> None:
        text = "  linha 1\n\n\tlinha 2 👍🏽 <b>não</b> \n"

        save(panel, held, text.replace("\n", "\r\n"))

        assert texts() == {"reply": text}

    def test_of_nothing_makes_no_row(self, panel: Client, held: Conversation) -> None:
        assert save(panel, held, "").status_code == 200

        assert Draft.objects.count() == 0

    def test_goes_on_counting_where_the_writer_stopped(self, panel: Client, held: Conversation) -> None:
        """The row was swept, and the page still knows its number."""
        assert save(panel, held, "de volta", seen=7).json() == {"version": 8}


class TestTheLimit:
    @pytest.mark.parametrize(
        ("kind", "longest"), [("reply", replies.LONGEST), ("note", notes.LONGEST), ("whisper", notes.LONGEST)]
    )
    def test_is_that_of_the_message(self, panel: Client, held: Conversation, kind: str, longest: int) -> None:
        assert save(panel, held, "a" * (longest + 1), kind=kind).status_code == 422
        assert Draft.objects.count() == 0
        assert save(panel, held, "a" * longest, kind=kind).status_code == 200

    @pytest.mark.parametrize(
        "told", [{}, {"kind": "poem"}, {"kind": "reply", "seen": "9" * 30, "text": "\x00"}]
    )
    def test_of_patience_with_odd_forms(
        self, panel: Client, held: Conversation, told: dict[str, str]
    ) -> None:
        assert panel.post(place(held, "draft"), told, headers=FRAGMENT).status_code in {200, 422}


class TestWhoMay:
    def test_is_whoever_sees_the_chat_each_for_themselves(
        self, panel: Client, held: Conversation, client: Client
    ) -> None:
        bia, davi = builders.make_operator("bia"), builders.make_stranger()
        save(panel, held, "da Ana")
        client.force_login(bia)
        assert save(client, held, "da Bia").status_code == 200
        assert "da Ana" not in client.get(place(held)).content.decode()
        client.force_login(davi)

        assert save(client, held, "do Davi").status_code == 404

        assert sorted(Draft.objects.values_list("operator__username", "text")) == [
            ("ana", "da Ana"),
            ("bia", "da Bia"),
        ]

    def test_learns_that_the_session_is_over(self, panel: Client, held: Conversation) -> None:
        panel.logout()

        assert save(panel, held, "ainda aqui").status_code == 401


@pytest.mark.engine
@pytest.mark.django_db(transaction=True)
class TestSending:
    def test_takes_the_draft_along(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="Prontinho", seen=0, now=NOW)
        drafts.save(held, operator=ana, kind=NOTE, text="nota", seen=0, now=NOW)

        says(held, ana, "Prontinho", seen=1)

        assert texts() == {"reply": "", "note": "nota"}

    def test_leaves_what_whoever_sent_it_had_not_seen(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="de outro lugar", seen=0, now=NOW)

        says(held, ana, "Prontinho", seen=0)

        assert texts() == {"reply": "de outro lugar"}

    def test_that_is_refused_changes_nothing(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="Prontinho", seen=0, now=NOW)

        with pytest.raises(errors.StaleEpoch):
            says(held, ana, "Prontinho", seen=1, epoch=held.epoch - 1)

        assert texts() == {"reply": "Prontinho"}

    def test_is_undone_with_the_draft(
        self, ana: Operator, held: Conversation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One transaction: no moment in which both are there, or neither."""

        def fail(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError

        drafts.save(held, operator=ana, kind=REPLY, text="Prontinho", seen=0, now=NOW)
        monkeypatch.setattr(drafts, "sent", fail)

        with pytest.raises(RuntimeError):
            says(held, ana, "Prontinho", seen=1)

        assert not Message.objects.filter(body="Prontinho").exists()

    def test_leaves_a_number_that_goes_on(self, panel: Client, ana: Operator, held: Conversation) -> None:
        """A page that has not heard of it cannot bring the old text back."""
        save(panel, held, "Prontinho")
        says(held, ana, "Prontinho", seen=1)

        late = save(panel, held, "Prontinho, e mais", seen=1)

        assert (late.status_code, late.json()) == (409, {"version": 2, "text": ""})

    def test_of_a_note_takes_its_own(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="resposta", seen=0, now=NOW)
        drafts.save(held, operator=ana, kind=NOTE, text="nota", seen=0, now=NOW)

        writing.note(held, author=ana, body="nota", seen=1, now=NOW)

        assert texts() == {"reply": "resposta", "note": ""}
        assert Note.objects.get().body == "nota"


class TestTheForms:
    def test_say_which_draft_they_send(self, panel: Client, held: Conversation) -> None:
        save(panel, held, "Oi!")
        save(panel, held, "nota", kind="note")

        panel.post(place(held, "send"), {"body": "Oi!", "epoch": held.epoch, "draft": "1"}, headers=FRAGMENT)
        panel.post(place(held, "note"), {"body": "nota", "draft": "1"}, headers=FRAGMENT)

        assert texts() == {"reply": "", "note": ""}

    def test_come_filled_in_for_a_browser_without_script(self, panel: Client, held: Conversation) -> None:
        save(panel, held, "\ncomeça com uma linha vazia")
        save(panel, held, "para a equipe", kind="note")

        page = panel.get(place(held)).content.decode()
        noting = panel.get(place(held) + "?note=1").content.decode()

        assert ">\n\ncomeça com uma linha vazia</textarea>" in page
        assert '<input type="hidden" name="draft" value="1">' in page
        assert ">\npara a equipe</textarea>" in noting

    def test_give_way_to_a_card_with_what_was_written(self, panel: Client, held: Conversation) -> None:
        save(panel, held, "quase lá")
        bia = builders.make_operator("bia")
        desk.claim(held, operator=bia, door="panel", now=clock.now(), force=True)

        page = panel.get(place(held)).content.decode()

        assert '<div class="kept" id="kept">' in page
        assert "readonly>\nquase lá</textarea>" in page


class TestTheList:
    def test_shows_what_was_begun_to_its_holder_only(self, panel: Client, held: Conversation) -> None:
        save(panel, held, "Oi,\n João")
        save(panel, held, "nota", kind="note")

        assert "</span> Oi, João</span>" in panel.get("/operator/list").content.decode()

        panel.force_login(builders.make_operator("bia"))
        assert "Oi, João" not in panel.get("/operator/list?show=team").content.decode()

    def test_forgets_what_was_sent(self, panel: Client, ana: Operator, held: Conversation) -> None:
        save(panel, held, "Oi, João")
        says(held, ana, "Oi, Rui", seen=1)

        assert "data-begun" not in panel.get("/operator/list").content.decode()


@pytest.mark.engine
class TestTheSweep:
    def test_keeps_what_is_theirs_however_old(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="um dia eu mando", seen=0, now=NOW)

        for day in range(1, 20):
            builders.time_passes("drafts", NOW + day * DAY)

        assert texts() == {"reply": "um dia eu mando"}

    def test_takes_it_a_week_after_the_chat_has_gone(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="fica uma semana", seen=0, now=NOW)
        desk.claim(held, operator=builders.make_operator("bia"), door="panel", now=NOW, force=True)

        assert [builders.time_passes("drafts", NOW + day * DAY) for day in range(1, 8)] == [
            1,
            0,
            0,
            0,
            0,
            0,
            0,
        ]
        assert texts() == {"reply": "fica uma semana"}
        builders.time_passes("drafts", NOW + 8 * DAY)

        assert texts() == {}

    def test_begins_anew_when_the_chat_comes_back(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="de novo meu", seen=0, now=NOW)
        bia = builders.make_operator("bia")
        desk.claim(held, operator=bia, door="panel", now=NOW, force=True)
        builders.time_passes("drafts", NOW + DAY)
        desk.claim(builders.fresh(held), operator=ana, door="panel", now=NOW, force=True)
        builders.time_passes("drafts", NOW + 8 * DAY)
        desk.claim(builders.fresh(held), operator=bia, door="panel", now=NOW, force=True)
        builders.time_passes("drafts", NOW + 9 * DAY)

        builders.time_passes("drafts", NOW + 15 * DAY)

        assert texts() == {"reply": "de novo meu"}

    def test_takes_the_empty_ones_first(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="Oi", seen=0, now=NOW)
        says(held, ana, "Oi", seen=1)

        builders.time_passes("drafts", NOW + 2 * DAY)

        assert Draft.objects.count() == 0

    def test_lets_go_of_what_is_written_at_that_moment(self, ana: Operator, held: Conversation) -> None:
        drafts.save(held, operator=ana, kind=REPLY, text="", seen=0, now=NOW)
        drafts.save(held, operator=ana, kind=REPLY, text="a", seen=0, now=NOW)
        drafts.save(held, operator=ana, kind=REPLY, text="", seen=1, now=NOW)
        row = Draft.objects.get()
        drafts.save(held, operator=ana, kind=REPLY, text="agora", seen=2, now=NOW)

        drafts.look(row, NOW + DAY)

        assert texts() == {"reply": "agora"}


def says(
    conversation: Conversation, operator: Operator, body: str, *, seen: int, epoch: int | None = None
) -> None:
    writing.reply(
        conversation,
        operator=operator,
        body=body,
        epoch=conversation.epoch if epoch is None else epoch,
        client_key=None,
        seen=seen,
        now=clock.now(),
    )
