from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from conversations import clock, merging, notes
from conversations.models import Conversation
from operators import desk
from operators.models import Operator
from operators.views import excerpts, spots
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}
RUI = "whatsapp:+5511987650001"


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def found(panel: Client, typed: str) -> str:
    return text(panel.get("/operator/search/", {"q": typed}, headers=FRAGMENT))


class TestTheFragment:
    def test_marks_the_words_and_leads_to_the_message(self, panel: Client) -> None:
        builders.says("Meu boleto venceu ontem")
        said = builders.bubbles(builders.thread())[0]

        answer = found(panel, "BOLÉTO")

        assert "Meu <mark>boleto</mark> venceu ontem" in answer
        assert f"/?at={said.public_id}#m-{said.public_id}" in answer

    def test_shows_people_before_messages_and_notes(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says("aqui é o João")
        notes.add(held, author=ana, body="João ligou", cause=desk.cause(ana, "panel"), now=clock.now())

        answer = found(panel, "joão")

        assert re.findall(r'id="hits-(\w+)"', answer) == ["people", "messages", "notes"]

    def test_says_how_many_there_are_to_those_who_hear_it(self, panel: Client) -> None:
        builders.says("boleto")

        assert re.search(r'hx-target="#search-said"[^>]*>1 \w+<', found(panel, "boleto"))

    def test_says_that_there_is_nothing(self, panel: Client) -> None:
        assert "“nada”" in found(panel, "nada")

    def test_is_empty_without_words(self, panel: Client) -> None:
        assert found(panel, " ").partition("<hx-partial")[0].strip() == ""

    def test_never_makes_markup_of_what_was_said(self, panel: Client) -> None:
        builders.says("<b>boleto</b><script>", ProfileName="<i>boleto")

        answer = found(panel, "boleto")

        assert "<script>" not in answer
        assert "<i>boleto" not in answer
        assert "&lt;b&gt;<mark>boleto</mark>" in answer

    def test_shows_nothing_of_another_company(self, client: Client) -> None:
        builders.says("boleto")
        client.force_login(builders.make_stranger())

        assert "<mark>" not in found(client, "boleto")

    def test_leads_from_a_merged_chat_to_its_own_page(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says("do outro número", address=RUI)
        other = builders.thread(RUI)
        said = builders.bubbles(other)[0]
        merging.merge(held, other, cause=desk.cause(ana, "panel"), now=clock.now())

        place = re.findall(r'href="([^"]+)"', found(panel, "outro"))[0].replace("&amp;", "&")

        assert place.startswith(f"/operator/c/{held.public_id}/earlier/{other.public_id}?before=")
        assert f'id="m-{said.public_id}"' in text(panel.get(place))


def test_the_page_shows_the_same_without_script(panel: Client) -> None:
    builders.says("Meu boleto venceu")

    page = text(panel.get("/operator/search/", {"q": "boleto"}))

    assert 'value="boleto"' in page
    assert "Meu <mark>boleto</mark> venceu" in page


class TestTheThread:
    """Opened at a message, however far back that is."""

    def long(self, ana: Operator, count: int) -> Conversation:
        held = builders.make_held(ana)
        for number in range(count):
            builders.says(f"linha {number}")
        return held

    def shows(self, panel: Client, conversation: Conversation, number: int) -> str:
        said = next(one for one in builders.bubbles(conversation) if one.body == f"linha {number}")
        page = text(panel.get(f"/operator/c/{conversation.public_id}/?at={said.public_id}"))
        assert f'id="m-{said.public_id}"' in page
        assert f'data-at="m-{said.public_id}"' in page
        return page

    def test_shows_it_with_all_that_came_since(self, panel: Client, ana: Operator) -> None:
        page = self.shows(panel, self.long(ana, 90), 20)

        assert page.count('<article class="m in') >= 70
        assert "between-link" not in page

    def test_leaves_out_what_is_between_when_it_is_far_back(
        self, panel: Client, ana: Operator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("operators.views.panes.LONGEST_THREAD", 60)
        held = self.long(ana, 130)

        page = self.shows(panel, held, 5)

        place = re.search(r'href="([^"]+)"[^>]*id="between-link"', page)
        assert place
        more = text(panel.get(place[1].replace("&amp;", "&"), headers=FRAGMENT))
        shown = set(re.findall(r">linha (\d+)<", page + more))
        assert "between-link" not in more or len(shown) < 130
        assert {"5", "36", "129"} <= shown

    def test_ignores_what_is_not_there(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)

        for at in (held.public_id, "nonsense"):
            assert 'data-at="' not in text(panel.get(f"/operator/c/{held.public_id}/?at={at}"))

    def test_does_not_open_at_somebody_elses_whisper(self, panel: Client, ana: Operator) -> None:
        held, caio = builders.make_held(ana), builders.make_operator("caio", staff=True)
        whisper = notes.add(
            held, author=caio, body="psst", whisper_to=caio, cause=desk.cause(caio, "panel"), now=clock.now()
        )

        assert spots.of(held, ana, whisper.public_id) is None
        assert spots.of(held, caio, whisper.public_id)


class TestMarks:
    @pytest.mark.parametrize(
        ("body", "wanted", "shown"),
        [
            ("Meu boleto", ["bol"], "Meu [boleto]"),
            ("AÇÃO ação", ["acao"], "[AÇÃO] [ação]"),
            ("boleto/2ª via", ["via", "2"], "boleto/[2ª] [via]"),
            ("nada", ["bol"], "nada"),
            ("*boleto* pago", ["boleto"], "[boleto] pago"),
            ("a\nboleto", ["boleto"], "a [boleto]"),
        ],
    )
    def test_stand_on_whole_words(self, body: str, wanted: list[str], shown: str) -> None:
        pieces = excerpts.pieces(body, wanted)

        assert "".join(f"[{one.text}]" if one.marked else one.text for one in pieces) == shown

    def test_are_shown_with_a_little_around_them(self) -> None:
        pieces = excerpts.pieces(f"{'antes ' * 40}boleto {'depois ' * 60}", ["boleto"])

        whole = "".join(piece.text for piece in pieces)
        assert whole.startswith("…antes")
        assert whole.endswith("…")
        assert len(whole) < excerpts.SHOWN + 5


class TestUnread:
    def test_counts_again_from_the_customers_newest_message(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says("leia isto")
        panel.post(f"/operator/c/{held.public_id}/seen", {"seq": 99})

        answer = panel.post(f"/operator/c/{held.public_id}/unread", headers=FRAGMENT)

        held = builders.fresh(held)
        assert (held.unread, held.seen_seq) == (1, held.last_inbound_seq - 1)
        assert answer["HX-Push-Url"] == "/operator/"
        assert "cnt" in text(answer)

    def test_leaves_what_is_unread_as_it_is(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says("um")
        builders.says("dois")

        panel.post(f"/operator/c/{held.public_id}/unread")

        assert builders.fresh(held).unread == 2

    def test_is_for_the_holder(self, panel: Client) -> None:
        held = builders.make_held(builders.make_operator("bia"))

        assert panel.post(f"/operator/c/{held.public_id}/unread").status_code == 404
        assert builders.fresh(held).unread == 0
