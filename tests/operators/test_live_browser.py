"""The console listening to its stream, in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from playwright.sync_api import APIResponse, BrowserContext, Page, Route, expect

from conversations import clock, statuses
from conversations.contract import Release
from conversations.models import Conversation, Message
from operators import desk, gauges
from operators.models import Operator
from tests import axe, builders
from tests.browsing import HIDDEN, box, chat, intercept, streaming, wait_for
from tests.operators.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)
RUI = "whatsapp:+5511987650001"
Console = Callable[..., Page]


def bubbles(page: Page) -> list[str]:
    return page.locator("#bubbles .tx").all_inner_texts()


def asked(page: Page) -> list[str]:
    """What the page asks for from here on, besides its stream."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if "/stream" not in request.url else None)
    return found


def reports(conversation: Conversation, status: str) -> None:
    """Twilio's word on the newest message."""
    message = builders.bubbles(conversation)[-1]
    statuses.observe(message, status=status, code=None, cause=statuses.REPORTED, now=clock.now())


def reply(conversation: Conversation, operator: Operator, body: str) -> Message:
    conversation.refresh_from_db()
    return desk.reply(
        conversation,
        operator=operator,
        door="api",
        body=body,
        epoch=conversation.epoch,
        client_key=None,
        now=clock.now(),
    )[0]


def release(conversation: Conversation, operator: Operator) -> None:
    conversation.refresh_from_db()
    desk.release(
        conversation,
        operator=operator,
        by=desk.cause(operator, "api"),
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome="solved"),
        now=clock.now(),
    )


class TestAMessage:
    def test_appears_without_being_asked_for(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        held = builders.make_held(ana)
        page = console(ana, chat(held))
        streaming(page, live_desk)
        requests = asked(page)

        builders.says("meu pedido atrasou")
        expect(page.locator("#bubbles")).to_contain_text("meu pedido atrasou")
        expect(page.locator(f"#row-{held.public_id}")).to_contain_text("meu pedido atrasou")

        assert [url for url in requests if "/thread" in url or "/list" in url] == []

    def test_of_another_chat_goes_into_its_row_and_that_row_to_the_top(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        first, second = builders.make_held(ana), builders.make_held(ana, address=RUI)
        page = console(ana, chat(second))
        streaming(page, live_desk)
        row = page.locator(f"#row-{first.public_id} .row")
        row.focus()

        builders.says("ainda estou aqui")

        expect(page.locator("#mine li").first).to_contain_text("ainda estou aqui")
        expect(row).to_be_focused()
        expect(page).to_have_title(re.compile(r"^\(1\) "))

    def test_changes_its_ticks_and_nothing_else(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        held = builders.make_held(ana)
        sent = reply(held, ana, "Prontinho!")
        page = console(ana, chat(held))
        streaming(page, live_desk)
        bubble = page.locator(f"#m-{sent.public_id}")
        bubble.evaluate("node => node.sameAsBefore = true")
        requests = asked(page)

        for status, said in (("sent", "Enviada"), ("delivered", "Entregue"), ("read", "Lida")):
            reports(held, status)
            expect(bubble.get_by_role("img", name=said)).to_be_visible()

        assert bubble.evaluate("node => node.sameAsBefore")
        assert [url for url in requests if "/thread" in url] == []

    def test_of_ours_that_begins_a_day_keeps_one_pill_above_it(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        held = builders.make_held(ana, now=clock.now() - timedelta(days=1))
        Conversation.objects.filter(pk=held.pk).update(window_expires_at=clock.now() + timedelta(hours=1))
        page = console(ana, chat(held))
        streaming(page, live_desk)

        sent = reply(held, ana, "Prontinho!")
        bubble = page.locator(f"#m-{sent.public_id}")
        for status, said in (("sent", "Enviada"), ("delivered", "Entregue"), ("read", "Lida")):
            reports(held, status)
            expect(bubble.get_by_role("img", name=said)).to_be_visible()

        expect(page.locator("#bubbles .day")).to_have_text(["Ontem", "Hoje"])

    def test_that_failed_says_why(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        held = builders.make_held(ana)
        sent = reply(held, ana, "Prontinho!")
        page = console(ana, chat(held))
        streaming(page, live_desk)

        statuses.observe(sent, status="failed", code=63016, cause=statuses.REPORTED, now=clock.now())

        expect(page.locator(f"#f-{sent.public_id}")).to_contain_text("63016")

    def test_of_mine_stands_there_once(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        held = builders.make_held(ana)
        page = console(ana, chat(held))
        streaming(page, live_desk)

        for text in ("um", "dois", "três"):
            box(page).fill(text)
            page.keyboard.press("Enter")
        builders.says("obrigado")
        expect(page.locator("#pending .m")).to_have_count(0)
        expect(page.locator("#bubbles")).to_contain_text("obrigado")

        said = [message.body for message in builders.bubbles(held)][-4:]
        assert sorted(said) == sorted(["um", "dois", "três", "obrigado"])
        assert bubbles(page)[-4:] == said

    def test_of_mine_is_never_seen_twice(
        self, ana: Operator, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        answers: list[tuple[Route, APIResponse]] = []
        context.route("**/send", lambda route: answers.append((route, route.fetch())))
        held = builders.make_held(ana)
        page = console(ana, chat(held))
        streaming(page, live_desk)

        box(page).fill("um momento")
        page.keyboard.press("Enter")
        wait_for(lambda: answers, page)
        page.wait_for_timeout(2500)  # longer than the page waits before it asks by itself
        expect(page.locator("#tail .tx", has_text="um momento")).to_have_count(1)
        for route, answer in answers:
            route.fulfill(response=answer)

        expect(page.locator("#pending .m")).to_have_count(0)
        expect(page.locator("#tail .tx", has_text="um momento")).to_have_count(1)

    def test_brings_what_was_missed_before_it(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        held = builders.make_held(ana)
        builders.says("isto se perde")
        page = console(ana, chat(held))
        streaming(page, live_desk)
        page.evaluate("""() => {
          const box = document.querySelector("#bubbles");
          box.querySelector(".m:last-of-type").remove();
          box.dataset.seq -= 2;
        }""")

        builders.says("e isto chega")

        expect(page.locator("#bubbles")).to_contain_text("e isto chega")
        assert bubbles(page)[-2:] == ["isto se perde", "e isto chega"]


class TestAConversation:
    def test_joins_the_queue_and_leaves_it(
        self, ana: Operator, bia: Operator, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana)
        streaming(page, live_desk)

        waiting = builders.make_waiting()
        row = page.locator(f"#waiting #row-{waiting.public_id}")
        expect(row).to_be_visible()
        expect(page.locator("#toasts")).to_contain_text("João Silva")
        desk.claim(waiting, operator=bia, door="panel", now=clock.now())

        expect(row).to_have_count(0)
        expect(page.get_by_role("link", name=re.compile("Da equipe"))).to_be_visible()

    def test_calls_with_a_card_that_takes_it(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        page = console(ana)
        streaming(page, live_desk)
        waiting, other = builders.make_waiting(), builders.make_waiting(address=RUI)
        cards = page.locator("#toasts .call")
        expect(cards).to_have_count(2)
        assert axe.broken(page) == []

        card = page.locator(f'[data-row="row-{other.public_id}"]')
        expect(card).to_contain_text("Nova conversa na fila")
        card.get_by_role("button", name="Agora não").click()
        expect(cards).to_have_count(1)
        cards.get_by_role("button", name="Atender").click()

        expect(page.locator(f'#chat[data-conversation="{waiting.public_id}"]')).to_be_visible()
        expect(box(page)).to_be_focused()
        expect(cards).to_have_count(0)

    def test_that_somebody_else_takes_is_locked_at_once(
        self, ana: Operator, bia: Operator, live_desk: Desk, console: Console
    ) -> None:
        waiting = builders.make_waiting()
        page = console(ana, chat(waiting))
        streaming(page, live_desk)
        dock = page.locator("#dock")
        expect(dock).to_have_attribute("data-dock", "waiting")

        desk.claim(waiting, operator=bia, door="panel", now=clock.now())

        expect(dock).to_have_attribute("data-dock", "other")
        expect(dock).to_contain_text("bia já está atendendo")

    def test_that_goes_out_of_sight_leaves_the_list(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        waiting = builders.make_waiting()
        page = console(ana)
        streaming(page, live_desk)
        row = page.locator(f"#row-{waiting.public_id}")
        expect(row).to_be_visible()

        ana.queues.clear()
        wait_for(lambda: not any(one.grants.queues for one in live_desk.listeners), page)
        desk.claim(waiting, operator=builders.make_operator("caio"), door="panel", now=clock.now())

        expect(row).to_have_count(0)


class TestWhateverHappens:
    def test_focus_and_typed_text_stay(
        self, ana: Operator, bia: Operator, live_desk: Desk, console: Console
    ) -> None:
        held, other = builders.make_held(ana), builders.make_held(ana, address=RUI)
        page = console(ana, chat(held))
        streaming(page, live_desk)
        box(page).focus()
        page.keyboard.type("Olá, João, tudo")
        for _left in range(3):
            page.keyboard.press("Shift+ArrowLeft")

        sent = reply(held, ana, "por outra porta")
        for status in ("sent", "delivered", "read"):
            reports(held, status)
        builders.says("oi?")
        builders.says("outro chat", address=RUI)
        release(other, ana)
        waiting = builders.make_waiting(address="whatsapp:+5511987650002")
        desk.claim(waiting, operator=bia, door="panel", now=clock.now())
        expect(page.locator(f"#m-{sent.public_id}").get_by_role("img", name="Lida")).to_be_visible()
        expect(page.locator("#bubbles")).to_contain_text("oi?")
        expect(page.locator(f"#mine #row-{other.public_id}")).to_have_count(0)

        expect(box(page)).to_be_focused()
        expect(box(page)).to_have_value("Olá, João, tudo")
        assert box(page).evaluate("box => [box.selectionStart, box.selectionEnd]") == [12, 15]

    def test_the_page_becomes_what_a_fresh_one_is(
        self, ana: Operator, bia: Operator, live_desk: Desk, console: Console
    ) -> None:
        held = builders.make_held(ana)
        page = console(ana, chat(held))
        streaming(page, live_desk)

        builders.says("um")
        builders.says("dois")
        reply(held, ana, "três")
        reports(held, "delivered")
        builders.says("quatro")
        builders.says("cinco", address=RUI)
        waiting = builders.make_waiting(address="whatsapp:+5511987650002")
        desk.claim(waiting, operator=bia, door="panel", now=clock.now())
        builders.make_waiting(address="whatsapp:+5511987650003")
        expect(page.locator("#waiting li")).to_have_count(1)
        expect(page.locator("#bubbles")).to_contain_text("quatro")
        wait_for(lambda: not Conversation.objects.get(pk=held.pk).unread, page)

        fresh = console(ana, chat(held))
        wait_for(lambda: shape(page) == shape(fresh), page)

    def test_an_old_list_does_not_stand_over_a_newer_row(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        """It was asked for before the message, and comes after it."""
        page = console(ana, chat(builders.make_held(ana)))
        other = builders.make_held(ana, address=RUI)
        row = page.locator(f"#row-{other.public_id}")
        streaming(page, live_desk)
        expect(row).to_be_visible()
        page.evaluate(HOLDS_LISTS)
        builders.make_waiting(address="whatsapp:+5511987650002")
        page.wait_for_function("() => window.held.length > 0")

        builders.says("Chegou depois", address=RUI)
        expect(row).to_contain_text("Chegou depois")
        page.evaluate("() => window.letGo()")

        expect(page.locator("#waiting li")).to_have_count(1)
        expect(row).to_contain_text("Chegou depois")

    def test_what_is_shown_as_unread_after_all_is_read(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        """The row was an old one for a moment, just when the page asked itself what there is to read."""
        held = builders.make_held(ana)
        page = console(ana, chat(held))
        streaming(page, live_desk)
        builders.says("oi?")
        expect(page.locator(f"#row-{held.public_id} .row.un")).to_have_count(1)
        page.evaluate(
            """(row) => {
              document.getElementById(row).querySelector(".row").classList.remove("un");
              document.dispatchEvent(new Event("console:over"));
            }""",
            f"row-{held.public_id}",
        )
        builders.make_waiting(address=RUI)  # the list is asked for

        wait_for(lambda: not Conversation.objects.get(pk=held.pk).unread, page)

    def test_what_was_read_is_said_again_after_an_error(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        held = builders.make_held(ana)
        page = console(ana, chat(held))
        streaming(page, live_desk)
        troubled: list[str] = []

        def trouble(route: Route) -> None:
            troubled.append(route.request.url)
            route.fulfill(status=503)

        intercept(page, "**/seen", trouble, times=1)
        builders.says("oi?")
        wait_for(lambda: troubled, page)
        builders.make_waiting(address=RUI)  # the list is asked for again

        wait_for(lambda: not Conversation.objects.get(pk=held.pk).unread, page)


HOLDS_LISTS = """() => {
  const asked = window.fetch, held = window.held = [];
  window.letGo = () => { window.fetch = asked; for (const go of held) go(); };
  window.fetch = async (url, ...how) => {
    const answer = await asked(url, ...how);
    if (String(url).includes("/operator/list")) await new Promise((go) => held.push(go));
    return answer;
  };
}"""
"""Answers with a list are kept back until they are let go."""


def shape(page: Page) -> list[str]:
    """The text of each part of the page; running clocks left out."""
    texts = [page.locator(part).inner_text() for part in ("#queue", "#bubbles", "#chead", "#dock")]
    return [re.sub(r"\d+:\d\d|\d+h \d\d\w+", "", text) for text in texts]


class TestACut:
    def test_loses_nothing_of_ten_seconds(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        held = builders.make_held(ana)
        page = console(ana, chat(held))
        streaming(page, live_desk)
        box(page).fill("um rascunho")
        before = len(bubbles(page))

        live_desk.stop()
        for number in range(20):
            builders.says(f"mensagem {number}")
        expect(page.locator("#netbar")).to_contain_text("Sem conexão")
        page.wait_for_timeout(5_000)
        live_desk.start()

        expect(page.locator("#bubbles")).to_contain_text("mensagem 19")
        wait_for(lambda: live_desk.streams == 1, page)
        builders.says("e ao vivo outra vez")
        expect(page.locator("#bubbles")).to_contain_text("e ao vivo outra vez")
        assert bubbles(page)[before:] == [
            *(f"mensagem {number}" for number in range(20)),
            "e ao vivo outra vez",
        ]
        expect(page.locator("#netbar")).to_be_empty()
        expect(box(page)).to_have_value("um rascunho")

    def test_is_no_news_before_five_seconds(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        page = console(ana)
        streaming(page, live_desk)

        live_desk.stop()
        page.wait_for_timeout(3_000)

        expect(page.locator("#netbar")).to_be_empty()

    def test_at_the_very_first_moment_is_mended(
        self, ana: Operator, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        refused = iter([503, 503, 0])

        def first(route: Route) -> None:
            match next(refused, None):
                case None:
                    route.continue_()
                case 0:
                    route.abort("connectionrefused")
                case status:
                    route.fulfill(status=status)

        context.route("**/operator/stream", first)
        console(ana)

        wait_for(lambda: live_desk.streams == 1, context.pages[0])

    def test_of_the_session_asks_for_a_login_and_keeps_the_draft(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        held = builders.make_held(ana)
        page = console(ana, chat(held))
        streaming(page, live_desk)
        box(page).fill("um rascunho")
        tries: list[str] = []
        page.on("request", lambda request: tries.append(request.url) if "/stream" in request.url else None)

        Session.objects.all().delete()

        expect(page.locator("#netbar")).to_contain_text("Sua sessão expirou")
        expect(box(page)).to_have_value("um rascunho")
        page.wait_for_timeout(8_000)
        assert len(tries) <= 2

    def test_of_the_stream_alone_leaves_a_page_that_asks(
        self, ana: Operator, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        """A proxy may swallow streams."""
        context.route("**/operator/stream", lambda route: route.abort())
        held = builders.make_held(ana)
        page = console(ana, chat(held))

        for text in ("oi?", "alguém aí?", "e agora?"):
            builders.says(text)
            expect(page.locator("#bubbles")).to_contain_text(text, timeout=8_000)
        expect(page.locator("#netbar")).to_be_empty()
        assert live_desk.streams == 0


class TestTheStream:
    def test_is_one_however_many_chats_are_opened(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        numbers = [f"whatsapp:+55119876600{number:02d}" for number in range(3)]
        held = [builders.make_held(ana, address=number) for number in numbers]
        page = console(ana)
        streaming(page, live_desk)
        opened: list[str] = []
        page.on("request", lambda request: opened.append(request.url) if "/stream" in request.url else None)

        for number in range(30):
            conversation = held[number % 3]
            page.locator(f"#row-{conversation.public_id} .row").click()
            expect(page.locator(f'#chat[data-conversation="{conversation.public_id}"]')).to_be_visible()
        page.go_back()

        assert (opened, gauges.hub.streams) == ([], 1)
        page.goto("about:blank")
        wait_for(lambda: gauges.hub.streams == 0, page)

    def test_is_one_for_eight_tabs_and_forms_still_go_through(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        held = builders.make_held(ana)
        tabs = [console(ana, chat(held)) for _tab in range(8)]
        streaming(tabs[0], live_desk)

        box(tabs[7]).fill("da última aba")
        tabs[7].keyboard.press("Enter")
        for tab in tabs:
            expect(tab.locator("#bubbles")).to_contain_text("da última aba")
        assert live_desk.streams == 1
        tabs[0].close()
        wait_for(lambda: live_desk.streams == 1, tabs[1])
        builders.says("e agora?")
        for tab in tabs[1:]:
            expect(tab.locator("#bubbles")).to_contain_text("e agora?")

    def test_opens_although_its_script_comes_late(
        self, ana: Operator, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        def late(route: Route) -> None:
            time.sleep(0.6)
            route.continue_()

        context.route("**/hx-sse-*.js", late)

        page = console(ana)
        wait_for(lambda: live_desk.streams == 1, page)

    def test_is_one_when_it_is_processed_twice(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana)
        opened: list[str] = []
        page.on("request", lambda request: opened.append(request.url) if "/stream" in request.url else None)

        page.evaluate(
            "() => { const wire = document.querySelector('#live'); htmx.process(wire); htmx.process(wire) }"
        )
        streaming(page, live_desk)
        page.wait_for_timeout(500)

        assert live_desk.streams == 1
        assert len(opened) <= 1

    def test_goes_on_behind_other_windows(self, ana: Operator, live_desk: Desk, console: Console) -> None:
        page = console(ana)
        config = page.locator("#live").get_attribute("hx-config") or ""

        assert "sse.pauseOnBackground:false" in config
        assert page.evaluate("htmx.config.defaultSettleDelay") == 0

    def test_sounds_in_a_hidden_tab(
        self, ana: Operator, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        context.add_init_script(HIDDEN)
        page = console(ana)
        streaming(page, live_desk)
        page.mouse.click(5, 5)  # a browser lets a page sound once somebody has touched it

        builders.make_waiting()

        expect(page.locator("body")).to_have_attribute("data-sounded", "1")
        expect(page).to_have_title(re.compile(r"^\(1\) "))
        expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("alert"))

    def test_notifies_whoever_allowed_it(
        self, ana: Operator, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        context.add_init_script(
            HIDDEN
            + """globalThis.shown = [];
            globalThis.Notification = class {
              static permission = "granted";
              constructor(title, options) { shown.push([title, options.body, options.tag]); }
            };"""
        )
        page = console(ana)
        streaming(page, live_desk)

        waiting = builders.make_waiting()

        wait_for(lambda: page.evaluate("shown.length"), page)
        assert page.evaluate("shown") == [["Nova conversa na fila", "João Silva", str(waiting.public_id)]]

    def test_is_silent_for_whoever_wants_it_so(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        Operator.objects.filter(pk=ana.pk).update(preferences={"sound": "off"})
        page = console(ana)
        streaming(page, live_desk)
        page.mouse.click(5, 5)

        builders.make_waiting()
        expect(page.locator("#toasts")).to_contain_text("João Silva")
        page.wait_for_timeout(500)

        assert page.locator("body").get_attribute("data-sounded") is None


def test_templates_use_nothing_that_the_policy_forbids() -> None:
    """Handlers, values and trigger filters in attributes are evaluated; a plain hx-headers is not inherited."""
    forbidden = re.compile(r"""hx-on|["']js:|hx-trigger="[^"]*\[|\sstyle=|hx-headers=""")
    found = [
        path.name
        for path in (settings.BASE_DIR / "templates" / "operator").glob("*.html")
        if forbidden.search(path.read_text())
    ]

    assert found == []


class TestAClaim:
    @pytest.mark.parametrize("where", ["#waiting .take", "#toasts .take"])
    def test_opens_the_chat_although_its_row_has_left_the_list(
        self, ana: Operator, live_desk: Desk, console: Console, where: str
    ) -> None:
        answers: list[tuple[Route, APIResponse]] = []
        page = console(ana)
        streaming(page, live_desk)
        waiting = builders.make_waiting()
        intercept(page, "**/claim", lambda route: answers.append((route, route.fetch())))

        page.locator(where).click()
        expect(page.locator("#mine li")).to_have_count(1)
        expect(page.locator(where)).to_have_count(0)
        wait_for(lambda: answers, page)
        for route, answer in answers:
            route.fulfill(response=answer)

        expect(box(page)).to_be_visible()
        expect(page.locator("#chat")).to_have_attribute("data-conversation", str(waiting.public_id))
