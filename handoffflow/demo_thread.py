"""A conversation told step by step, through the functions that the doors call, at times that have passed."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, Self

from conversations import intake, media, statuses, turns
from conversations.bots.base import HandoffRequest, Reply
from conversations.contract import Cause, Release
from conversations.models import Attachment, Author, BotTurn, Conversation, Delivery
from conversations.models import Sender as Number
from handoffflow.simulator import attachments as pictures
from operators import desk, reading
from operators.models import Operator

SYSTEM = Cause(kind="system", door="worker")


class Thread:
    """Every step is ``minutes`` before the moment the demo is made; steps come in the order they happened."""

    def __init__(self, sender: Number, *, name: str, address: str, made_at: datetime) -> None:
        self.sender, self.name, self.address, self.made_at = sender, name, address, made_at

    def customer(self, minutes: float, body: str = "", **media: str) -> Self:
        sid = "SM" + uuid.uuid4().hex
        params = {
            "MessageSid": sid,
            "AccountSid": self.sender.account_sid,
            "From": self.address,
            "To": self.sender.address,
            "Body": body,
            "ProfileName": self.name,
            "NumMedia": "1" if media else "0",
            "MessageType": "text",
            **media,
        }
        intake.receive(params, sender=self.sender, now=self._at(minutes))
        return self._arrive(minutes)

    def photo(self, minutes: float, body: str = "") -> Self:
        # A host that cannot exist: nobody fetches what is put in its place right here.
        url = f"https://media.demo.invalid/{uuid.uuid4().hex}"
        kind, content = pictures.photo()
        self.customer(minutes, body, MessageType="image", MediaUrl0=url, MediaContentType0=kind)
        for attachment in Attachment.objects.pending().filter(message__conversation=self.conversation):
            media.keep(attachment, BytesIO(content), now=self._at(minutes))
        return self

    def bot(self, minutes: float, *lines: str, calls: HandoffRequest | None = None) -> Self:
        """The bot answers its open turn, and may ask for a person while it does."""
        turn = BotTurn.objects.get(open_for=self.conversation)
        reply = Reply(messages=lines, state={"greeted": True}, handoff=calls)
        turns.accept(turn, self.conversation, reply, told=None, now=self._at(minutes))
        return self._arrive(minutes)

    def takes(self, minutes: float, operator: Operator) -> Self:
        desk.claim(self.conversation, operator=operator, door="panel", now=self._at(minutes))
        return self._arrive(minutes)

    def says(
        self, minutes: float, operator: Operator, body: str, *, status: str = "read", code: int | None = None
    ) -> Self:
        desk.reply(
            self.conversation,
            operator=operator,
            door="panel",
            body=body,
            epoch=self.conversation.epoch,
            client_key=str(uuid.uuid4()),
            now=self._at(minutes),
        )
        reading.mark_seen(self.conversation, operator=operator, seq=self.conversation.seq)
        return self._arrive(minutes, status, code)

    def sees(self, operator: Operator) -> Self:
        reading.mark_seen(self.conversation, operator=operator, seq=self.conversation.seq)
        return self

    def finishes(self, minutes: float, operator: Operator, outcome: str, summary: str, **facts: Any) -> Self:
        conversation = self.conversation
        desk.release(
            conversation,
            operator=operator,
            by=desk.cause(operator, "panel"),
            epoch=conversation.epoch,
            seen=conversation.seq,
            release=Release(outcome=outcome, summary=summary, facts=facts),
            now=self._at(minutes),
        )
        return self._arrive(minutes)

    @property
    def conversation(self) -> Conversation:
        mine = Conversation.objects.with_parties().filter(sender=self.sender)
        return mine.get(contact__addresses__sender=self.sender, contact__addresses__value=self.address)

    def _at(self, minutes: float) -> datetime:
        return self.made_at - timedelta(minutes=minutes)

    def _arrive(self, minutes: float, status: str = "read", code: int | None = None) -> Self:
        """What was said reaches the phone at once: nothing of a demo customer is left for the worker."""
        waiting = Delivery.objects.unsettled().filter(conversation=self.conversation)
        for delivery in waiting.select_related("message", "sender").order_by("seq"):
            shown = status if delivery.message.author == Author.OPERATOR else "read"
            sid = "SM" + uuid.uuid4().hex
            statuses.learn(delivery, sid=sid, status=shown, code=code, cause=SYSTEM, now=self._at(minutes))
        return self
