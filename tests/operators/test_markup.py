from __future__ import annotations

from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from operators.views import markup
from tests import builders

OURS = {"strong", "em", "s", "code", "a", "q"}
LINK = '<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>'
HOSTILE = [
    "<script>alert(1)</script>",
    "*<script>alert(1)</script>*",
    "_<svg onload=alert(1)>_",
    "~<img src=x onerror=alert(1)>~",
    "```<iframe srcdoc='<script>alert(1)</script>'></iframe>```",
    "</span></article><script>alert(1)</script>",
    "</strong><script>alert(1)</script><strong>",
    "<!-- <b> -->",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "{{ request.user.password }}",
    "{% include 'operator/_side.html' %}",
    "<div hx-get='/operator/next/' hx-trigger='load'>",
    '" hx-on:load="alert(1)" x="',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "*javascript:alert(1)*",
    "data:text/html,<script>alert(1)</script>",
    'https://example.com/"onmouseover="alert(1)',
    "https://example.com/'onmouseover='alert(1)",
    "https://example.com/<script>alert(1)</script>",
    "https://example.com/`><img/src=x>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;b&#62;",
    "<a href='javascript:alert(1)'>x</a>",
    "<hx-partial hx-target='#chat'>x</hx-partial>",
]


class Reader(HTMLParser):
    """What a browser makes of it: elements with their attributes, and the text."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.elements.append(("a comment", {}))

    def handle_decl(self, decl: str) -> None:
        self.elements.append(("a declaration", {}))

    def handle_data(self, data: str) -> None:
        self.text += data


def is_harmless(shown: str) -> bool:
    for tag, attributes in Reader(shown).elements:
        if tag not in OURS or (tag != "a" and attributes):
            return False
        if tag == "a" and (
            set(attributes) != {"href", "target", "rel"}
            or not (attributes["href"] or "").startswith(("http://", "https://"))
        ):
            return False
    return True


class TestMarkup:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("escreva *atendente*.", "escreva <strong>atendente</strong>."),
            ("_oi_ ~não~", "<em>oi</em> <s>não</s>"),
            ("*_muito_ bom*", "<strong><em>muito</em> bom</strong>"),
            ("*um* e *dois*", "<strong>um</strong> e <strong>dois</strong>"),
            ("o código é ```A*1*B```", "o código é <code>A*1*B</code>"),
            ("2*3*4 e snake_case_aqui", "2*3*4 e snake_case_aqui"),
            ("* item\n* outro", "* item\n* outro"),
            ("*sem fim\nnem começo*", "*sem fim\nnem começo*"),
            ("*** ___ ~~~ ``````", "*** ___ ~~~ ``````"),
            ("veja https://ex.com/a?b=1.", f"veja {LINK.format('https://ex.com/a?b=1')}."),
            ("*https://ex.com/a_b*", f"<strong>{LINK.format('https://ex.com/a_b')}</strong>"),
            ("javascript://x *", "javascript://x *"),
            ("> qual é o *CEP*?\n01310-100", "<q>qual é o <strong>CEP</strong>?</q>01310-100"),
            ("Oi\n> um\n> dois\n\nSim", "Oi\n<q>um</q><q>dois</q>\nSim"),
            ("a > b\n>sem espaço\n> > fundo", "a &gt; b\n&gt;sem espaço\n&gt; &gt; fundo"),
            ("", ""),
        ],
    )
    def test_reads_as_whatsapp_shows_it(self, said: str, shown: str) -> None:
        assert markup.html(said) == shown

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("*_muito_ bom* ```A*1``` https://ex.com/*a* 2*3", "muito bom A*1 https://ex.com/*a* 2*3"),
            ("<b>*x*</b>", "<b>x</b>"),
            ("> *qual* é?\nEste", "qual é? Este"),
            ("", ""),
        ],
    )
    def test_is_left_out_of_a_line_in_the_list(self, said: str, shown: str) -> None:
        assert markup.plain(said) == shown

    @pytest.mark.parametrize("said", HOSTILE)
    def test_never_becomes_what_a_stranger_wrote(self, said: str) -> None:
        assert is_harmless(markup.html(said))

    @given(st.text("ab *_~`\n<>\"'&:/.h{}%=", max_size=80))
    def test_is_harmless_whatever_was_written(self, said: str) -> None:
        assert is_harmless(markup.html(said))

    @given(st.text("ab<>\"'&;{}%=", max_size=80))
    def test_keeps_every_character_of_plain_text(self, said: str) -> None:
        assert unescape(markup.html(said)) == said

    def test_reads_the_longest_message_at_once(self) -> None:
        for said in (
            "*a " * 1400,
            "*_~" * 1400,
            "```" * 1400,
            "> " * 2000,
            "> *> _> ~> " * 380,
            "http://" * 600,
            "*a _b ~c " * 460,
        ):
            assert is_harmless(markup.html(said))


@pytest.mark.django_db
def test_the_thread_shows_hostile_text_as_text(client: Client) -> None:
    ana = builders.make_operator("ana")
    conversation = builders.make_held(ana)
    client.force_login(ana)
    for said in HOSTILE:
        builders.says(said)

    page: Any = client.get(f"/operator/c/{conversation.public_id}/").content.decode()

    thread = page[page.index('id="bubbles"') : page.index('id="pending"')]
    allowed = OURS | {"article", "div", "span", "time", "svg", "use"}
    elements = Reader(f"<div {thread}").elements
    assert {tag for tag, _attributes in elements} <= allowed
    assert not [name for _tag, names in elements for name in names if name.startswith(("on", "hx-"))]
    assert all(
        (names["href"] or "").startswith(("https://example.com/", "/static/"))
        for _tag, names in elements
        if "href" in names
    )
