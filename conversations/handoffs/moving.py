"""From a person back into the queue: to a colleague, to another queue, or to the front because nobody answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import F, PositiveSmallIntegerField, Value
from django.db.models.functions import Greatest

from conversations import episodes, errors, failpoints, notes, notices, refusals, texts
from conversations.atomically import atomically
from conversations.contract import Cause
from conversations.handoffs import common
from conversations.models import Conversation, Handoff, Mode, NoteKind, Priority, Queue

if TYPE_CHECKING:
    from conversations.models.conversation import ConversationQuerySet
    from operators.models import Operator

ANSWER_TIME = timedelta(minutes=2)
"""How long a colleague has to accept what was handed to them in person."""


@atomically
def transfer(
    conversation: Conversation,
    *,
    cause: Cause,
    author: Operator | None,
    operator: Operator | None,
    to: Operator | Queue,
    note: str,
    now: datetime,
    epoch: int | None = None,
) -> Handoff:
    """Hand a conversation on, with a note (``author`` None: an integration's). It waits again, as long as before.

    Guarded by holder (``operator`` None: whoever it is) and ``epoch``. A person gets it as an offer, which comes
    back to the queue when it is refused or not answered.
    """
    if not note.strip():
        raise errors.NoteRequired
    person = None if isinstance(to, Queue) else to
    queue = to if isinstance(to, Queue) else _queue_of(conversation)
    moved = _Move(cause=cause, queue=queue, person=person, moment=texts.TRANSFERRED, now=now)
    held = Conversation.objects.human() if operator is None else Conversation.objects.held_by(operator)
    waits = _move(conversation, common.at(held, epoch), moved, numbers=1)
    if waits is None:
        raise refusals.of_moving(conversation, operator=operator, epoch=epoch)
    written = notes.write(
        waits.taken, author=author, body=note, kind=NoteKind.TRANSFER, seq=waits.seq, now=now
    )
    failpoints.reached("handoff.transferring")
    common.record(
        waits.taken,
        "handoff.transferred",
        waits.handoff,
        cause=cause,
        seq=waits.seq + 1,
        now=now,
        note=written.pk,
        queue=str(queue.public_id) if queue else "",
        offered_to=str(person.public_id) if person else "",
    )
    moved.tell(waits.taken, waits.seq + 2)
    return waits.handoff


@atomically
def requeue(
    conversation: Conversation,
    *,
    cause: Cause,
    why: str,
    now: datetime,
    operator: Operator | None = None,
    epoch: int | None = None,
    unanswered: bool = False,
    due: Handoff | None = None,
) -> Handoff:
    """Take a conversation from whoever has it (``operator`` None) and put it at the front of its queue.

    ``unanswered``: only while the customer has the last word. ``why`` is a code for the story.
    """
    moved = _Move(
        cause=cause, queue=_queue_of(conversation), person=None, moment=texts.REQUEUED, now=now, front=True
    )
    held = Conversation.objects.human() if operator is None else Conversation.objects.held_by(operator)
    if unanswered:
        held = held.filter(last_inbound_seq__gt=F("answered_seq"))
    waits = _move(conversation, common.at(held, epoch), moved, due=due)
    if waits is None:
        raise refusals.of_moving(conversation, operator=operator, epoch=epoch)
    failpoints.reached("handoff.requeueing")
    common.record(
        waits.taken, "handoff.requeued", waits.handoff, cause=cause, seq=waits.seq, now=now, why=why
    )
    moved.tell(waits.taken, waits.seq + 1)
    return waits.handoff


@dataclass(slots=True, kw_only=True)
class _Move:
    cause: Cause
    queue: Queue | None
    person: Operator | None
    moment: str
    now: datetime
    front: bool = False
    _lines: notices.Lines | None = None

    def lines(self, conversation: Conversation) -> notices.Lines:
        if self._lines is None:
            self._lines = notices.at(conversation, self.queue, self.moment, self.now)
        return self._lines

    def changes(self, conversation: Conversation) -> dict[str, Any]:
        front = Value(Priority.HIGH, output_field=PositiveSmallIntegerField())
        raised = {"priority": Greatest(F("priority"), front)} if self.front else {}
        return {
            "mode": Mode.QUEUED,
            "epoch": F("epoch") + 1,
            "operator": None,
            "offered_to": self.person,
            "queue": self.queue,
            **raised,
            **notices.last_line(self.lines(conversation), self.now),
        }

    def tell(self, taken: Conversation, seq: int) -> None:
        notices.say(taken, self.lines(taken), seq=seq, cause=self.cause, now=self.now)
        if self.person is None:
            Queue.objects.distribute(self.queue, self.now)


@dataclass(frozen=True, slots=True)
class _Waits:
    """The row, waiting again since the customer first asked; its handoff; and the first number taken."""

    taken: Conversation
    handoff: Handoff
    seq: int


def _move(
    conversation: Conversation,
    held: ConversationQuerySet,
    moved: _Move,
    *,
    numbers: int = 0,
    due: Handoff | None = None,
) -> _Waits | None:
    handoff = Handoff.objects.filter(open_for=conversation).select_related("operator").first()
    if handoff is None:
        return None
    numbers += notices.numbers(moved.lines(conversation))
    taken = held.take(
        conversation.pk, numbers, waiting_since=handoff.requested_at, **moved.changes(conversation)
    )
    if taken is None:
        return None
    answer_by = moved.now + ANSWER_TIME if moved.person else None
    episodes.waits_again(handoff, taken, moved.now, answer_by=answer_by, due=due)
    return _Waits(taken, handoff, taken.seq - numbers + 1)


def _queue_of(conversation: Conversation) -> Queue | None:
    """Where it came from; whoever was taken straight from the bot waits in the default queue."""
    return conversation.queue or Queue.objects.default_of(conversation.sender.organization)
