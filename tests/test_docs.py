"""What the README and the pages in docs/ say is there: commands, settings, links, tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands
from django.urls import resolve

from conversations.bots import base
from tests.conftest import ROOT
from tests.conversations import test_words

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/decisions/*.md")])
READMES = (ROOT / "README.md", ROOT / "README.pt-BR.md")
OPERATING = ROOT / "docs" / "operating.md"
LARGEST_PICTURE = 300_000

# Settings of make and of the suite, which no .env can hold.
OF_THE_SHELL = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "ENV_FILE",
    "TEST_DATABASE_URLS",
    "TEST_SHARED",
    "REQUIRE_BROWSER",
    "REQUIRE_POSTGRES",
    "RACES",
    "TWILIO_OAI",
    "RACES_CROWDED",
    "PYTHON",
    "BOT_SECRET",
    "EXAMPLES",
    "EXAMPLES_ALL",
}
# Names in the code and on the wire that look like settings.
OTHER_CAPITALS = {"OPT_OUT", "HUMAN_HANDOFF"}

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)[`=]|^ *([A-Z][A-Z_]+)=", re.MULTILINE)
_PROMISE = re.compile(r"\]\((tests/[\w/]+\.py)\) `(\w+)`")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    return _FENCE.sub("", path.read_text())


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ .+$", prose(path), re.MULTILINE)


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower())
    return text.replace(" ", "-")


def links(path: Path) -> Iterator[str]:
    yield from (link for link in _LINK.findall(prose(path)) if not re.match(r"https?:|mailto:", link))


def settings_listed() -> set[str]:
    return set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def blocks(path: Path, language: str) -> list[str]:
    return [body for found, body in _FENCE.findall(path.read_text()) if found == language]


@pytest.mark.parametrize("path", PAGES, ids=name)
class TestAPage:
    def test_links_to_what_is_there(self, path: Path) -> None:
        broken = []
        for link in links(path):
            place, _hash, wanted = link.partition("#")
            target = (path.parent / place).resolve() if place else path
            if not target.exists() or (wanted and wanted not in map(anchor, headings(target))):
                broken.append(link)

        assert broken == []

    def test_names_make_targets_that_exist(self, path: Path) -> None:
        targets = set(re.findall(r"^([\w./$()]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        named = re.findall(r"\bmake ([a-z.][\w./]*)", "\n".join(_code(path)))

        assert {one.replace(".venv", "$(VENV)", 1) for one in named} <= targets

    def test_names_commands_that_exist(self, path: Path) -> None:
        named = re.findall(r"manage\.py ([a-z_]+)", path.read_text())

        assert set(named) <= set(get_commands())

    def test_names_settings_that_exist(self, path: Path) -> None:
        named = {one or other for one, other in _NAME.findall(path.read_text())}

        assert named - OTHER_CAPITALS <= settings_listed() | OF_THE_SHELL


def _code(path: Path) -> Iterator[str]:
    yield from (body for _language, body in _FENCE.findall(path.read_text()))
    yield from re.findall(r"`([^`\n]+)`", prose(path))
    yield from re.findall(r"^ {4}(\S.*)$", prose(path), re.MULTILINE)


class TestTheTwoReadmes:
    def test_have_the_same_headings(self) -> None:
        levels = [[heading.partition(" ")[0] for heading in headings(path)] for path in READMES]

        assert levels[0] == levels[1]

    def test_give_the_same_commands(self) -> None:
        commands = [blocks(path, "console") for path in READMES]

        assert commands[0] == commands[1] != []

    def test_make_the_same_promises(self) -> None:
        promises = [_PROMISE.findall(path.read_text()) for path in READMES]

        assert promises[0] == promises[1] != []

    @pytest.mark.parametrize(("file", "test"), _PROMISE.findall(READMES[0].read_text()))
    def test_promise_what_a_test_holds(self, file: str, test: str) -> None:
        source = (ROOT / file).read_text()

        assert re.search(rf"^ *(?:def|class) {test}\b", source, re.MULTILINE)

    def test_show_pictures_of_one_language_each(self) -> None:
        pictures = [re.findall(r"docs/images/([\w-]+)-(\w\w)\.png", path.read_text()) for path in READMES]

        assert [shown for shown, _language in pictures[0]] == [shown for shown, _language in pictures[1]]
        assert [{language for _shown, language in shown} for shown in pictures] == [{"en"}, {"pt"}]


class TestPictures:
    def test_are_small_and_all_shown(self) -> None:
        pictures = {name(path): path.stat().st_size for path in ROOT.glob("docs/images/*")}
        shown = "\n".join(path.read_text() for path in PAGES)

        assert {path for path, size in pictures.items() if size > LARGEST_PICTURE} == set()
        assert {path for path in pictures if path.removeprefix("docs/") not in shown} == set()


class TestOperating:
    def test_gives_twilio_the_doors_that_are_open(self) -> None:
        text = OPERATING.read_text()

        assert resolve("/api/twilio/webhook").url_name == "twilio-inbound"
        assert resolve("/api/twilio/status").url_name == "twilio-status"
        assert "https://desk.example.com/api/twilio/webhook#ct=2000&rt=4500&rc=2&rp=5xx,ct,rt" in text
        assert "https://desk.example.com/api/twilio/status`" in text


class TestBots:
    def test_count_the_words_as_they_are(self) -> None:
        text = (ROOT / "docs" / "bots.md").read_text()
        claimed = re.search(r"more than (\d+) of each", text)

        assert claimed
        assert int(claimed[1]) < len(test_words.ASKS) + len(test_words.ASKS_TOO)
        assert int(claimed[1]) < len(test_words.MENTIONS) + len(test_words.MENTIONS_TOO)

    def test_show_an_engine_that_works(self) -> None:
        said: dict[str, Any] = {}
        [source] = blocks(ROOT / "docs" / "bots.md", "python")
        exec(source, said)  # noqa: S102 (our own page)
        engine: base.BotEngine = said["OrdersEngine"]()

        asked = engine.reply(_turn("cadê meu pedido?"))
        handed = engine.reply(_turn("é o 48213"))

        assert (asked.messages, asked.handoff) == (("Qual é o número do pedido?",), None)
        assert handed.handoff is not None
        assert (handed.handoff.slots, handed.attributes) == ({"Pedido": "48213"}, {"order": "48213"})

    def test_list_what_an_engine_is_told(self) -> None:
        text = (ROOT / "docs" / "bots.md").read_text()

        assert [field for field in base.ReleaseContext.__dataclass_fields__ if f"`{field}`" not in text] == []


def _turn(text: str) -> base.Turn:
    line = base.Line(author="customer", text=text, kind="text", at=datetime(2026, 11, 20, tzinfo=UTC))
    return base.Turn(
        turn_id="1",
        kind="message",
        conversation="1",
        epoch=0,
        session=1,
        language="pt-br",
        contact_name="João",
        message=line,
    )


class TestDecisions:
    def test_are_numbered_and_short(self) -> None:
        pages = sorted(ROOT.glob("docs/decisions/*.md"))
        numbers = [int(path.name[:4]) for path in pages]

        assert all(later == earlier + 1 for earlier, later in pairwise(numbers)), numbers
        for path in pages:
            text = path.read_text()
            assert text.startswith(f"# {int(path.name[:4])}. ")
            assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == [
                "Context",
                "Decision",
                "Consequences",
            ]
            assert len(text.split()) < 400
