"""Every state of the console that an operator can meet leaves nobody out, on any screen, in either look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from conversations.models import Conversation
from operators.models import Operator
from tests import axe, builders
from tests.browsing import box, chat, streaming
from tests.operators import scenes
from tests.operators.conftest import Desk
from tests.operators.test_writing_browser import newer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
Console = Callable[..., Page]
Scheme = Literal["light", "dark", "any"]
RULES: dict[Scheme, dict[str, Sequence[str]]] = {
    "light": {"only": axe.STRICT},
    "dark": {"only": axe.COLOURS},
    "any": {"only": axe.STRICT, "without": axe.COLOURS},
}
SCREENS = {1440: 900, 1024: 768, 390: 844}


def look(
    name: str, width: int, height: int, schemes: Sequence[str] = ("light", "dark"), **options: Any
) -> Any:
    viewport = {"width": width, "height": height}
    mark = pytest.mark.browser_context_args(viewport=viewport, **options)
    return pytest.param(name.partition(" ")[0], schemes, id=name, marks=mark)


LOOKS = [
    *(look(f"comfortable {width}", width, height) for width, height in SCREENS.items()),
    # Rows and zoom change places and sizes, no colours.
    look("compact 1440", 1440, 900, ("any",)),
    look("comfortable at 200 %", 720, 450, ("any",), device_scale_factor=2),
]


FILLS = """(list) => {
  const { left, top, right, bottom } = list.getBoundingClientRect(), beside = list.nextElementSibling;
  const room = list.parentElement.getBoundingClientRect();
  const edge = beside.checkVisibility() ? beside.getBoundingClientRect().left : room.right;
  const gaps = [left - room.left, top - room.top, right - edge, bottom - room.bottom];
  return gaps.every((gap) => Math.abs(gap) <= 1);
}"""
"""Whether a list has the place beside its preview, or where there is none all of it."""


@pytest.mark.parametrize(("density", "schemes"), LOOKS)
def test_nobody_is_left_out(
    live_desk: Desk, console: Console, density: str, schemes: Sequence[Scheme]
) -> None:
    """axe finds nothing, nothing sticks out sideways, and nothing lies on the button that sends."""
    there = scenes.furnish()
    Operator.objects.update(preferences={"density": density})
    page = console(there.ana)
    streaming(page, live_desk)

    wrong = {
        (state, scheme): found
        for state in States(page, live_desk, there).walk()
        for scheme in schemes
        if (found := looked_at(page, scheme))
    }

    assert wrong == {}


def looked_at(page: Page, scheme: Scheme) -> list[Any]:
    """A colour on its way to another would be judged as it is."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    return scenes.faults(page, **RULES[scheme])


class States:
    """Draws one after the other, and names it."""

    def __init__(self, page: Page, live_desk: Desk, there: scenes.Desk) -> None:
        self.page, self.url, self.there = page, live_desk.url, there

    def walk(self) -> Iterator[str]:
        yield from self.the_list()
        yield from self.the_chat()
        yield from self.what_is_written()
        yield from self.dialogs()
        yield from self.the_contact()
        yield from self.other_pages()

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)
        expect(self.page.locator("link[href*='people.css']")).to_have_count(1)

    def open(self, conversation: Conversation, dock: str) -> None:
        self.go(chat(conversation))
        expect(self.page.locator("#dock")).to_have_attribute("data-dock", dock)

    def the_list(self) -> Iterator[str]:
        expect(self.page.locator("#queue")).to_contain_text("Ninguém esperando agora.")
        yield "empty queue"
        self.page.locator("#presence summary").click()
        yield "presence menu"
        self.go("/operator/")
        self.page.locator("#q").fill("boleto")
        expect(self.page.locator("#results .hit")).to_have_count(1)
        yield "search results"
        self.page.locator("#q").fill("nada disso")
        expect(self.page.locator("#results .hit")).to_have_count(0)
        yield "nothing found"
        self.open(self.there.mine, "compose")
        builders.make_waiting(address=scenes.LEO, ProfileName="Leo Antunes de Vasconcelos")
        expect(self.page.locator("#toasts .call")).to_be_visible()
        yield "new waiting chat"
        self.go("/operator/")
        yield "somebody waits"

    def the_chat(self) -> Iterator[str]:
        there, page = self.there, self.page
        for name, conversation, dock in (
            ("claimed by other", there.other, "other"),
            ("bot mode", there.bot, "bot"),
            ("waiting", builders.thread(scenes.LEO), "waiting"),
            ("window < 2 h", there.soon, "compose"),
            ("window closed", there.closed, "closed"),
            ("window open, every tick", there.mine, "compose"),
        ):
            self.open(conversation, dock)
            yield name
        page.locator("details.ctx summary").click()
        yield "what the bot knows"
        page.context.set_offline(True)
        expect(page.locator("#netbar")).to_contain_text("Sem conexão")
        expect(page.locator("#netbar .spin")).to_have_js_property("offsetWidth", 14)
        box(page).fill("Vai depois")
        box(page).press("Enter")
        expect(page.locator("#pending .m")).to_be_visible()
        yield "offline"
        page.context.set_offline(False)
        expect(page.locator("#pending .m")).to_have_count(0)

    def what_is_written(self) -> Iterator[str]:
        page = self.page
        self.open(self.there.mine, "compose")
        page.keyboard.press("n")
        yield "note"
        page.keyboard.type("@")
        expect(page.locator("#at-list")).to_be_visible()
        yield "note with the @ list"
        page.keyboard.press("Escape")
        page.locator("#note-text").fill("")
        page.keyboard.press("Alt+n")
        page.keyboard.type("/")
        expect(page.get_by_role("listbox")).to_be_visible()
        yield "canned replies"
        page.keyboard.press("Escape")
        box(page).fill("")
        page.locator("[data-emoji]").evaluate("button => button.click()")
        expect(page.get_by_role("dialog", name="Emoji")).to_be_visible()
        yield "emoji"
        page.keyboard.press("Escape")
        page.locator("#choices > summary").click()
        yield "buttons to answer with"
        self.open(self.there.mine, "compose")
        newer(page, self.there.ana, self.there.mine)
        yield "a newer draft from elsewhere"

    def dialogs(self) -> Iterator[str]:
        page = self.page
        self.open(self.there.mine, "compose")
        for name, key in {"transfer": "t", "finalise": "f", "keys": "?"}.items():
            page.keyboard.press(key)
            expect(page.locator("#dialog")).to_be_visible()
            yield name
            page.keyboard.press("Escape")
            expect(page.locator("#dialog > *")).to_have_count(0)
        page.get_by_role("button", name="Enviar de novo").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        yield "unconfirmed"
        page.keyboard.press("Escape")
        expect(page.locator("#dialog > *")).to_have_count(0)
        page.keyboard.press("Control+k")
        expect(page.locator("#command-list [aria-selected=true]")).to_be_visible()
        yield "command bar"
        page.locator("#command-q").fill("boleto")
        expect(page.locator("#command-found [role=option]")).to_have_count(1)
        yield "command bar with hits"
        self.open(self.there.closed, "closed")
        page.locator("#template").click()
        expect(page.locator("#dialog #tlist")).to_be_visible()
        assert page.locator("#dialog .pick").evaluate(FILLS)
        yield "templates"

    def the_contact(self) -> Iterator[str]:
        page = self.page
        self.open(self.there.mine, "compose")
        if not page.locator("#side").is_visible():
            page.locator("#chead .info").click()
        expect(page.locator("#side #pinned")).to_contain_text("não ligar cedo")
        yield "contact"
        page.locator("#tag").click()
        expect(page.locator("#tag-find")).to_be_visible()
        yield "tags"
        page.keyboard.press("Escape")
        expect(page.locator("#tag")).to_be_visible()
        page.locator("#edit-contact").click()
        expect(page.locator("#dialog")).to_be_visible()
        yield "contact's form"

    def other_pages(self) -> Iterator[str]:
        for path in ("settings", "team", "work"):
            self.page.goto(f"{self.url}/operator/{path}/")
            yield path
        self.page.goto(f"{self.url}{chat(self.there.mine)}canned")
        yield "canned replies as a page"
