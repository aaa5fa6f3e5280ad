"""Pinned notes stand at the top of what is known of a contact, in every later conversation."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from conversations import clock, merging, notes
from conversations.contract import Release
from conversations.models import Conversation, Note
from operators import desk
from operators.models import Operator
from tests import builders
from tests.operators.test_mentions import place, text, write

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _in_english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"


def pin(panel: Client, conversation: Conversation, note: Note, verb: str = "pin") -> Any:
    return panel.post(place(conversation, f"notes/{note.public_id}/{verb}"), headers=FRAGMENT)


def pinned(panel: Client, conversation: Conversation) -> list[str]:
    page = text(panel.get(place(conversation)))
    return [str(note.body) for note in Note.objects.all() if f'id="pin-{note.public_id}"' in page]


def test_stands_there_with_who_and_when_until_it_is_unpinned(panel: Client, ana: Operator) -> None:
    held = builders.make_held(ana)
    note = write(held, ana, "Não ligar de manhã.")

    pin(panel, held, note)
    page = text(panel.get(place(held)))
    assert "ana pinned it on" in page
    assert pinned(panel, held) == ["Não ligar de manhã."]
    assert builders.last_event(held).kind == "note.pinned"

    pin(panel, held, note, "unpin")
    assert pinned(panel, held) == []
    assert builders.last_event(held).kind == "note.unpinned"


def test_twice_is_told_once_and_leaves_no_gap(panel: Client, ana: Operator) -> None:
    held = builders.make_held(ana)
    note = write(held, ana, "x")

    for verb in ("pin", "pin", "unpin", "unpin"):
        assert pin(panel, held, note, verb).status_code == 200

    assert builders.kinds(held)[-2:] == ["note.pinned", "note.unpinned"]
    assert builders.numbers(held) == list(range(1, builders.fresh(held).seq + 1))


def test_lasts_for_later_services_however_far_back_it_was(panel: Client, ana: Operator) -> None:
    held = builders.make_held(ana)
    note = write(held, ana, "Cliente antiga.")
    pin(panel, held, note)
    for number in range(55):
        builders.says(f"linha {number}")
    held = builders.fresh(held)
    desk.release(
        held,
        operator=ana,
        by=desk.cause(ana, "panel"),
        epoch=held.epoch,
        seen=held.seq,
        release=Release(outcome="solved"),
        now=clock.now(),
    )

    page = text(panel.get(place(held)))
    assert page.count("Cliente antiga.") == 1
    assert pinned(panel, held) == ["Cliente antiga."]


def test_is_shared_with_what_is_merged_and_taken_along_when_parted(panel: Client, ana: Operator) -> None:
    held = builders.make_held(ana)
    other = builders.make_with_bot(address="whatsapp:+551187654321")
    note = write(other, ana, "Do outro número.")
    pin(panel, other, note)

    merging.merge(held, other, cause=desk.cause(ana, "panel"), now=clock.now())
    assert pinned(panel, held) == ["Do outro número."]
    assert pin(panel, held, note, "unpin").status_code == 200
    pin(panel, held, note)

    merging.unmerge(other, cause=desk.cause(ana, "panel"), now=clock.now())
    assert pinned(panel, held) == []
    assert pinned(panel, builders.fresh(other)) == ["Do outro número."]


def test_are_five_at_most(panel: Client, ana: Operator) -> None:
    held = builders.make_held(ana)
    for number in range(notes.MOST_PINNED):
        pin(panel, held, write(held, ana, f"{number}"))

    refused = pin(panel, held, write(held, ana, "one more"))

    assert refused.status_code == 409
    assert "5 notes are pinned already" in text(refused)
    assert len(pinned(panel, held)) == 5


def test_of_a_whisper_is_refused(client: Client, ana: Operator) -> None:
    caio = builders.make_operator("caio", staff=True)
    held = builders.make_held(ana)
    whisper = write(held, caio, "Ofereça desconto.", whisper_to=ana)
    client.force_login(ana)

    page = text(client.get(place(held)))
    assert f"notes/{whisper.public_id}/pin" not in page
    assert pin(client, held, whisper).status_code == 409
    client.force_login(builders.make_operator("bia"))
    assert pin(client, held, whisper).status_code == 404


def test_is_done_where_the_note_is_and_nowhere_else(panel: Client, ana: Operator) -> None:
    held = builders.make_held(ana)
    other = builders.make_held(ana, address="whatsapp:+5511900000001")

    assert pin(panel, held, write(other, ana, "x")).status_code == 404
