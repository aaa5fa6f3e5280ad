"""What is true of every conversation after any race."""

from __future__ import annotations

from conversations.models import BotTurn, Conversation, Event, Handoff, Message, Mode, Note


def sound(conversation: Conversation) -> Conversation:
    """The conversation as it is now, which has to be of one piece."""
    now = Conversation.objects.with_parties().get(pk=conversation.pk)
    _numbers_have_no_gap(now)
    _epochs_follow_each_other(now)
    _one_service_at_most(now)
    _one_speaker(now)
    return now


def _numbers_have_no_gap(now: Conversation) -> None:
    taken = [
        number
        for rows in (Message.objects, Event.objects, Note.objects)
        for number in rows.filter(conversation=now).values_list("seq", flat=True)
    ]
    assert sorted(taken) == list(range(1, now.seq + 1)), "a number is missing or there twice"


def _epochs_follow_each_other(now: Conversation) -> None:
    """Each transition tells of the epoch that it ended and the one that it began."""
    events = Event.objects.filter(conversation=now).order_by("seq")
    told = [
        (before, after)
        for before, after in events.values_list("epoch_before", "epoch_after")
        if before != after
    ]
    assert told == [(epoch, epoch + 1) for epoch in range(now.epoch)]


def _one_service_at_most(now: Conversation) -> None:
    handoffs = list(Handoff.objects.filter(conversation=now).order_by("number"))
    running = [handoff for handoff in handoffs if handoff.open_for_id == now.pk]
    assert [handoff.number for handoff in handoffs] == list(range(1, now.handoff_count + 1))
    assert len(running) == (now.mode != Mode.BOT), f"{now.mode} with {len(running)} open handoffs"
    assert all(handoff.operator_id == now.operator_id for handoff in running)
    assert all(handoff.released_at for handoff in handoffs if handoff not in running)


def _one_speaker(now: Conversation) -> None:
    assert (now.operator_id is not None) == (now.mode == Mode.HUMAN)
    owed = BotTurn.objects.filter(open_for=now)
    assert now.mode == Mode.BOT or not owed.exists(), "the bot owes an answer while a person is asked for"
