"""What the journeys and the states of the console begin with, and what the database and the screen say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from playwright.sync_api import Page

from conversations import clock, contacts, notes
from conversations.contract import Release
from conversations.models import Author, Conversation, Handoff, Message, Mode, Note, Status
from operators import desk, mentions, presence, reading, tags
from operators.models import AttributeDefinition, CannedReply, ContactLink, Operator, Tag
from tests import axe, builders, templates
from tests.operators import backlog

RUI, LIA, IVO, EVA, LEO = (f"whatsapp:+551198765000{number}" for number in range(1, 6))


def state(conversation: Conversation) -> tuple[Mode, str | None]:
    """Who has it."""
    now = builders.fresh(conversation)
    return Mode(now.mode), now.operator.username if now.operator else None


def said(conversation: Conversation) -> list[str]:
    return [message.body for message in builders.bubbles(conversation) if message.author == Author.OPERATOR]


def noted(conversation: Conversation) -> list[tuple[str, str, str]]:
    found = Note.objects.filter(conversation=conversation).order_by("seq")
    return list(found.values_list("author__username", "kind", "body"))


def ended(conversation: Conversation) -> tuple[str | None, str, str]:
    """Who ended it, how, and what the bot is told."""
    episode = Handoff.objects.get(conversation=conversation)
    assert episode.released_at is not None
    assert episode.open_for is None
    name = episode.operator.username if episode.operator else None
    return name, episode.outcome, episode.context_out["summary"]


@dataclass(frozen=True)
class Desk:
    """A desk in which everything has happened that an operator can meet, but nobody waits yet."""

    ana: Operator
    mine: Conversation
    """Known for a while, with a message in every state that one can be in."""
    soon: Conversation
    closed: Conversation
    other: Conversation
    bot: Conversation


def furnish() -> Desk:
    ana, bia = _named("ana", "Ana Martins", staff=True), _named("bia", "Bía Rocha")
    presence.beat(bia, now=clock.now())
    mine, soon = _known(ana, bia), builders.make_held(ana, address=RUI, ProfileName="Rui Prado")
    Conversation.objects.filter(pk=soon.pk).update(window_expires_at=clock.now() + timedelta(minutes=95))
    closed = templates.close_window(builders.make_held(ana, address=LIA, ProfileName="Lia Reis"))
    templates.make_template(builders.make_sender())
    templates.make_template(builders.make_sender(), name="novidades_da_estacao", category="marketing")
    for code, body in {
        "ola": "Oi, {primeiro_nome}! Aqui é {atendente}.",
        "prazo": "Chega {previsão}.",
    }.items():
        CannedReply.objects.create(organization=ana.organization, code=code, title=code.title(), body=body)
    other = builders.make_held(bia, address=IVO, ProfileName="Ivo Brandão")
    bot = builders.make_with_bot(address=EVA, ProfileName="Eva Luz")
    return Desk(ana, mine, soon, closed, other, bot)


def _named(username: str, name: str, *, staff: bool = False) -> Operator:
    operator = builders.make_operator(username, staff=staff)
    operator.first_name, operator.last_name = name.split()
    operator.save()
    return operator


def _known(ana: Operator, bia: Operator) -> Conversation:
    """Served before, with tags, a field, a link and a pinned note; and a long name."""
    name = "Antônio Carlos Meireles de Albuquerque"
    served = builders.make_held(ana, ProfileName=name)
    release = Release(outcome="solved", summary="Trocou o endereço de entrega.", resume="close")
    cause = desk.cause(ana, "panel")
    desk.release(
        served, operator=ana, by=cause, epoch=served.epoch, seen=served.seq, release=release, now=clock.now()
    )
    held, company = builders.make_held(ana, ProfileName=name), ana.organization
    for tag, hue in {"Entrega": 6, "Cliente antigo": 9, "Troca": 0}.items():
        made = Tag.objects.create(organization=company, name=tag, hue=hue)
        tags.add(held, made, operator=ana, door="panel", now=clock.now())
    Tag.objects.create(organization=company, name="Outra", hue=1)
    AttributeDefinition.objects.create(organization=company, key="cpf", name="CPF")
    contacts.remember(held.contact, {"cpf": "123.456.789-09"})
    ContactLink.objects.create(organization=company, label="CRM", url="https://crm.example.com/{phone}")
    note = mentions.note(held, author=bia, body="@ana não ligar cedo", door="panel", now=clock.now())
    notes.pin(held, note, by=bia, cause=desk.cause(bia, "panel"), now=clock.now())
    for status in (Status.SENDING, Status.SENT, Status.DELIVERED, Status.READ):
        row = backlog.said(held, ana, f"Uma resposta: {status.label}")
        Message.objects.filter(pk=row.message_id).update(status=status)
    reading.mark_seen(held, operator=ana, seq=builders.fresh(held).seq)
    builders.says("E o meu boleto? Rua das Laranjeiras, 1234, apto. 56, bloco C", ProfileName=name)
    backlog.failed(held, ana)
    backlog.unconfirmed(held, ana)
    return builders.fresh(held)


def faults(page: Page, **rules: Sequence[str]) -> list[str]:
    """What is wrong with what is on the screen; ``rules`` as for axe.broken."""
    return [*axe.broken(page, **rules), *page.evaluate(ASTRAY)]


ASTRAY = """() => {
  const over = document.querySelector("dialog:modal, .side:target, :popover-open, #choices[open]");
  const opened = "dialog:modal, #at-list, .pop, .offered, #tagger, .toast, details[open]>.card-menu";
  const needed = over ? "none" : ".comp .snd, .comp textarea, .kinds button, .lock .btn, #chead .acts .btn";
  const seen = (places) => [...document.querySelectorAll(places)].filter((one) => one.checkVisibility());
  const name = (one) => one?.id || one?.className || one?.textContent.trim();
  const wrong = [], wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) wrong.push(`${wide} px wide in a screen of ${innerWidth}`);
  for (const one of seen(`#chead, #dock, ${opened}`)) {
    const { left, top, right, bottom } = one.getBoundingClientRect();
    const inside = left >= 0 && top >= 0 && right <= innerWidth + 1 && bottom <= innerHeight + 1;
    if (!inside) wrong.push(`${name(one)} is cut off`);
  }
  for (const one of seen(needed)) {
    const { left, top, right, bottom } = one.getBoundingClientRect();
    for (const [x, y] of [[left + 8, top + 8], [right - 8, top + 8], [left + 8, bottom - 8], [right - 8, bottom - 8]]) {
      const first = document.elementFromPoint(x, y);
      if (!one.contains(first)) wrong.push(`${name(one)} is under ${name(first)}`);
    }
  }
  return [...new Set(wrong)];
}"""
"""What is wider than the screen, cut off by its edge, or covers what is needed to answer."""
