"""Two threads become one while others reach for them: one thread in the end, one speaker, and nothing is lost."""

from __future__ import annotations

import random
import time
from functools import partial

import pytest

from conversations import clock, errors, handoffs, merging
from conversations.contract import Cause, Release
from conversations.models import BotTurn, Conversation, Handoff, Message, Mode
from operators import desk
from operators.models import Operator
from tests.builders import fresh, make_held, make_operator, make_waiting, make_with_bot, says
from tests.races.sound import sound
from tests.races.together import ROUNDS, Race, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

CAIO = Cause(kind="supervisor", door="panel")


def _addresses(number: int) -> tuple[str, str]:
    return f"whatsapp:+55119{number:08d}", f"whatsapp:+5521{number:08d}"


def _merge(winner: Conversation, loser: Conversation) -> Conversation:
    return merging.merge(winner, loser, cause=CAIO, now=clock.now())


def _unmerge(loser: Conversation, *, wait: float) -> Conversation:
    """A webhook reads more before it takes a row: it would always come second."""
    time.sleep(wait)
    return merging.unmerge(loser, cause=CAIO, now=clock.now())


def _claim(conversation: Conversation, operator: Operator) -> Handoff:
    return desk.claim(conversation, operator=operator, door="panel", now=clock.now())


def _is_one(winner: Conversation, loser: Conversation) -> Conversation:
    """Both are of one piece, and only one of them is served."""
    now, left = sound(winner), sound(loser)
    assert (left.merged_into, left.mode, now.merged_into) == (now, Mode.BOT, None)
    return now


@pytest.mark.parametrize("which", ["winner", "loser"])
def test_a_claim_while_they_are_merged_is_kept_or_refused(which: str, race: Race) -> None:
    """The winner's always holds. The loser's goes on in the winner if it came before the merge; else it is refused."""
    ana = make_operator("ana", capacity=ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            one, other = _addresses(number)
            winner, loser = make_with_bot(address=one), make_waiting(address=other)
            wanted = winner if which == "winner" else loser

            claimed, merged = at_once.run([partial(_claim, wanted, ana), partial(_merge, winner, loser)])

            assert isinstance(merged, Conversation), merged
            now = _is_one(winner, loser)
            got_it = isinstance(claimed, Handoff)
            assert got_it or (which == "loser" and isinstance(claimed, errors.Merged)), claimed
            assert (now.mode, now.operator) == ((Mode.HUMAN, ana) if got_it else (Mode.QUEUED, None))
            assert Conversation.objects.held_by(ana).filter(pk=loser.pk).count() == 0
            race.saw(taken=int(got_it), told_where_it_goes_on=int(not got_it))


def test_a_release_while_they_are_merged_ends_one_service_at_most(race: Race) -> None:
    """Ana finishes the loser: before the merge it is over, after it she is told where it goes on, still hers."""
    ana = make_operator("ana", capacity=ROUNDS)
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            one, other = _addresses(number)
            winner, loser = make_with_bot(address=one), make_held(ana, address=other)

            released, merged = at_once.run([partial(_release, loser, ana), partial(_merge, winner, loser)])

            assert isinstance(merged, Conversation), merged
            now, over = _is_one(winner, loser), isinstance(released, Handoff)
            assert over or isinstance(released, errors.Merged), released
            assert (now.mode, now.operator) == ((Mode.BOT, None) if over else (Mode.HUMAN, ana))
            outcome = "solved" if over else "merged"
            assert Handoff.objects.get(conversation=loser).outcome == outcome
            race.saw(finished=int(over), goes_on=int(not over))


def test_messages_while_they_are_merged_stand_in_one_thread_each(race: Race) -> None:
    """What comes from the loser's address stands in either thread, once, and from then on in the winner's."""
    make_operator("ana")
    with together(3, race) as at_once:
        for number in range(ROUNDS):
            one, other = _addresses(number)
            winner, loser = make_with_bot(address=one), make_with_bot(address=other)

            first, second, merged = at_once.run(
                [
                    partial(says, "um", address=other),
                    partial(says, "outro", address=one),
                    partial(_merge, winner, loser),
                ]
            )

            assert [first.outcome, second.outcome] == ["applied", "applied"]
            assert isinstance(merged, Conversation), merged
            now = _is_one(winner, loser)
            assert Message.objects.filter(conversation__in=[winner, loser], body="um").count() == 1
            here = Message.objects.filter(conversation=winner, body="um").exists()
            owed = BotTurn.objects.exclude(open_for=None).filter(conversation__in=[winner, loser])
            assert [turn.conversation_id for turn in owed] == [winner.pk]
            says("três", address=other)
            assert Message.objects.get(conversation=now, body="três").seq == fresh(now).last_inbound_seq
            assert fresh(winner).reply_address == other
            race.saw(in_the_winners=int(here), in_the_losers=int(not here))


def test_messages_while_they_are_taken_apart_leave_each_their_own_address(race: Race) -> None:
    """Whichever comes first: afterwards nobody's thread answers to the other's phone."""
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            one, other = _addresses(number)
            winner, loser = make_with_bot(address=one), make_with_bot(address=other)
            began = time.perf_counter()
            _merge(winner, loser)
            took = time.perf_counter() - began

            said, parted = at_once.run(
                [
                    partial(says, "oi", address=other),
                    partial(_unmerge, loser, wait=random.uniform(0, took)),  # noqa: S311 (no secret)
                ]
            )

            assert said.outcome == "applied"
            assert isinstance(parted, Conversation), parted
            assert (sound(winner).reply_address, sound(loser).reply_address) == (one, other)
            here = Message.objects.filter(provider_sid=said.provider_sid, conversation=winner).exists()
            race.saw(before=int(here), after=int(not here))


def test_two_merges_at_once_are_one(race: Race) -> None:
    """Each into the other: the second learns that it is done."""
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            one, other = _addresses(number)
            first, second = make_waiting(address=one), make_waiting(address=other)

            results = at_once.run([partial(_merge, first, second), partial(_merge, second, first)])

            done = [isinstance(result, Conversation) for result in results]
            assert sorted(done) == [False, True], results
            assert isinstance(results[done.index(False)], errors.CannotMerge)
            _is_one(*((first, second) if done[0] else (second, first)))
            race.saw(merged=1, refused=1)


def test_a_chain_of_merges_at_once_never_hangs_from_a_loser(race: Race) -> None:
    with together(2, race) as at_once:
        for number in range(ROUNDS):
            one, other = _addresses(number)
            first, second = make_with_bot(address=one), make_with_bot(address=other)
            third = make_with_bot(address=f"whatsapp:+5531{number:08d}")

            results = at_once.run([partial(_merge, first, second), partial(_merge, second, third)])

            assert sorted(isinstance(result, Conversation) for result in results) == [False, True], results
            threads = [sound(thread) for thread in (first, second, third)]
            assert [thread.merged_into is None for thread in threads].count(False) == 1
            race.saw(merged=1, refused=1)


def _release(conversation: Conversation, operator: Operator) -> Handoff:
    return handoffs.release(
        conversation,
        cause=Cause(kind="operator", door="panel"),
        operator=operator,
        epoch=conversation.epoch,
        seen=conversation.seq,
        release=Release(outcome="solved"),
        now=clock.now(),
    )
