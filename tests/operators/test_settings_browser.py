"""The settings in a browser: what holds at once, what is tried out, and a call that comes while no console is open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, expect

from conversations import clock
from conversations.models import Queue
from operators import desk, subscribing
from operators.devices import PushCall
from operators.models import Operator
from tests import axe, builders
from tests.browsing import wait_for
from tests.conftest import chromium
from tests.operators import pushservice
from tests.operators.conftest import Desk, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

Console = Callable[..., Page]
SETTINGS = "/operator/settings/"
NOTIFIED = """globalThis.shown = [];
globalThis.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, options) { shown.push([title, options.body, options.tag]); }
};"""
HIDDEN = 'Object.defineProperty(document, "hidden", { get: () => true });'


@pytest.fixture
def key(settings: Any) -> None:
    settings.PUSH_PRIVATE_KEY = pushservice.PRIVATE_KEY


class TestThePage:
    def test_is_saved_and_holds_after_a_reload_and_elsewhere(
        self, ana: Operator, live_desk: Desk, console: Console, browser: Browser
    ) -> None:
        builders.make_held(ana)
        page = console(ana)
        tall = page.locator("#mine .row").bounding_box()
        page.goto(live_desk.url + SETTINGS)

        page.locator("#id_density_1").check(force=True)
        page.locator("#id_theme_2").check(force=True)
        page.locator("#id_keys").uncheck()
        page.locator(".save button").click()

        expect(page.locator("#toasts .toast")).to_be_visible()
        page.reload()
        expect(page.locator("#id_density_1")).to_be_checked()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        other = browser.new_context()
        sign_in(other, ana, live_desk.url)
        there = other.new_page()
        there.goto(live_desk.url + "/operator/")
        expect(there.locator("html")).to_have_attribute("data-density", "compact")
        expect(there.locator("body")).to_have_attribute("data-keys", "off")
        low = there.locator("#mine .row").bounding_box()
        assert tall is not None
        assert low is not None
        assert low["height"] <= 0.85 * tall["height"]
        other.close()

    def test_tries_out_tones_and_notification(
        self, ana: Operator, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        context.add_init_script(NOTIFIED)
        page = console(ana, SETTINGS)
        expect(page.locator("#here-state")).not_to_be_empty()

        page.locator("[data-here=test]").click()

        expect(page.locator("#here-said")).not_to_be_empty()
        expect(page.locator("body")).to_have_attribute("data-sounded", "1")
        assert page.evaluate("shown.length") == 1

    def test_asks_for_a_call_to_this_device(
        self, ana: Operator, key: None, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        """The push service is not here: the browser's side of it is played."""
        hers = pushservice.Browser()
        keys = {"p256dh": hers.keys["p256dh"], "auth": hers.keys["auth"]}
        context.add_init_script(NOTIFIED)
        context.add_init_script(PLAYED.replace("TOLD", json.dumps({"endpoint": hers.endpoint, "keys": keys})))
        page = console(ana, SETTINGS)

        page.locator("[data-here=allow]").click()
        expect(page.locator("#here")).to_have_attribute("data-state", "closed")
        device = subscribing.of(ana).get()
        assert device.endpoint == hers.endpoint
        page.locator("[data-here=test]").click()

        expect(page.locator("#here-said")).not_to_be_empty()
        wait_for(lambda: page.evaluate("document.querySelector('#here-said').textContent.length > 80"), page)
        assert PushCall.objects.get().subscription == device
        page.locator("[data-here=forget]").click()
        expect(page.locator("#here")).to_have_attribute("data-state", "open")
        assert not subscribing.of(ana).exists()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
    def test_leaves_nobody_out(
        self,
        ana: Operator,
        key: None,
        live_desk: Desk,
        console: Console,
        scheme: Any,
        width: int,
        height: int,
    ) -> None:
        hers = pushservice.Browser()
        subscribing.subscribe(ana, **hers.keys, agent="Chrome/1 Linux", session="s", now=clock.now())
        page = console(ana, SETTINGS)
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        for path in (SETTINGS, f"{SETTINGS}password/"):
            page.goto(live_desk.url + path)
            if path == SETTINGS:
                expect(page.locator("#here-state")).not_to_be_empty()
            assert axe.broken(page) == []
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.locator(".save button").click()
        expect(page.locator("#id_old_password")).to_be_visible()


PLAYED = """
const held = { toJSON: () => (TOLD), endpoint: (TOLD).endpoint, options: {},
  unsubscribe: async () => { current = null; } };
let current = null;
const registration = { pushManager: { getSubscription: async () => current, subscribe: async () => (current = held) } };
held.options.applicationServerKey = null;
Object.defineProperty(Navigator.prototype, "serviceWorker", { get: () => ({
  register: async () => registration, getRegistration: async () => registration, ready: Promise.resolve(registration),
  addEventListener() {}, startMessages() {} }) });
globalThis.PushManager ??= class {};
"""


class TestTheCompactConsole:
    def test_leaves_nobody_out_and_nothing_too_small(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        Operator.objects.update(preferences={"density": "compact"})
        held = builders.make_held(ana)
        builders.make_waiting(address="whatsapp:+5511987650001")
        page = console(ana, f"/operator/c/{held.public_id}/")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert axe.broken(page) == []
        small = page.evaluate(
            """[...document.querySelectorAll("button, .row, summary, .sec a, .ib, textarea")]
            .filter((one) => one.checkVisibility() && !one.closest(".sr"))
            .map((one) => [one.className, one.getBoundingClientRect().height]).filter(([, high]) => high < 24)"""
        )
        assert small == []


class TestTheServiceWorker:
    @pytest.fixture
    def browser(
        self, browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
    ) -> Iterator[Browser]:
        """The headless shell shows no notifications."""
        whole = browser_type.launch(**browser_type_launch_args | {"executable_path": chromium()})
        yield whole
        whole.close()

    def deliver(self, page: Page, live_desk: Desk, told: dict[str, str]) -> Any:
        """Hand a message to the worker as the browser's own push service would."""
        cdp = page.context.new_cdp_session(page)
        found: list[dict[str, Any]] = []
        cdp.on("ServiceWorker.workerRegistrationUpdated", lambda told: found.extend(told["registrations"]))
        cdp.send("ServiceWorker.enable")
        wait_for(lambda: found, page)
        registration = next(one for one in found if one["scopeURL"].endswith("/operator/"))
        cdp.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": live_desk.url,
                "registrationId": registration["registrationId"],
                "data": json.dumps(told),
            },
        )

    def test_shows_what_it_is_told_and_opens_the_chat(
        self, ana: Operator, key: None, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        waiting = builders.make_waiting()
        context.grant_permissions(["notifications"], origin=live_desk.url)
        page = console(ana)
        page.evaluate(
            "navigator.serviceWorker.register('/operator/sw.js', { scope: '/operator/' })"
            ".then(() => navigator.serviceWorker.ready).then(() => 1)"
        )
        path = f"/operator/c/{waiting.public_id}/"
        told = {
            "title": "Nova conversa na fila",
            "body": "João Silva",
            "tag": str(waiting.public_id),
            "url": path,
        }

        def shown() -> Any:
            # A worker that is only just starting may miss one; a second takes the place of the first.
            self.deliver(page, live_desk, told)
            page.wait_for_timeout(500)
            return page.evaluate(SHOWN)

        wait_for(shown, page)
        assert page.evaluate(SHOWN) == [[told["title"], told["body"], told["tag"], path]]
        worker = context.service_workers[0]
        worker.evaluate(CLICK)
        expect(page.locator(f'#chat[data-conversation="{waiting.public_id}"]')).to_be_visible()
        expect(page).to_have_url(live_desk.url + path)
        assert page.evaluate(SHOWN) == []


SHOWN = """navigator.serviceWorker.ready.then((one) => one.getNotifications())
.then((all) => all.map((note) => [note.title, note.body, note.tag, note.data.url]))"""
CLICK = """async () => {
  const [notification] = await registration.getNotifications();
  dispatchEvent(new NotificationEvent("notificationclick", { notification }));
}"""


class TestBeingCalled:
    def test_says_no_name_where_names_are_hidden(
        self, ana: Operator, live_desk: Desk, console: Console, context: BrowserContext
    ) -> None:
        Operator.objects.update(preferences={"hide": "on"})
        context.add_init_script(HIDDEN + NOTIFIED)
        page = console(ana)
        expect(page.locator("#live")).to_have_count(1)
        wait_for(lambda: page.evaluate("navigator.locks.query().then(({ held }) => held.length > 0)"), page)

        waiting = builders.make_waiting()

        wait_for(lambda: page.evaluate("shown.length > 0"), page)
        assert page.evaluate("shown") == [["Nova conversa na fila", "", str(waiting.public_id)]]

    def test_is_repeated_while_somebody_waits_beyond_the_limit_and_no_more_than_five_times(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana)
        page.clock.install()
        page.reload()
        page.mouse.click(5, 5)
        builders.make_sender()
        Queue.objects.update(waiting_minutes=1)
        builders.make_waiting()
        expect(page.locator("#waiting [data-bad='60']")).to_be_visible()
        rung = "() => Number(document.body.dataset.sounded ?? 0)"
        wait_for(lambda: page.evaluate(rung) == 1, page)

        for more in range(1, 6):
            page.clock.run_for(61_000 if more == 1 else 31_000)
            expect(page.locator("body")).to_have_attribute("data-sounded", str(1 + more))
        page.clock.run_for(120_000)

        assert page.evaluate(rung) == 6

    def test_is_done_for_a_chat_that_has_left_the_list_meanwhile(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        page = console(ana)
        wait_for(lambda: page.evaluate("navigator.locks.query().then(({ held }) => held.length > 0)"), page)
        page.wait_for_function(
            "() => performance.getEntriesByType('resource').some(({ name }) => name.includes('people'))"
        )

        page.evaluate(
            "document.dispatchEvent(new CustomEvent('console:written', { detail: { conversation: 'gone' } }))"
        )

        expect(page.locator("body")).to_have_attribute("data-sounded", "1")

    def test_is_spared_whoever_put_the_chat_back_themselves(
        self, ana: Operator, live_desk: Desk, console: Console
    ) -> None:
        held = builders.make_held(ana)
        page = console(ana)
        expect(page.locator(f"#mine #row-{held.public_id}")).to_be_visible()
        wait_for(
            lambda: page.evaluate(
                "document.title.length > 0 && document.documentElement.matches('.scripted')"
            ),
            page,
        )
        page.wait_for_load_state("load")

        assert held.queue is not None
        desk.transfer(
            held,
            by=desk.cause(ana, "panel"),
            author=ana,
            operator=ana,
            to=held.queue,
            note="Quem puder.",
            now=clock.now(),
        )
        expect(page.locator(f"#waiting #row-{held.public_id}")).to_be_visible()

        expect(page.locator("#toasts .call")).to_have_count(0)
