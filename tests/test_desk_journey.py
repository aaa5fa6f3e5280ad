"""Two operators and a supervisor, each in a browser of their own, and João, who goes from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from playwright.sync_api import BrowserContext, Locator, Page, expect

from conversations import clock, work
from conversations.models import Event, Message, Mode, Note, NoteKind, Queue
from handoffflow.simulator.standin import StandIn
from operators import presence
from operators.models import Operator, Presence, Viewing
from tests import builders
from tests.conversations.outbox import twilio as twilio
from tests.operators.conftest import Desk, sign_in
from tests.operators.conftest import live_desk as live_desk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
RUI = "whatsapp:+5511987650001"
STORY = ["requested", "offered", "declined", "offered", "claimed", "transferred", "claimed"]
STORY += ["requeued", "offered", "claimed", "claimed"]


class Team:
    """Ana and Bia serve the queue, Caio supervises and serves none."""

    def __init__(self, desk: Desk, new_context: Callable[..., BrowserContext]) -> None:
        self.ana = builders.make_operator("ana")
        self.bia = builders.make_operator("bia")
        self.caio = builders.make_operator("caio", staff=True)
        self.caio.queues.clear()
        Queue.objects.update(auto_offer=True, offer_seconds=600)
        self._desk, self._new_context = desk, new_context

    def panel(self, operator: Operator) -> Page:
        context = self._new_context(viewport={"width": 1440, "height": 900})
        sign_in(context, operator, self._desk.url)
        page = context.new_page()
        page.goto(f"{self._desk.url}/operator/")
        return page

    def works(self) -> None:
        """The worker does what is due. Playwright's loop runs in this thread, so it does it in another."""
        for operator in (self.ana, self.bia):
            if Presence.objects.filter(operator=operator, expires_at__gt=clock.now()).exists():
                presence.beat(operator, now=clock.now())

        def once() -> None:
            try:
                work.run_once()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(once).result()

    def vanishes(self, operator: Operator, page: Page) -> None:
        """Their browser has said its last word, and that is longer ago than a coffee takes."""
        page.goto("about:blank")
        while Viewing.objects.filter(operator=operator).exists():
            page.wait_for_timeout(20)
        page.context.close()
        now = clock.now()
        long_ago = now - presence.LIFE - presence.GONE_AFTER - timedelta(seconds=1)
        Presence.objects.filter(operator=operator).update(seen_at=long_ago, expires_at=long_ago, due_at=now)


@pytest.fixture
def team(live_desk: Desk, twilio: StandIn, new_context: Callable[..., BrowserContext]) -> Team:
    return Team(live_desk, new_context)


def box(page: Page) -> Locator:
    return page.get_by_label("Mensagem", exact=True)


def offer(page: Page) -> Locator:
    return page.locator("#waiting li.offer")


def accepts(page: Page) -> None:
    offer(page).get_by_role("button", name="Aceitar João Silva").click()
    expect(box(page)).to_be_visible()


def replies(page: Page, text: str) -> None:
    box(page).fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#bubbles")).to_contain_text(text)


def asks_and_is_declined_once(team: Team, ana: Page, bia: Page) -> None:
    """Ana is first in line and declines; Bia accepts."""
    builders.says("oi")
    builders.says("atendente")
    team.works()
    offer(ana).get_by_role("button", name="Recusar João Silva").click()
    expect(offer(ana)).to_have_count(0)
    team.works()
    accepts(bia)
    replies(bia, "Oi, João! Como posso ajudar?")


def is_handed_on(bia: Page, ana: Page) -> None:
    """With a note, which Ana reads before she accepts, and after."""
    bia.get_by_role("button", name="Transferir").click()
    dialog = bia.get_by_role("dialog")
    dialog.get_by_role("radio", name="ana").check()
    dialog.get_by_label("Nota para quem vai receber").fill("Quer trocar o endereço.")
    dialog.get_by_role("button", name="Transferir").click()
    expect(bia.locator("#mine li")).to_have_count(0)
    expect(offer(ana)).to_contain_text("Quer trocar o endereço.")
    accepts(ana)
    expect(ana.locator("#bubbles")).to_contain_text("Quer trocar o endereço.")


def loses_ana(team: Team, ana: Page, bia: Page, caio: Page) -> None:
    """He answers, and her browser is gone: he waits again, at the front, Caio hears of it, and Bia gets him back."""
    builders.says("Rua Nova, 10")
    expect(ana.locator("#bubbles")).to_contain_text("Rua Nova, 10")
    team.vanishes(team.ana, ana)
    team.works()
    told = caio.locator("#toasts .toast", has_text="ana saiu: João Silva voltou para a fila.")
    told.get_by_role("link", name="Abrir").click()
    team.works()
    accepts(bia)


def is_taken_over(bia: Page, caio: Page) -> None:
    """Caio looks over Bia's shoulder, whispers, and takes over while she is writing."""
    caio.locator(".lock").get_by_role("button", name="Sussurrar para bia").click()
    caio.locator("#note-text").fill("Ele já reclamou ontem.")
    caio.get_by_role("button", name="Salvar nota").click()
    expect(bia.locator("#bubbles")).to_contain_text("Ele já reclamou ontem.")
    box(bia).fill("João, eu já")
    caio.get_by_role("link", name="Assumir no lugar de bia").click()
    caio.get_by_role("dialog").get_by_role("button", name="Assumir").click()
    expect(bia.locator("#dock")).to_contain_text("caio já está atendendo")
    expect(bia.locator("#kept-text")).to_have_value("João, eu já")
    replies(caio, "João, aqui é o Caio. Já resolvo.")


def ends_her_shift(team: Team, bia: Page, caio: Page) -> None:
    """What Bia has in hand goes back to its queue, and is not offered to her again."""
    caio.goto(f"{caio.url.partition('/operator/')[0]}/operator/team/")
    card = caio.locator(f"#person-{team.bia.public_id}")
    card.get_by_role("link", name="Passar adiante tudo de bia").click()
    caio.get_by_label("Nota para quem vai receber").fill("Fim de turno.")
    caio.get_by_role("button", name="Passar 1 atendimento").click()
    expect(caio.locator("#toasts")).to_contain_text("1 atendimento de bia voltou para a fila.")
    expect(card).to_contain_text("Offline")
    expect(bia.locator("#mine li")).to_have_count(0)
    team.works()


def test_joao_goes_through_many_hands_and_nothing_is_lost(team: Team) -> None:
    for operator in (team.ana, team.bia):
        presence.beat(operator, now=clock.now())
    ana, bia, caio = team.panel(team.ana), team.panel(team.bia), team.panel(team.caio)

    asks_and_is_declined_once(team, ana, bia)
    is_handed_on(bia, ana)
    loses_ana(team, ana, bia, caio)
    is_taken_over(bia, caio)
    rui = builders.make_held(team.bia, address=RUI, ProfileName="Rui Costa")
    ends_her_shift(team, bia, caio)

    joao, rui = builders.thread(), builders.fresh(rui)
    assert joao.operator == team.caio
    assert (rui.mode, rui.offered_to) == (Mode.QUEUED, None)
    events = Event.objects.filter(conversation=joao, kind__startswith="handoff.").order_by("seq")
    assert [event.kind.removeprefix("handoff.") for event in events] == STORY
    notes = Note.objects.filter(conversation=joao).order_by("seq").values_list("kind", "author", "body")
    assert list(notes) == [
        (NoteKind.TRANSFER, team.bia.pk, "Quer trocar o endereço."),
        (NoteKind.WHISPER, team.caio.pk, "Ele já reclamou ontem."),
    ]
    said = Message.objects.filter(conversation=joao, author="operator").in_order()
    assert [message.body for message in said] == [
        "Oi, João! Como posso ajudar?",
        "João, aqui é o Caio. Já resolvo.",
    ]
