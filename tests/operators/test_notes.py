from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client

from conversations import clock, notes
from conversations.models import Conversation, Event, Mention, Message, Note, NoteKind
from operators import desk
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}
SAID = "A logística confirmou: dá para trocar."


@pytest.fixture
def caio() -> Operator:
    return builders.make_operator("caio", staff=True)


def place(conversation: Conversation, what: str = "") -> str:
    return f"/operator/c/{conversation.public_id}/{what}"


def text(response: Any) -> str:
    return str(response.content.decode())


def whisper(conversation: Conversation, *, by: Operator, to: Operator) -> None:
    notes.add(
        conversation,
        author=by,
        body=SAID,
        cause=desk.cause(by, "panel"),
        now=clock.now(),
        whisper_to=to,
    )


class TestANote:
    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_stands_in_the_thread_and_is_never_sent(
        self, panel: Client, ana: Operator, headers: dict[str, str]
    ) -> None:
        held = builders.make_held(ana)
        before = Message.objects.filter(conversation=held).count()

        response = panel.post(place(held, "note"), {"body": SAID}, headers=headers)

        page = text(panel.get(place(held)))
        assert response.status_code == (200 if headers else 303)
        assert "Nota interna · ana" in page
        assert SAID in page
        assert Message.objects.filter(conversation=held).count() == before

    def test_is_written_by_whoever_may_see_the_chat(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        for conversation in (
            builders.make_held(bia),
            builders.make_with_bot(address="whatsapp:+5511900000001"),
        ):
            panel.post(place(conversation, "note"), {"body": SAID})

            assert Note.objects.get(conversation=conversation).author == ana

    def test_is_not_written_by_anybody_else(self, client: Client, ana: Operator) -> None:
        client.force_login(builders.make_stranger())

        assert client.post(place(builders.make_held(ana), "note"), {"body": SAID}).status_code == 404
        assert not Note.objects.exists()

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    @pytest.mark.parametrize("body", [" \n", "x" * 4001])
    def test_is_refused_and_the_text_stays(
        self, panel: Client, ana: Operator, body: str, headers: dict[str, str]
    ) -> None:
        held = builders.make_held(ana)

        response = panel.post(place(held, "note"), {"body": body}, headers=headers)

        page = text(response)
        assert response.status_code == 422
        assert "notice" in page
        assert 'id="note-text"' not in page if headers else f">\n{body}</textarea>" in page
        assert not Note.objects.exists()

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_is_saved_once_however_often_it_is_sent(
        self, panel: Client, ana: Operator, bia: Operator, headers: dict[str, str]
    ) -> None:
        held = builders.make_held(ana)
        said = {"body": "@bia, dá para trocar.", "client_key": "chave"}

        first, again = (panel.post(place(held, "note"), said, headers=headers) for _time in range(2))

        assert first.status_code == again.status_code == (200 if headers else 303)
        assert Note.objects.count() == Mention.objects.count() == 1
        assert Event.objects.filter(kind="note.added").count() == 1

    def test_is_saved_once_by_two_at_the_same_moment(self, ana: Operator, monkeypatch: Any) -> None:
        held = builders.make_held(ana)
        save = partial(
            notes.add, held, author=ana, body=SAID, cause=desk.cause(ana, "panel"), client_key="chave"
        )
        first = save(now=clock.now())
        look, looks = notes._already_written, iter([True])
        monkeypatch.setattr(
            notes, "_already_written", lambda *asked: None if next(looks, 0) else look(*asked)
        )

        again = save(now=clock.now())

        assert again == first
        assert builders.fresh(held).seq == first.seq + 1

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_under_the_key_of_another_says_that_the_other_is_there(
        self, panel: Client, ana: Operator, headers: dict[str, str]
    ) -> None:
        held = builders.make_held(ana)
        panel.post(place(held, "note"), {"body": SAID, "client_key": "chave"})

        response = panel.post(
            place(held, "note"), {"body": SAID + " Avisar.", "client_key": "chave"}, headers=headers
        )

        assert response.status_code == 422
        assert "notice" in text(response)
        assert 'value="chave"' not in text(response)
        assert Note.objects.count() == 1

    def test_that_was_refused_keeps_its_key(self, panel: Client, ana: Operator) -> None:
        response = panel.post(
            place(builders.make_held(ana), "note"), {"body": "x" * 4001, "client_key": "chave"}
        )

        assert 'value="chave"' in text(response)

    def test_reads_back_with_the_older_messages(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        panel.post(place(held, "note"), {"body": SAID})
        for number in range(55):
            builders.says(f"linha {number}")

        page = text(panel.get(place(held)))
        before = page.split("?before=")[1].split('"')[0]
        older = text(panel.get(place(held) + f"?before={before}", headers=FRAGMENT))

        assert SAID not in page
        assert SAID in older
        assert "Você assumiu" in older

    def test_of_another_day_stands_under_it(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        panel.post(place(held, "note"), {"body": SAID})
        Note.objects.update(created_at=clock.now() - timedelta(days=1))

        assert "Ontem" in text(panel.get(place(held)))

    def test_has_its_form_without_script(self, panel: Client, ana: Operator) -> None:
        page = text(panel.get(place(builders.make_held(ana)) + "?note=1"))

        assert 'id="noter"' in page
        assert 'data-writing="note">' in page
        assert re.search(r'<form class="comp" id="composer"[^>]* hidden>', page)


class TestAWhisper:
    @pytest.mark.parametrize(
        ("reader", "shown"),
        [
            ("ana", "Sussurro · só você e a supervisão veem"),
            ("caio", "Sussurro · só ana e a supervisão veem"),
            ("bia", ""),
        ],
    )
    def test_is_read_by_whom_it_is_for_and_supervisors(
        self, client: Client, ana: Operator, bia: Operator, caio: Operator, reader: str, shown: str
    ) -> None:
        held = builders.make_held(ana)
        whisper(held, by=caio, to=ana)
        client.force_login(Operator.objects.get(username=reader))

        page = text(client.get(place(held)))

        assert (SAID in page) is bool(shown)
        assert shown in page
        assert ("Sussurro ·" in page) is bool(shown)

    def test_is_offered_to_supervisors_on_somebody_elses_chat(
        self, client: Client, ana: Operator, bia: Operator, caio: Operator
    ) -> None:
        held = builders.make_held(ana)

        for reader, offered in ((caio, True), (bia, False), (ana, False)):
            client.force_login(reader)
            assert ("Sussurrar para ana" in text(client.get(place(held)))) is offered

    def test_goes_to_the_one_who_has_the_chat(self, client: Client, ana: Operator, caio: Operator) -> None:
        held = builders.make_held(ana)
        client.force_login(caio)

        client.post(place(held, "note"), {"body": SAID, "whisper_to": str(ana.public_id)})

        note = Note.objects.get()
        assert (note.kind, note.for_operator, note.author) == (NoteKind.WHISPER, ana, caio)

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_for_somebody_who_has_it_no_more_is_refused(
        self, client: Client, ana: Operator, bia: Operator, caio: Operator, headers: dict[str, str]
    ) -> None:
        held = builders.make_held(bia)
        client.force_login(caio)

        response = client.post(
            place(held, "note"), {"body": SAID, "whisper_to": str(ana.public_id)}, headers=headers
        )

        assert response.status_code == 409
        assert headers or f">\n{SAID}</textarea>" in text(response)
        assert not Note.objects.exists()

    def test_is_for_supervisors_only(self, panel: Client, bia: Operator) -> None:
        held = builders.make_held(bia)

        response = panel.post(place(held, "note"), {"body": SAID, "whisper_to": str(bia.public_id)})

        assert response.status_code == 404
        assert not Note.objects.exists()
