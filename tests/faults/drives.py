"""How each point is reached: what was going on, what the customer or an integration does, what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handoffflow.simulator import attachments
from tests.faults import beyond
from tests.faults.case import ASK, Case
from tests.faults.world import ANSWER, until

MANY = 7
Expect = Callable[[dict[str, Any]], None]
Drive = Callable[[Case, str], Expect]


def count(story: dict[str, Any], author: str) -> int:
    return sum(message["author"] == author for message in story["messages"])


def answered(case: Case) -> Expect:
    """The bot has answered what there was to answer, once."""

    def expect(story: dict[str, Any]) -> None:
        assert count(story, "bot") == (2 if case.odd else 1)

    return expect


def greets_a_customer(case: Case, armed: str) -> Expect:
    case.begin("with_bot" if case.odd else "")
    case.world.start(armed)
    case.writes("oi")
    return answered(case)


def asks_a_bot_elsewhere(case: Case, armed: str) -> Expect:
    """One over HTTP, or a language model: it has answered and nothing of that is kept, so it is asked again."""
    case.begin("with_bot" if case.odd else "")
    case.world.call("bot_is", "llm" if case.odd else "webhook", case.world.bot.url)
    before = len(case.world.bot.asked)
    case.world.start(armed)
    case.writes("onde está meu pedido?")
    answered_here = answered(case)

    def expect(story: dict[str, Any]) -> None:
        case.world.call("bot_is", "rules", "")
        answered_here(story)
        assert len(case.world.bot.asked) == before + 2
        assert [one["body"] for one in story["messages"] if one["author"] == "bot"][-1] == ANSWER

    return expect


def says_a_line(case: Case, armed: str) -> Expect:
    """An operator's, over a call that is repeated when nobody answers it."""
    case.begin("held")
    case.world.start(armed)
    case.says(f"Linha {case.number}")

    def expect(story: dict[str, Any]) -> None:
        assert count(story, "operator") == 1

    return expect


def sends_a_line(case: Case, armed: str) -> Expect:
    """An operator's, or a bot's whose delivery reports get lost as well."""
    case.begin("with_bot" if case.odd else "held")
    case.may_fail = int("delivery.sending" in armed)
    return sends_a_line_of(case, armed)


def begins_a_line_alone(case: Case, armed: str) -> Expect:
    """A bot's: its fence keeps it from being begun in the commit that claims it."""
    case.number |= 1
    return sends_a_line(case, armed)


def sends_a_line_of(case: Case, armed: str = "") -> Expect:
    # A report that is faster than the answer settles the line, and the answer has nothing to settle any more.
    if case.odd or "delivery.settling" in armed:
        case.world.standin.script("lost", customer=case.customer)
    case.world.start(armed)
    if case.odd:
        case.writes("oi")
        return answered(case)
    case.says(f"Linha {case.number}")

    def expect(story: dict[str, Any]) -> None:
        assert count(story, "operator") == 1

    return expect


def sends_many_lines(case: Case, armed: str) -> Expect:
    """Operators' to several customers, which the worker begins together; and ends together while one is held."""
    case.begin("held")
    case.company = [Case(case.world, case.number) for _ in range(MANY)]
    everybody = [case, *case.company]
    for one in case.company:
        one.begin("held")
    for one in everybody:
        one.texts.append("Linha para todos")
        one.may_fail = int("batch.sending" in armed)
        case.world.standin.script("slow", customer=one.customer, seconds=0.1)
        # A report that is faster than the answer settles its line by itself.
        case.world.standin.script("lost", customer=one.customer)
    case.world.call("say", [one.customer for one in everybody], "Linha para todos")
    case.world.start(f"delivery.answered:sleep:0.5,{armed}")

    def expect(story: dict[str, Any]) -> None:
        assert count(story, "operator") == 1

    return expect


def sends_with_an_unclear_end(case: Case, armed: str) -> Expect:
    """Twilio took it and its answer is lost, and so are its reports; or it never took it."""
    case.begin("held")
    case.may_fail = int(case.odd)
    case.world.standin.script("500" if case.odd else "reset_after_accept", customer=case.customer)
    case.world.standin.script("lost", customer=case.customer)
    case.world.start(armed)
    case.says(f"Linha {case.number}")

    def expect(story: dict[str, Any]) -> None:
        assert count(story, "operator") == 1

    return expect


def calls_a_person(case: Case, armed: str) -> Expect:
    case.begin("with_bot" if case.odd else "")
    case.world.start(armed)
    if case.odd:
        case.posts("handoff/request", reason="refund", summary="Quer o dinheiro.")
    else:
        case.writes(ASK)

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("queued", 1, 1)
        assert story["kinds"].count("handoff.requested") == count(story, "system") == 1

    return expect


def claims(case: Case, armed: str) -> Expect:
    case.begin("with_bot" if case.odd else "waiting")
    case.world.start(armed)
    case.assigns()

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("human", 1, 1)
        assert story["kinds"].count("handoff.claimed") == 1

    return expect


def cancels(case: Case, armed: str) -> Expect:
    case.begin("waiting")
    case.world.start(armed)
    case.writes("cancelar" if case.odd else "voltar")

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("bot", 0, 1)
        assert story["kinds"].count("handoff.cancelled") == 1

    return expect


def releases(case: Case, armed: str) -> Expect:
    case.begin("held")
    case.world.start(armed)
    case.releases(resume="bot_now" if case.odd else "wait")

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("bot", 0, 1)
        assert story["kinds"].count("handoff.released") == 1
        assert count(story, "bot") == int(case.odd)

    return expect


def hands_on(case: Case, armed: str) -> Expect:
    """To the queue, or to a colleague."""
    case.begin("held_by_bia" if case.odd else "held")
    case.does(armed, "transfer", case.odd)

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("queued", 1, 1)
        assert story["offered_to"] == ("ana" if case.odd else None)
        assert (story["kinds"].count("handoff.transferred"), story["notes"], count(story, "system")) == (
            1,
            1,
            2,
        )

    return expect


def goes_back_to_the_front(case: Case, armed: str) -> Expect:
    """By a supervisor's word, or because nobody answered."""
    case.begin("held" if case.odd else "unanswered")
    if case.odd:
        case.does(armed, "take_away")
    else:
        case.world.start(armed)

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("queued", 1, 1)
        assert (story["kinds"].count("handoff.requeued"), count(story, "system")) == (1, 2)

    return expect


def is_offered(case: Case, armed: str) -> Expect:
    case.begin("to_be_offered")
    case.world.start(armed)

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("queued", 1, 1)
        assert (story["offered_to"], story["kinds"].count("handoff.offered")) == ("ana", 1)

    return expect


def is_not_taken(case: Case, armed: str) -> Expect:
    """By the operator's word, or because the time of the offer has passed."""
    case.begin("offered" if case.odd else "offered_in_vain")
    if case.odd:
        case.does(armed, "decline")
    else:
        case.world.start(armed)

    def expect(story: dict[str, Any]) -> None:
        kind = "handoff.declined" if case.odd else "handoff.offer_expired"
        assert (story["mode"], story["open"], story["handoffs"]) == ("queued", 1, 1)
        assert (story["offered_to"], story["kinds"].count(kind)) == (None, 1)

    return expect


def is_merged(case: Case, armed: str) -> Expect:
    """Somebody who waits turns out to be this customer, who wrote last, and is with the bot or with a person."""
    other = case.world.customer()
    case.world.standin.script("lost", customer=other)
    case.world.call("waiting", other)
    case.begin("held" if case.odd else "with_bot")
    case.does(armed, "merge", other)

    def expect(story: dict[str, Any]) -> None:
        assert (story["mode"], story["open"], story["handoffs"]) == ("human" if case.odd else "queued", 1, 1)
        assert story["kinds"].count("handoff.joined" if case.odd else "handoff.inherited") == 1
        left = case.world.call("story", other)
        assert (left["mode"], left["open"], left["handoffs"]) == ("bot", 0, 1)
        assert left["kinds"].count("handoff.merged") == 1

    return expect


def tries_a_failed_webhook_again(case: Case, armed: str) -> Expect:
    case.begin("with_bot" if case.odd else "")
    case.world.start("intake.appended:raise")
    case.writes("oi")
    case.world.redeliver(case.sids[0])
    case.world.kill()
    assert case.world.call("failed_are_due") == 1
    case.world.start(armed)
    return answered(case)


def sends_a_photo(case: Case, armed: str) -> Expect:
    """A customer, to a person: it is fetched from Twilio, stored once, and told once."""
    case.begin("held")
    kind, photo = attachments.photo()
    case.world.start(armed)
    case.writes("Olha", (kind, photo))

    def expect(story: dict[str, Any]) -> None:
        assert story["files"] == [["stored", len(photo)]]
        assert story["kinds"].count("message.media") == 1
        assert story["strays"] == 0

    return expect


DRIVES: dict[str, Drive] = {
    "webhook.arrived": greets_a_customer,
    "webhook.verified": greets_a_customer,
    "webhook.recorded": greets_a_customer,
    "webhook.stored": greets_a_customer,
    "intake.locked": greets_a_customer,
    "intake.appended": greets_a_customer,
    "intake.followed": greets_a_customer,
    "retry.leased": tries_a_failed_webhook_again,
    "retry.applied": tries_a_failed_webhook_again,
    "bot.asking": greets_a_customer,
    "bot.answered": greets_a_customer,
    "bot.accepting": greets_a_customer,
    "bot.accepted": greets_a_customer,
    "call.asked": asks_a_bot_elsewhere,
    "flow.started": beyond.starts_a_flow,
    "execution.ended": beyond.ends_a_flow,
    "overheard.told": beyond.is_overheard,
    "subscription.noted": beyond.is_told_of,
    "notice.told": beyond.is_told_of,
    "reply.appended": says_a_line,
    "reply.accepted": says_a_line,
    "delivery.leased": begins_a_line_alone,
    "delivery.beginning": begins_a_line_alone,
    "delivery.sending": begins_a_line_alone,
    "delivery.answered": sends_a_line,
    "delivery.settling": sends_a_line,
    "delivery.settled": sends_a_line,
    "delivery.doubting": sends_with_an_unclear_end,
    "batch.leased": sends_many_lines,
    "batch.beginning": sends_many_lines,
    "batch.sending": sends_many_lines,
    "batch.answered": sends_many_lines,
    "batch.settling": sends_many_lines,
    "settling.listed": sends_with_an_unclear_end,
    "settling.deciding": sends_with_an_unclear_end,
    "media.leased": sends_a_photo,
    "media.fetched": sends_a_photo,
    "media.stored": sends_a_photo,
    "media.settling": sends_a_photo,
    "report.arrived": says_a_line,
    "report.kept": says_a_line,
    "report.applied": says_a_line,
    "report.stored": says_a_line,
    "handoff.requesting": calls_a_person,
    "handoff.claiming": claims,
    "handoff.cancelling": cancels,
    "handoff.releasing": releases,
    "handoff.transferring": hands_on,
    "handoff.requeueing": goes_back_to_the_front,
    "handoff.offering": is_offered,
    "handoff.declining": is_not_taken,
    "handoff.merging": is_merged,
}


# Killed from outside ------------------------------------------------------------------------------


def dies_during_the_call(case: Case) -> Expect:
    """Twilio has taken the message and says nothing."""
    case.begin("with_bot" if case.odd else "held")
    before = case.world.answered(case.customer)
    case.world.standin.script("accept_then_timeout", customer=case.customer)
    expect = sends_a_line_of(case)
    until(lambda: case.world.answered(case.customer) > before, "Twilio takes the message")
    case.world.kill()
    return expect


def dies_after_the_answer(case: Case) -> Expect:
    """The webhook was answered with 200; whatever followed from it has begun or not."""
    expect = greets_a_customer(case, "")
    until(lambda: case.world.acknowledged(case.sids[0]), "the webhook is acknowledged")
    case.world.kill()
    return expect


OUTSIDE: dict[str, Callable[[Case], Expect]] = {
    "(after the answer)": dies_after_the_answer,
    "(during the call)": dies_during_the_call,
}
POINTS = (*DRIVES, *OUTSIDE)
CHOSEN = (
    "webhook.stored",
    "bot.accepting",
    "delivery.sending",
    "(during the call)",
    "delivery.settling",
    "handoff.claiming",
)
"""Where a database on which not every point is run is killed at."""


def crash(case: Case, point: str) -> Expect:
    if point in OUTSIDE:
        return OUTSIDE[point](case)
    expect = DRIVES[point](case, f"{point}:kill")
    assert case.world.died(), f"{point} was not reached"
    return expect
