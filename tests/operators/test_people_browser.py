"""Two colleagues and one customer: what one mentions, tags, pins or corrects, the other sees at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from conversations import clock, notes
from conversations.models import Conversation, Mention
from operators import desk, mentions, tags
from operators.models import AttributeDefinition, ContactLink, Operator, Tag
from tests import axe, builders
from tests.browsing import streaming, wait_for
from tests.operators.conftest import Desk, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ana() -> Operator:
    return named("ana", "Ana Martins")


@pytest.fixture
def bia() -> Operator:
    return named("bia", "Bía Rocha")


def named(username: str, name: str) -> Operator:
    operator = builders.make_operator(username)
    operator.first_name, operator.last_name = name.split()
    operator.save()
    return operator


def another(browser: Browser, live_desk: Desk, operator: Operator, path: str = "/operator/") -> Page:
    """A colleague's console, in a browser of their own."""
    context = browser.new_context(locale="pt-BR")
    sign_in(context, operator, live_desk.url)
    page = context.new_page()
    page.goto(live_desk.url + path)
    settled(page)
    return page


def settled(page: Page) -> None:
    """What comes after the page is there, and its styles."""
    page.wait_for_selector("link[href*='people.css']", state="attached")


def path(conversation: Conversation) -> str:
    return f"/operator/c/{conversation.public_id}/"


def audit(page: Page) -> list[Any]:
    return axe.broken(page)


class TestAMention:
    def test_is_chosen_by_keyboard_and_arrives_until_it_is_read(
        self, console: Callable[..., Page], browser: Browser, live_desk: Desk, ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        theirs = another(browser, live_desk, bia)
        page = console(ana, path(held))
        settled(page)

        page.keyboard.press("n")
        page.keyboard.type("@b")
        option = page.locator("#at-list [role=option]:visible")
        expect(option).to_have_count(1)
        expect(option).to_have_attribute("aria-selected", "true")
        assert audit(page) == []
        page.keyboard.press("Escape")
        expect(page.locator("#at-list")).to_be_hidden()
        page.keyboard.press("Backspace")
        page.keyboard.type("bia")
        page.keyboard.press("Enter")
        expect(page.locator("#note-text")).to_have_value("@Bía ")
        page.keyboard.type("confirma?")
        page.keyboard.press("Enter")
        expect(page.locator("#bubbles .m.note mark.at")).to_have_text("@Bía")
        assert Mention.objects.get().operator == bia

        card = theirs.locator("#toasts .named")
        expect(card).to_contain_text("João Silva")
        expect(theirs.locator(f"#row-{held.public_id} .cnt.at")).to_be_visible()
        assert audit(theirs) == []
        card.get_by_role("link").click()
        expect(theirs.locator("#bubbles mark.at.me")).to_have_text("@Bía")
        expect(theirs.locator("#queue .cnt.at")).to_have_count(0)
        theirs.context.close()

    def test_in_the_open_chat_is_read_at_once(
        self, console: Callable[..., Page], ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        page = console(bia, path(held))
        expect(page.locator("#chat")).to_be_visible()

        mentions.note(held, author=ana, body="@bia aqui", door="panel", now=clock.now())

        expect(page.locator("#bubbles mark.at.me")).to_be_visible()
        expect(page.locator("#queue .cnt.at")).to_have_count(0)
        expect(page.locator("#toasts .named")).to_have_count(0)


class TestBeingNamedWhileOneLooksElsewhere:
    @pytest.fixture
    def hidden(self, context: BrowserContext) -> None:
        """Behind other windows until ``looks``, with a browser that may notify."""
        context.add_init_script(
            """globalThis.shown = []; globalThis.away = true;
            Object.defineProperty(document, "hidden", { get: () => away });
            Object.defineProperty(document, "visibilityState", { get: () => (away ? "hidden" : "visible") });
            globalThis.Notification = class {
              static permission = "granted";
              constructor(title, options) { shown.push([title, options.body, options.tag]); }
            };"""
        )

    @pytest.mark.parametrize(("hides", "name"), [("off", "João Silva"), ("on", "")])
    def test_calls_and_leaves_a_card_until_one_looks(
        self,
        hidden: None,
        console: Callable[..., Page],
        live_desk: Desk,
        ana: Operator,
        bia: Operator,
        hides: str,
        name: str,
    ) -> None:
        Operator.objects.filter(pk=bia.pk).update(preferences={"hide": hides})
        held = builders.make_held(ana)
        page = console(bia)
        streaming(page, live_desk)

        mentions.note(held, author=ana, body="@bia veja", door="panel", now=clock.now())

        wait_for(lambda: page.evaluate("shown.length"), page)
        assert page.evaluate("shown") == [["Mencionaram você", name, str(held.public_id)]]
        card = page.locator("#toasts .named")
        page.wait_for_timeout(8_500)
        expect(card).to_have_count(1)
        page.evaluate("away = false; document.dispatchEvent(new Event('visibilitychange'))")
        expect(card).to_have_count(0)

    def test_is_called_for_a_whisper_as_well(
        self,
        hidden: None,
        console: Callable[..., Page],
        live_desk: Desk,
        ana: Operator,
    ) -> None:
        caio = builders.make_operator("caio", staff=True)
        held = builders.make_held(ana)
        page = console(ana, path(held))
        streaming(page, live_desk)

        mentions.note(held, author=caio, body="Calma", door="panel", now=clock.now(), whisper_to=ana)

        wait_for(lambda: page.evaluate("shown.length"), page)
        assert page.evaluate("shown[0][2]") == str(held.public_id)
        expect(page.locator("#toasts .named")).to_have_count(1)
        expect(page.locator(f"#row-{held.public_id} .cnt.at")).to_have_count(1)
        page.evaluate("away = false; document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator("#toasts .named, #queue .cnt.at")).to_have_count(0)


class TestThePanel:
    def test_is_the_same_for_both_as_it_changes(
        self, console: Callable[..., Page], browser: Browser, live_desk: Desk, ana: Operator, bia: Operator
    ) -> None:
        held = builders.make_held(ana)
        company = held.sender.organization
        for name in ("Entrega", "Ética"):
            Tag.objects.create(organization=company, name=name)
        AttributeDefinition.objects.create(organization=company, key="cpf", name="CPF")
        mentions.note(held, author=ana, body="Não ligar cedo.", door="panel", now=clock.now())
        page, theirs = console(ana, path(held)), another(browser, live_desk, bia, path(held))
        settled(page)

        page.locator("#tag").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#tag-find")).to_be_focused()
        page.keyboard.type("etic")
        assert audit(page) == []
        page.keyboard.press("Enter")
        for one in (page, theirs):
            expect(one.locator("#side .chip.tag")).to_have_text("Ética")
        expect(page.locator("#tagger")).to_be_hidden()
        expect(page.locator("#tag")).to_be_focused()

        theirs.locator("#bubbles .m.note .pin").click()
        for one in (page, theirs):
            expect(one.locator("#pinned")).to_contain_text("Não ligar cedo.")

        page.locator("#edit-contact").click()
        page.get_by_role("dialog").get_by_label("CPF").fill("meu")
        theirs.locator("#edit-contact").click()
        theirs.get_by_role("dialog").get_by_label("CPF").fill("dela")
        theirs.keyboard.press("Control+Enter")
        for one in (page, theirs):
            expect(one.locator("#contact-data")).to_contain_text("dela")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("dialog").locator(".wrong")).to_contain_text("dela")
        assert audit(page) == []
        page.keyboard.press("Control+Enter")
        for one in (page, theirs):
            expect(one.locator("#contact-data")).to_contain_text("meu")
        theirs.context.close()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
    def test_leaves_nobody_out(
        self, console: Callable[..., Page], ana: Operator, bia: Operator, scheme: Any, width: int, height: int
    ) -> None:
        held = everything(ana, bia)
        page = console(ana, path(held) + "#side")
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        expect(page.locator("#side")).to_be_visible()
        settled(page)

        assert audit(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.locator("#edit-contact").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert audit(page) == []
        page.keyboard.press("Escape")
        page.locator("#tag").click()
        expect(page.locator("#tag-find")).to_be_visible()
        assert audit(page) == []

    def test_works_without_script(
        self, browser: Browser, live_desk: Desk, ana: Operator, bia: Operator
    ) -> None:
        held = everything(ana, bia)
        context = browser.new_context(java_script_enabled=False, locale="pt-BR")
        sign_in(context, ana, live_desk.url)
        page = context.new_page()
        page.goto(live_desk.url + path(held))

        page.locator("#tag").click()
        page.get_by_role("button", name="Outra").click()
        expect(page.locator("#side .chip.tag", has_text="Outra")).to_be_visible()
        page.locator("#side .chip.tag", has_text="Outra").locator("button").click()
        expect(page.locator("#side .chip.tag", has_text="Outra")).to_have_count(0)
        page.locator("#edit-contact").click()
        page.locator("input[name=name]").fill("João Souza")
        page.locator(".dlg .btn.p").click()
        expect(page.locator("#chead h2")).to_have_text("João Souza")
        page.locator("#pinned button").click()
        expect(page.locator("#pinned")).to_have_count(0)
        context.close()


def everything(ana: Operator, bia: Operator) -> Conversation:
    held = builders.make_held(ana)
    company = held.sender.organization
    for number, name in enumerate(("Entrega", "VIP", "Troca", "Outra")):
        tag = Tag.objects.create(organization=company, name=name, hue=(6, 9, 0, 1)[number])
        if name != "Outra":
            tags.add(held, tag, operator=bia, door="panel", now=clock.now())
    AttributeDefinition.objects.create(organization=company, key="cpf", name="CPF")
    ContactLink.objects.create(organization=company, label="CRM", url="https://crm.example.com/{phone}")
    note = mentions.note(held, author=bia, body="@ana veja", door="panel", now=clock.now())
    notes.pin(held, note, by=bia, cause=desk.cause(bia, "panel"), now=clock.now())
    return builders.fresh(held)
