"""Those who write: they say what they want, wait, ask, give up, answer, fall silent, and some come back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from conversations import intake
from conversations.models import Conversation, Mode
from tests import builders

if TYPE_CHECKING:
    from tests.week.world import World

WANTS = ("atendente", "quero falar com uma pessoa", "vendas", "suporte", "financeiro")
CHATS = ("Pode me ajudar?", "É o pedido 123.", "Ainda não chegou.", "Certo.", "Entendi", "E agora?")
MOST = 40
"""What one customer says at most: a week has to end."""


class Customer:
    def __init__(self, number: int, world: World) -> None:
        self.world, self.rng = world, world.rng
        self.address = f"whatsapp:+55119{number:08d}"
        self.pk: int | None = None
        self.said = 0
        self._comes()

    def _comes(self) -> None:
        self.greeted = self.asked = False
        self.wants = self.rng.choice(WANTS)
        self.patience = self.rng.choice((5, 15, 40, 1000)) * timedelta(minutes=1)
        self.answers = self.rng.randint(0, 5)
        self.asked_at: datetime | None = None

    def act(self, now: datetime) -> timedelta | None:
        """Do the next thing; how long until the one after it, None if that was all."""
        if self.said >= MOST:
            return None
        mode = self._row().mode if self.pk else Mode.BOT
        if mode == Mode.QUEUED:
            return self._waits(now)
        return self._talks(now) if mode == Mode.HUMAN else self._with_bot(now)

    def _row(self) -> Conversation:
        assert self.pk is not None
        return Conversation.objects.get(pk=self.pk)

    def _with_bot(self, now: datetime) -> timedelta | None:
        if not self.greeted:
            self.greeted = True
            self._say("oi", now)
            return self._in(5, 60)
        if not self.asked:
            self.asked, self.asked_at = True, now
            self._say(self.wants, now)
            return self._in(20, 180)
        if self.rng.random() < 0.3:
            self._say("obrigado", now)
        if self.rng.random() < 0.15:
            self._comes()
            return self._in(600, 20_000)
        return None

    def _waits(self, now: datetime) -> timedelta:
        luck = self.rng.random()
        if self.asked_at and now - self.asked_at > self.patience and luck < 0.5:
            self._say("STOP" if luck < 0.03 else "voltar", now)
        elif luck < 0.3:
            self._say("fila", now)
        elif luck < 0.45:
            self._say("alguém aí?", now)
        elif luck < 0.5:
            self._say("quero um atendente", now)
        return self._in(40, 400)

    def _talks(self, now: datetime) -> timedelta | None:
        row = self._row()
        if row.last_inbound_seq > row.answered_seq:
            if self.rng.random() < 0.2:
                self._say("?", now)
            return self._in(60, 400)
        if self.answers <= 0:
            if self.rng.random() < 0.4:
                return None  # never heard of again
            self._say("obrigado", now)
            return self._in(300, 3000)
        self.answers -= 1
        self._say(self.rng.choice(CHATS), now)
        return self._in(10, 240) if self.rng.random() < 0.9 else self._in(900, 5000)

    def _say(self, body: str, now: datetime) -> None:
        self.said += 1
        params = builders.form(body, address=self.address)
        for _time in range(2 if self.rng.random() < 0.03 else 1):  # Twilio repeats itself
            outcome = intake.receive(params, sender=self.world.sender, now=now).outcome
            self.world.counts[f"webhooks {outcome}"] += 1
        if self.pk is None:
            self.pk = builders.thread(self.address).pk

    def _in(self, least: float, most: float) -> timedelta:
        return timedelta(seconds=self.rng.uniform(least, most))
