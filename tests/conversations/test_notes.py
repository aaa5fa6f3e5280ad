"""What the team says among itself: in the thread, in order, and never on its way to a customer."""

from __future__ import annotations

from typing import Any

import pytest

from conversations import clock, errors, notes
from conversations.contract import Cause
from conversations.models import Conversation, Delivery, Mode, Note, NoteKind
from operators.models import Operator
from tests.builders import (
    bubbles,
    fresh,
    last_event,
    make_held,
    make_operator,
    make_waiting,
    make_with_bot,
    numbers,
)

pytestmark = pytest.mark.django_db

PANEL = Cause(kind="operator", door="panel")


def add(
    conversation: Conversation, author: Operator | None, body: str = "Cliente antigo.", **kw: Any
) -> Note:
    return notes.add(conversation, author=author, body=body, cause=PANEL, now=clock.now(), **kw)


class TestANote:
    def test_has_a_number_and_an_event_without_its_text(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        note = add(conversation, ana)

        assert (note.seq, note.kind, note.author, note.for_operator) == (
            conversation.seq + 1,
            NoteKind.NOTE,
            ana,
            None,
        )
        told = last_event(conversation)
        assert (told.kind, told.seq) == ("note.added", note.seq + 1)
        assert told.data == {"note": note.pk, "note_kind": "note", "mode": "human", "door": "panel"}
        assert numbers(conversation) == list(range(1, fresh(conversation).seq + 1))

    def test_goes_to_nobody(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)
        sent, said = Delivery.objects.count(), len(bubbles(conversation))

        add(conversation, ana)

        assert (Delivery.objects.count(), len(bubbles(conversation))) == (sent, said)
        assert fresh(conversation).last_preview == conversation.last_preview

    def test_can_be_written_whoever_has_the_conversation(self) -> None:
        bia = make_operator("bia")

        for conversation in (make_with_bot(), make_waiting(address="whatsapp:+5511900000001")):
            before = (conversation.mode, conversation.epoch)
            add(conversation, bia)
            assert (fresh(conversation).mode, fresh(conversation).epoch) == before
        assert Note.objects.count() == 2
        assert fresh(conversation).mode == Mode.QUEUED

    def test_of_an_integration_has_no_author(self) -> None:
        assert add(make_waiting(), None).author is None

    def test_is_kept_as_it_was_written(self) -> None:
        note = add(make_waiting(), None, "  linha um\r\nlinha dois\n")

        assert note.body == "linha um\nlinha dois"

    @pytest.mark.parametrize(
        ("body", "error"), [(" \n", errors.EmptyMessage), ("a" * 4001, errors.MessageTooLong)]
    )
    def test_that_cannot_be_kept_takes_no_number(self, body: str, error: type[errors.HandoffError]) -> None:
        conversation = make_waiting()

        with pytest.raises(error):
            add(conversation, None, body)

        assert fresh(conversation).seq == conversation.seq

    def test_of_four_thousand_characters_is_kept(self) -> None:
        assert len(add(make_waiting(), None, "a" * 4000).body) == 4000


class TestAWhisper:
    def test_is_read_by_its_author_and_by_whom_it_is_for(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        caio = make_operator("caio", staff=True)
        conversation = make_held(ana)

        whisper = add(conversation, caio, "Ofereça o desconto.", whisper_to=ana)
        note = add(conversation, bia, "Cliente antigo.")

        assert (whisper.kind, whisper.for_operator) == (NoteKind.WHISPER, ana)
        readers = {who: set(Note.objects.readable_by(who)) for who in (ana, bia, caio)}
        assert readers == {ana: {whisper, note}, caio: {whisper, note}, bia: {note}}

    def test_is_read_by_every_supervisor(self) -> None:
        ana, caio = make_operator("ana"), make_operator("caio", staff=True)
        dora = make_operator("dora", staff=True)
        conversation = make_held(ana)

        whisper = add(conversation, caio, "Ofereça o desconto.", whisper_to=ana)

        assert list(Note.objects.readable_by(dora)) == [whisper]

    def test_says_in_its_event_that_it_is_one(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        add(conversation, ana, whisper_to=ana)

        assert last_event(conversation).data["note_kind"] == "whisper"
