"""The supervisors' page in a real browser, with the panel of the one it is about open beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from conversations import clock, deadlines, handoffs
from conversations.models import Conversation, Handoff, Mode, Note, Queue
from operators import desk, presence
from operators.models import Operator, PresenceStatus
from tests import axe, builders
from tests.browsing import chat
from tests.operators.conftest import Desk

pytestmark = pytest.mark.django_db(transaction=True)
RUI, LIA = "whatsapp:+5511987650001", "whatsapp:+5511987650002"
TEAM = "/operator/team/"
Opens = Callable[..., Page]


@pytest.fixture
def bia() -> Operator:
    operator = builders.make_operator("bia", capacity=2)
    presence.beat(operator, now=clock.now())
    return operator


@pytest.fixture
def caio() -> Operator:
    return builders.make_operator("caio", staff=True)


def writes(page: Page, text: str) -> None:
    """Half a sentence, while the stream is open."""
    page.get_by_label("Mensagem", exact=True).fill(text)


def person(page: Page, operator: Operator) -> Locator:
    return page.locator(f"#person-{operator.public_id}")


def row(page: Page, conversation: Conversation) -> Locator:
    return page.locator(f"#chat-{conversation.public_id}")


def has_lost_it(page: Page, said: str, kept: str) -> None:
    """The operator's panel, at once and by itself: who has it, and what was being written."""
    expect(page.locator("#dock")).to_contain_text(said)
    expect(page.locator("#kept-text")).to_be_visible()
    expect(page.locator("#kept-text")).to_have_value(kept)


class TestASupervisor:
    def test_takes_over_from_an_operator_who_is_writing(
        self, opens: Opens, ana: Operator, caio: Operator
    ) -> None:
        held = builders.make_held(ana)
        panel, team = opens(ana, chat(held)), opens(caio, TEAM)
        writes(panel, "Bom dia, João, já vi que")

        row(team, held).get_by_role("link", name="Assumir João Silva").click()
        dialog = team.get_by_role("dialog", name="Assumir no lugar de ana?")
        expect(dialog.get_by_role("link", name="Cancelar")).to_be_focused()
        team.keyboard.press("Control+Enter")

        expect(team.get_by_label("Mensagem", exact=True)).to_be_visible()
        assert team.url.endswith(chat(held))
        has_lost_it(panel, "caio já está atendendo", "Bom dia, João, já vi que")

    def test_takes_over_in_the_chat_itself(self, opens: Opens, ana: Operator, caio: Operator) -> None:
        held = builders.make_held(ana)
        page = opens(caio, chat(held))

        page.get_by_role("link", name="Assumir no lugar de ana").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.get_by_role("link", name="Assumir no lugar de ana")).to_be_focused()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("button", name="Assumir").click()

        expect(page.get_by_label("Mensagem", exact=True)).to_be_visible()
        assert builders.fresh(held).operator == caio

    def test_gives_a_chat_to_a_colleague(
        self, opens: Opens, ana: Operator, bia: Operator, caio: Operator
    ) -> None:
        builders.make_operator("eva")
        held = builders.make_held(ana)
        panel, team = opens(ana, chat(held)), opens(caio, TEAM)
        writes(panel, "Só um instante")

        row(team, held).get_by_role("link", name="Passar João Silva para outra pessoa").click()
        dialog = team.get_by_role("dialog")
        expect(dialog.get_by_role("radio", name="eva")).to_be_disabled()
        dialog.get_by_role("radio", name="bia").check()
        dialog.get_by_label("Nota para quem vai receber").fill("  ")
        dialog.get_by_role("button", name="Passar").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Escreva uma nota para quem vai receber.")
        expect(dialog.get_by_role("radio", name="bia")).to_be_checked()
        dialog.get_by_label("Nota para quem vai receber").fill("Falta o endereço.")
        dialog.get_by_role("button", name="Passar").click()

        expect(dialog).to_be_hidden()
        expect(team.locator("#toasts")).to_contain_text("João foi oferecido a bia.")
        expect(person(team, bia)).to_contain_text("1 oferta")
        expect(person(team, bia).locator(f"#chat-{held.public_id}")).to_contain_text("Oferecido")
        expect(person(team, ana).get_by_role("heading")).to_be_focused()
        assert Note.objects.get(conversation=held).body == "Falta o endereço."
        has_lost_it(panel, "bia", "Só um instante")

    def test_ends_a_shift(self, opens: Opens, ana: Operator, bia: Operator, caio: Operator) -> None:
        presence.beat(ana, now=clock.now())
        held = builders.make_held(ana)
        for number in range(2):
            builders.make_held(ana, address=f"whatsapp:+55119876500{number + 10}")
        panel, team = opens(ana, chat(held)), opens(caio, TEAM)
        writes(panel, "Amanhã eu")

        person(team, ana).get_by_role("link", name="Passar adiante tudo de ana").click()
        dialog = team.get_by_role("dialog", name="Fim de turno de ana")
        dialog.get_by_role("radio", name="bia").check()
        dialog.get_by_label("Nota para quem vai receber").fill("Turno acabou.")
        dialog.get_by_role("button", name="Passar 3 atendimentos").click()

        said = team.locator("#toasts")
        expect(said).to_contain_text("2 atendimentos de ana foram oferecidos a bia.")
        expect(said).to_contain_text("1 atendimento ficou com ana. bia está sem vaga livre.")
        expect(person(team, ana)).to_contain_text("Offline")
        expect(person(team, ana)).to_contain_text("1 de 6")
        assert presence.state(ana, clock.now()) == PresenceStatus.OFFLINE
        expect(panel.locator("#presence-now")).to_have_text("Offline")
        expect(panel.locator("#mine li")).to_have_count(1)
        has_lost_it(panel, "bia", "Amanhã eu")

    def test_puts_a_chat_back_into_the_queue(self, opens: Opens, ana: Operator, caio: Operator) -> None:
        held = builders.make_held(ana)
        panel, team = opens(ana, chat(held)), opens(caio, TEAM)
        writes(panel, "Oi")

        row(team, held).get_by_role("link", name="Devolver João Silva à fila").click()
        team.get_by_role("dialog").get_by_role("button", name="Devolver à fila").click()

        expect(team.locator(f"#waits-{held.public_id}")).to_be_visible()
        assert builders.fresh(held).mode == Mode.QUEUED
        has_lost_it(panel, "João está aguardando", "Oi")

    def test_hears_that_somebody_was_faster(
        self, opens: Opens, ana: Operator, bia: Operator, caio: Operator
    ) -> None:
        held = builders.make_held(ana)
        team = opens(caio, TEAM)
        row(team, held).get_by_role("link", name="Devolver João Silva à fila").click()
        expect(team.get_by_role("dialog")).to_be_visible()

        desk.claim(held, operator=bia, door="panel", now=clock.now(), force=True)
        team.get_by_role("dialog").get_by_role("button", name="Devolver à fila").click()

        expect(team.get_by_role("dialog")).to_be_hidden()
        expect(team.locator("#toasts")).to_contain_text("acabou de mudar de mãos")
        expect(person(team, bia).locator(f"#chat-{held.public_id}")).to_be_visible()


class TestTheBoard:
    def test_follows_what_happens_and_keeps_the_focus(
        self, opens: Opens, ana: Operator, caio: Operator
    ) -> None:
        builders.make_held(ana)
        team = opens(caio, TEAM)
        link = person(team, ana).get_by_role("link", name="Passar adiante tudo de ana")
        link.focus()
        link.evaluate("node => node.sameAsBefore = true")

        waiting = builders.make_waiting(address=RUI, ProfileName="Rui Costa")
        expect(team.locator(f"#waits-{waiting.public_id}")).to_be_visible()
        expect(team.locator(".tile .v")).to_contain_text("1")
        desk.claim(waiting, operator=ana, door="panel", now=clock.now())
        expect(person(team, ana)).to_contain_text("Rui Costa")
        presence.choose(ana, PresenceStatus.ON_BREAK, now=clock.now())
        expect(person(team, ana)).to_contain_text("Em pausa")

        expect(link).to_be_focused()
        assert link.evaluate("node => node.sameAsBefore")

    def test_turns_a_wait_amber_and_red_by_the_queue_s_own_limit(self, opens: Opens, caio: Operator) -> None:
        Queue.objects.update(waiting_minutes=1)
        builders.make_waiting(now=clock.now() - timedelta(seconds=34))
        team = opens(caio, TEAM)
        clocks = team.locator(".tile .chip.wait")
        expect(clocks).not_to_have_class(re.compile("warn|bad"))

        expect(clocks).to_have_class(re.compile("warn"), timeout=30_000)
        Conversation.objects.update(waiting_since=clock.now() - timedelta(seconds=61))
        expect(clocks).to_have_class(re.compile("bad"))

    def test_is_narrowed_by_choosing_a_queue(self, opens: Opens, ana: Operator, caio: Operator) -> None:
        other = Queue.objects.create(organization=caio.organization, name="Financeiro")
        ana.queues.set([other])
        team = opens(caio, TEAM)

        team.get_by_label("Fila", exact=True).select_option("Financeiro")

        expect(person(team, caio)).to_have_count(0)
        expect(person(team, ana)).to_be_visible()
        waiting = builders.make_waiting()
        expect(team.locator(".tile").first.locator(".v")).to_contain_text("1")
        expect(team.locator(f"#waits-{waiting.public_id}")).to_have_count(0)


def listens(page: Page) -> None:
    """What is told before this script is there is told by the page itself."""
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => name.includes('supervisor'))"
    )
    page.wait_for_timeout(300)


class TestAnAlert:
    def test_is_told_to_supervisors_wherever_they_are(
        self, opens: Opens, live_desk: Desk, ana: Operator, bia: Operator, caio: Operator
    ) -> None:
        held = builders.make_held(ana, ProfileName="Lia Reis")
        page, other = opens(caio), opens(bia)
        for one in (page, other):
            expect(one.locator("#queue")).to_be_visible()
        while live_desk.streams < 2:
            page.wait_for_timeout(20)
        listens(page)

        handoffs.requeue(
            builders.fresh(held), cause=deadlines.CAUSE, why=deadlines.UNANSWERED, now=clock.now()
        )

        toast = page.locator("#toasts .toast", has_text="ana não respondeu a Lia Reis a tempo")
        expect(toast).to_have_count(1)
        expect(other.locator("#waiting li")).to_have_count(1)
        expect(other.locator("#toasts", has_text="não respondeu")).to_have_count(0)
        toast.get_by_role("link", name="Abrir").click()
        expect(page.locator("#chat")).to_have_attribute("data-conversation", str(held.public_id))

    def test_is_nothing_that_somebody_did_themselves(
        self, opens: Opens, live_desk: Desk, ana: Operator, caio: Operator
    ) -> None:
        held, late = builders.make_held(ana), builders.make_waiting(address=LIA, ProfileName="Lia Reis")
        page = opens(caio)
        while live_desk.streams < 1:
            page.wait_for_timeout(20)
        listens(page)

        desk.take_away(held, by=desk.cause(caio, "panel"), now=clock.now())
        due = Handoff.objects.get(open_for=late)
        handoffs.overdue(late, cause=deadlines.CAUSE, due=due, now=clock.now())

        expect(page.locator("#toasts [id^=told-]")).to_have_count(1)
        expect(page.locator("#toasts [id^=told-]")).to_contain_text("Lia Reis espera há mais tempo")


class TestWithoutScript:
    def test_everything_is_a_form(self, opens: Opens, ana: Operator, bia: Operator, caio: Operator) -> None:
        held, other = builders.make_held(ana), builders.make_held(ana, address=RUI, ProfileName="Rui")
        team = opens(caio, TEAM, java_script_enabled=False)

        row(team, held).get_by_role("link", name="Passar João Silva para outra pessoa").click()
        team.get_by_role("radio", name="bia").check()
        team.get_by_label("Nota para quem vai receber").fill("Falta o endereço.")
        team.get_by_role("button", name="Passar").click()
        expect(team.locator("#toasts")).to_contain_text("João foi oferecido a bia.")

        person(team, ana).get_by_role("link", name="Passar adiante tudo de ana").click()
        team.get_by_label("Nota para quem vai receber").fill("Fim de turno.")
        team.get_by_role("button", name="Passar 1 atendimento").click()
        expect(team.locator("#toasts")).to_contain_text("1 atendimento de ana voltou para a fila.")
        assert builders.fresh(other).mode == Mode.QUEUED

        row(team, held).get_by_role("link", name="Assumir João Silva").click()
        team.get_by_role("button", name="Assumir").click()
        expect(team.get_by_label("Mensagem", exact=True)).to_be_visible()
        assert builders.fresh(held).operator == caio


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
class TestForEverybody:
    def test_has_no_obstacle(
        self, opens: Opens, ana: Operator, bia: Operator, caio: Operator, theme: str, width: int
    ) -> None:
        Operator.objects.filter(pk=caio.pk).update(preferences={"theme": theme})
        presence.beat(ana, now=clock.now())
        held = builders.make_held(ana, now=clock.now() - timedelta(minutes=20))
        late = builders.make_waiting(address=LIA, now=clock.now() - timedelta(minutes=12))
        due = Handoff.objects.get(open_for=late)
        handoffs.overdue(late, cause=deadlines.CAUSE, due=due, now=clock.now())
        page = opens(caio, TEAM, viewport={"width": width, "height": 900})
        expect(person(page, ana)).to_be_visible()

        assert self.obstacles(page) == []
        for link in (
            "Passar adiante tudo de ana",
            "Passar João Silva para outra pessoa",
            "Assumir João Silva",
        ):
            person(page, ana).get_by_role("link", name=link).click()
            expect(page.get_by_role("dialog")).to_be_visible()
            assert self.obstacles(page) == []
            page.keyboard.press("Escape")
        page.goto(page.url.replace(TEAM, chat(held)))
        expect(page.get_by_role("link", name="Assumir no lugar de ana")).to_be_visible()
        assert self.obstacles(page) == []

    def obstacles(self, page: Page) -> list[str]:
        """What axe finds, and whatever is wider than the screen."""
        wide = page.evaluate(
            "() => [document.documentElement, document.querySelector('#team') ?? document.body]"
            ".some((box) => box.scrollWidth > box.clientWidth)"
        )
        return axe.broken(page, only=axe.STRICT) + ["wider than the screen"] * wide
