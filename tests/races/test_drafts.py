"""Two pages of one operator write the same: of drafts one wins, and the other is told what; of notes there is one."""

from __future__ import annotations

from functools import partial

import pytest

from conversations import clock
from conversations.models import Mention, Note
from operators import drafts, mentions, writing
from operators.models import Draft
from tests.builders import make_held, make_operator
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]
REPLY = Draft.Kind.REPLY


def test_of_five_pages_that_saw_the_same_one_changes_it(race: Race) -> None:
    ana = make_operator("ana", capacity=ROUNDS)
    with together(5, race) as at_once:
        for number in range(ROUNDS):
            held = make_held(ana, address=f"whatsapp:+55106{number:08d}")
            seen = number % 2
            if seen:
                drafts.save(held, operator=ana, kind=REPLY, text="antes", seen=0, now=clock.now())

            save = partial(drafts.save, held, operator=ana, kind=REPLY, seen=seen, now=clock.now())
            answers = at_once.run([partial(save, text=f"página {page}") for page in range(5)])

            row = Draft.objects.get(conversation=held)
            assert [kept for kept, _draft in answers].count(True) == 1
            assert {draft.text for _kept, draft in answers} == {row.text}
            assert row.version == seen + 1
            race.saw(pages=5, kept=1)


def test_a_text_is_sent_or_newer_than_what_was_sent(race: Race) -> None:
    """One page sends what another one changes at that moment."""
    ana = make_operator("ana", capacity=ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            held = make_held(ana, address=f"whatsapp:+55105{number:08d}")
            drafts.save(held, operator=ana, kind=REPLY, text="Oi", seen=0, now=clock.now())

            _said, (kept, _draft) = at_once.run(
                [
                    partial(
                        writing.reply,
                        held,
                        operator=ana,
                        body="Oi",
                        epoch=held.epoch,
                        client_key=None,
                        seen=1,
                        now=clock.now(),
                    ),
                    partial(
                        drafts.save, held, operator=ana, kind=REPLY, text="Oi, João", seen=1, now=clock.now()
                    ),
                ]
            )

            row = Draft.objects.get(conversation=held)
            assert (row.version, row.text) == (2, "Oi, João" if kept else "")
            race.saw(sent=1, newer=int(kept))


def test_a_note_that_is_saved_five_times_at_once_is_one(race: Race) -> None:
    """Its answer was lost, or it was saved in two tabs: whoever it names is told once."""
    ana, bia = make_operator("ana", capacity=ROUNDS), make_operator("bia")
    with together(5, race) as at_once:
        for number in range(ROUNDS):
            held = make_held(ana, address=f"whatsapp:+55104{number:08d}")
            save = partial(
                mentions.note,
                held,
                author=ana,
                body="@bia, falta o CEP.",
                door="panel",
                now=clock.now(),
                client_key="uma chave",
            )

            written = at_once.run([save] * 5)

            [row] = Note.objects.filter(conversation=held, author=ana)
            assert [note.pk for note in written] == [row.pk] * 5
            assert list(Mention.objects.filter(note=row).values_list("operator", flat=True)) == [bia.pk]
            race.saw(saved=5, notes=1)
