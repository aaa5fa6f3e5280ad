"""A conversation is handed on, offered, taken away while others reach for it: one place, and nothing is lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from conversations import clock, deadlines, errors, handoffs, leases
from conversations.contract import Cause, Release
from conversations.models import BotTurn, Conversation, Event, Handoff, Message, Mode, Note, Queue
from operators import absence, desk, presence, routing
from operators.models import Operator, Presence
from tests.builders import (
    fresh,
    make_held,
    make_operator,
    make_present,
    make_queue,
    make_waiting,
    make_with_bot,
    says,
)
from tests.races.sound import sound
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

PANEL = Cause(kind="operator", door="panel")
WORKER = Cause(kind="system", door="worker")
SILENCE = 30
PLACES = 3


def test_a_transfer_while_four_others_reach_for_it_leaves_it_in_one_place(race: Race) -> None:
    """Before it they learn that Ana has it; after it the first of them takes it."""
    ana, finance = make_operator("ana", capacity=ROUNDS), make_queue("Financeiro")
    others = [make_operator(f"operator{number}", capacity=ROUNDS) for number in range(4)]
    with together(5, race) as at_once:
        for number in range(ROUNDS):
            conversation, took = _held(ana, f"whatsapp:+55150{number:08d}")
            asked = Handoff.objects.get(open_for=conversation).requested_at

            transferred, *claims = at_once.run(
                [
                    _maybe_late(took, partial(_transfer, conversation, to=finance)),
                    *(_maybe_late(took, partial(_claim, conversation, other)) for other in others),
                ]
            )

            now = sound(conversation)
            won = [one for one in claims if isinstance(one, Handoff)]
            lost = [one for one in claims if isinstance(one, errors.AlreadyClaimed | errors.StaleEpoch)]
            assert isinstance(transferred, Handoff), transferred
            assert (len(won) <= 1, len(won) + len(lost)) == (True, 4), claims
            assert (now.mode, now.queue) == (Mode.HUMAN if won else Mode.QUEUED, finance)
            assert now.operator == (won[0].operator if won else None)
            assert now.waiting_since == (None if won else asked)
            assert (now.handoff_count, Note.objects.filter(conversation=now).count()) == (1, 1)
            race.saw(taken_from_the_queue=len(won), waits=int(not won), refused=len(lost))


def test_two_transfers_at_once_are_one(race: Race) -> None:
    """Ana hands it to the queue, her supervisor to Bia: one note, one place, and the other learns that it is over."""
    ana, bia = make_operator("ana", capacity=ROUNDS), make_present("bia", capacity=ROUNDS)
    finance = make_queue("Financeiro")
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            presence.beat(bia, now=clock.now())
            conversation, took = _held(ana, f"whatsapp:+55151{number:08d}")

            results = at_once.run(
                [
                    _maybe_late(took, partial(_transfer, conversation, to=finance)),
                    _maybe_late(took, partial(_transfer, conversation, to=bia, operator=None, epoch=None)),
                ]
            )

            now = sound(conversation)
            done = [isinstance(one, Handoff) for one in results]
            assert sorted(done) == [False, True], results
            assert isinstance(results[done.index(False)], errors.NotHuman)
            assert (now.mode, now.operator) == (Mode.QUEUED, None)
            assert now.offered_to == (bia if done[1] else None)
            assert (now.queue == finance) == done[0]
            assert Note.objects.filter(conversation=now).count() == 1
            assert _told(now, "handoff.transferred") == 1
            race.saw(to_the_queue=int(done[0]), to_bia=int(done[1]), told_that_it_is_over=1)


def test_two_transfers_to_one_free_place_fill_it_once(race: Race) -> None:
    ana, caio = make_operator("ana", capacity=2 * ROUNDS), make_operator("caio", capacity=2 * ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            bia = make_present(f"bia{number}", capacity=1)
            held = [
                make_held(holder, address=f"whatsapp:+5515{digit}{number:08d}")
                for digit, holder in ((2, ana), (3, caio))
            ]

            results = at_once.run([partial(_transfer, one, to=bia) for one in held])

            refused = [one for one in results if isinstance(one, errors.AtCapacity)]
            moved = [one for one in results if isinstance(one, Handoff)]
            assert (len(moved), len(refused)) == (1, 1), results
            assert Conversation.objects.filter(offered_to=bia).count() == 1
            assert {sound(one).mode for one in held} == {Mode.HUMAN, Mode.QUEUED}
            race.saw(handed_on=len(moved), refused=len(refused))


def test_an_offer_is_declined_or_passes_once_whoever_takes_it(race: Race) -> None:
    """Ana declines in one tab and accepts in another while her time runs out, and Bia waits for it."""
    ana, bia = make_operator("ana", capacity=ROUNDS), make_operator("bia", capacity=ROUNDS)
    with together(4, race) as at_once:
        for number in range(ROUNDS):
            presence.beat(ana, now=clock.now())
            conversation, took = _offered(ana, f"whatsapp:+55154{number:08d}")
            row = _claimed_deadline(conversation)

            declined, passed, accepted, taken = at_once.run(
                [
                    _maybe_late(
                        took, partial(desk.decline, conversation, operator=ana, door="panel", now=clock.now())
                    ),
                    _maybe_late(took, partial(deadlines.run, row, clock.now())),
                    _maybe_late(took, partial(_claim, conversation, ana)),
                    _maybe_late(took, partial(_claim, conversation, bia)),
                ]
            )

            now = sound(conversation)
            won = [one for one in (accepted, taken) if isinstance(one, Handoff)]
            assert passed is None, passed
            assert isinstance(declined, Handoff | errors.NotWaiting), declined
            assert (len(won), now.mode, now.offered_to) == (1, Mode.HUMAN, None), (accepted, taken)
            assert now.operator == (ana if won == [accepted] else bia)
            gone, late = _told(now, "handoff.declined"), _told(now, "handoff.offer_expired")
            assert gone == isinstance(declined, Handoff)
            assert gone + late <= 1
            assert now.operator == ana or gone + late == 1, "Bia took what was offered to Ana"
            assert Handoff.objects.get(open_for=now).passed_over == [str(ana.public_id)] * (gone + late)
            assert bool(Presence.objects.get(operator=ana).away_at) == bool(late)
            race.saw(
                accepted=int(now.operator == ana),
                taken_by_bia=int(now.operator == bia),
                declined=gone,
                passed=late,
            )


def test_a_first_reply_at_the_last_moment_counts_or_is_refused(race: Race) -> None:
    ana = make_operator("ana", capacity=ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation, took = _held(ana, f"whatsapp:+55155{number:08d}")
            row = _claimed_deadline(conversation)

            said, passed = at_once.run(
                [
                    _maybe_late(took, partial(_say, conversation, ana)),
                    _maybe_late(took, partial(deadlines.run, row, clock.now())),
                ]
            )

            now = sound(conversation)
            answered = isinstance(said, list)
            assert passed is None, passed
            assert answered or isinstance(said, errors.NotHuman), said
            assert (now.mode, now.operator) == ((Mode.HUMAN, ana) if answered else (Mode.QUEUED, None))
            assert _told(now, "handoff.requeued") == int(not answered)
            assert Message.objects.filter(conversation=now, author="operator").count() == int(answered)
            race.saw(answered=int(answered), back_in_the_queue=int(not answered))


def test_a_message_when_silence_ends_the_service_is_read_by_somebody(race: Race) -> None:
    """The operator keeps the conversation, or the bot owes the answer; as with a release by hand."""
    ana = make_operator("ana", capacity=ROUNDS)
    Queue.objects.update(silent_minutes=SILENCE)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            address = f"whatsapp:+55156{number:08d}"
            conversation, took = _held(ana, address)
            _say(conversation, ana)
            Handoff.objects.filter(open_for=conversation).update(due_step=len(handoffs.NUDGES))
            row = _claimed_deadline(conversation)

            passed, inbound = at_once.run(
                [
                    _maybe_late(took, partial(deadlines.run, row, clock.now())),
                    _maybe_late(took, partial(says, "voltei!", address=address)),
                ]
            )

            now = sound(conversation)
            bot_got_it = BotTurn.objects.filter(open_for=conversation).exists()
            assert (passed, inbound.outcome) == (None, "applied")
            assert (now.mode, now.operator) == ((Mode.BOT, None) if bot_got_it else (Mode.HUMAN, ana))
            assert _told(now, "handoff.released") == int(bot_got_it)
            race.saw(kept_by_the_operator=int(not bot_got_it), left_to_the_bot=int(bot_got_it))


def test_two_looks_at_each_of_two_queues_never_offer_more_than_there_are_places(race: Race) -> None:
    """One operator serves both queues, and four workers look at the same moment."""
    queues = [make_queue(name, auto_offer=True) for name in ("Vendas", "Suporte")]
    waiting = [make_waiting(address=f"whatsapp:+55157{number:08d}") for number in range(8)]
    for number, conversation in enumerate(waiting):
        Conversation.objects.filter(pk=conversation.pk).update(queue=queues[number % 2])
    with together(4, race) as at_once:
        for number in range(ROUNDS):
            ana = make_present(f"ana{number}", capacity=PLACES)

            results = at_once.run([partial(_look, queue) for queue in queues * 2])

            offered = Conversation.objects.filter(offered_to=ana)
            told = Event.objects.filter(kind="handoff.offered").count()
            assert results == [None] * 4, results
            assert (offered.count(), told) == (PLACES, PLACES * (number + 1))
            race.saw(offered=PLACES, left_waiting=len(waiting) - PLACES)
            for conversation in offered:
                desk.decline(conversation, operator=ana, door="panel", now=clock.now())
            ana.queues.clear()
    for conversation in waiting:
        assert sound(conversation).mode == Mode.QUEUED


def test_a_take_over_by_a_supervisor_while_the_operator_finishes_always_comes_through(race: Race) -> None:
    """From Ana's hands, who is refused then, or from the bot's, as a service of its own."""
    ana, caio = make_operator("ana", capacity=ROUNDS), make_operator("caio", capacity=ROUNDS, staff=True)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            conversation, took = _held(ana, f"whatsapp:+55158{number:08d}")

            released, taken = at_once.run(
                [
                    _maybe_late(took, partial(_release, conversation)),
                    _maybe_late(took, partial(_claim, conversation, caio, force=True)),
                ]
            )

            now = sound(conversation)
            finished = isinstance(released, Handoff)
            assert isinstance(taken, Handoff), taken
            assert finished or isinstance(released, errors.NotYours), released
            assert (now.mode, now.operator, now.handoff_count) == (Mode.HUMAN, caio, 1 + finished)
            assert _told(now, "handoff.released") == int(finished)
            race.saw(taken_from_ana=int(not finished), taken_from_the_bot=int(finished))


def test_six_who_ask_at_once_in_a_queue_that_offers_all_wait(race: Race) -> None:
    """Each of them marks the same queue as due."""
    make_operator("ana")
    Queue.objects.update(auto_offer=True)
    with together(6, race) as at_once:
        for number in range(ROUNDS):
            addresses = [f"whatsapp:+5516{digit}{number:08d}" for digit in range(6)]
            threads = [make_with_bot(address=address) for address in addresses]
            Queue.objects.update(due_at=None)

            results = at_once.run([partial(says, "atendente", address=address) for address in addresses])

            assert [getattr(one, "outcome", one) for one in results] == ["applied"] * 6
            assert {sound(one).mode for one in threads} == {Mode.QUEUED}
            assert Queue.objects.get().due_at
            race.saw(wait=len(threads))


def test_an_operator_who_comes_back_while_they_count_as_gone_is_there(race: Race) -> None:
    """What went before is in the queue, what did not stays theirs, and they are watched again."""
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            ana = make_present(f"ana{number}")
            (first, _), (second, took) = (
                _held(ana, f"whatsapp:+5517{digit}{number:08d}") for digit in range(2)
            )
            held = [first, second]
            gone = clock.now() + presence.LIFE + presence.GONE_AFTER
            row = Presence.objects.select_related("operator").get(operator=ana)
            assert leases.claim(row)

            passed, back = at_once.run(
                [
                    _maybe_late(took, partial(absence.run, row, gone)),
                    _maybe_late(2 * took, partial(presence.beat, ana, now=gone)),
                ]
            )

            assert (passed, back) == (None, None)
            kept = [one for one in held if sound(one).operator == ana]
            assert all(fresh(one).mode == Mode.QUEUED for one in held if one not in kept)
            watched = Presence.objects.get(operator=ana)
            assert watched.due_at == gone + presence.LIFE + presence.GONE_AFTER
            assert presence.shown(watched, gone) == "available"
            race.saw(kept=len(kept), back_in_the_queue=len(held) - len(kept))


def _claim(conversation: Conversation, operator: Operator, *, force: bool = False) -> Handoff:
    return desk.claim(conversation, operator=operator, door="panel", now=clock.now(), force=force)


def _transfer(conversation: Conversation, *, to: Operator | Queue, **changes: Any) -> Handoff:
    given: dict[str, Any] = {"operator": conversation.operator, "epoch": conversation.epoch}
    return desk.transfer(
        conversation,
        by=PANEL,
        author=conversation.operator,
        to=to,
        note="Já pediu o boleto duas vezes.",
        now=clock.now(),
        **(given | changes),
    )


def _held(operator: Operator, address: str) -> tuple[Conversation, float]:
    """With them, and how long one step of it takes on this machine now."""
    began = time.perf_counter()
    conversation = make_held(operator, address=address)
    return conversation, (time.perf_counter() - began) / 3


def _offered(operator: Operator, address: str) -> tuple[Conversation, float]:
    began = time.perf_counter()
    conversation = make_waiting(address=address)
    desk.offer(
        conversation,
        operator=operator,
        by=WORKER,
        why="longest_idle",
        answer_in=timedelta(seconds=30),
        now=clock.now(),
    )
    return conversation, (time.perf_counter() - began) / 3


def _say(conversation: Conversation, operator: Operator) -> list[Message]:
    return desk.reply(
        conversation,
        operator=operator,
        door="panel",
        body="Oi, João!",
        epoch=conversation.epoch,
        client_key=None,
        now=clock.now(),
    )


def _release(conversation: Conversation) -> Handoff:
    return handoffs.release(
        conversation,
        cause=PANEL,
        operator=conversation.operator,
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome="solved"),
        now=clock.now(),
    )


def _claimed_deadline(conversation: Conversation) -> Handoff:
    """As a worker has it in hand."""
    row = Handoff.objects.get(open_for=conversation)
    assert leases.claim(row)
    return row


def _look(queue: Queue) -> None:
    routing.run(Queue.objects.get(pk=queue.pk), clock.now())


def _maybe_late(took: float, call: Callable[[], Any]) -> Callable[[], Any]:
    """Half of the time it starts up to two steps late: whoever does less before its UPDATE would always be first."""
    late = random.choice((0, random.uniform(0, 2 * took)))  # noqa: S311 (no secret)

    def run() -> Any:
        time.sleep(late)
        return call()

    return run


def _told(conversation: Conversation, kind: str) -> int:
    return Event.objects.filter(conversation=conversation, kind=kind).count()
