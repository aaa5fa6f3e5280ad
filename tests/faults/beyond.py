"""Crashes beside what stands elsewhere: a bot that hears what operators say, addresses told of events, Studio's flows.

Elsewhere may hear a thing twice, under the same id; it is never left out, and nothing is begun twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conversations.botserver import Said
from tests.faults.case import Case
from tests.faults.world import until

FLOW = "FW" + "1" * 32
KINDS = ["handoff.claimed", "handoff.released"]
Expect = Callable[[dict[str, Any]], None]


def _thread(asked: dict[str, Any]) -> str:
    """Whose what was posted is: a bot is told of a conversation by its id, a subscriber by all of it."""
    about = asked.get("conversation") or ""
    return str(about["id"] if isinstance(about, dict) else about)


def _heard(case: Case) -> list[dict[str, Any]]:
    return [asked for asked in case.world.bot.asked if _thread(asked) == case.thread]


def is_overheard(case: Case, armed: str) -> Expect:
    """What an operator says is told to the bot; it took it, and nobody knows that it did."""
    case.begin("held")
    case.world.bot.says = [Said({})]
    case.world.call("bot_hears", case.world.bot.url)
    case.world.start(armed)
    case.says("Primeira linha")
    until(lambda: _heard(case), "the bot is told")

    def expect(_story: dict[str, Any]) -> None:
        until(lambda: case.world.call("all_is_told"), "nothing is left to tell")
        case.world.call("bot_is", "rules", "")
        heard = [(one["turn_id"], one["message"]["text"]) for one in _heard(case)]
        assert [said for _turn, said in heard] == ["Primeira linha"] * 2
        assert len({turn for turn, _said in heard}) == 1

    return expect


def is_told_of(case: Case, armed: str) -> Expect:
    """Another system is told of each service that begins and ends, in order, under one id for each."""
    case.begin("waiting")
    case.world.bot.says = [Said({})]
    case.world.call("subscribes", case.world.bot.url, KINDS)
    case.world.start(armed)
    case.assigns()

    def expect(_story: dict[str, Any]) -> None:
        case.releases(resume="wait")
        until(lambda: case.world.call("all_is_told"), "nothing is left to tell")
        case.world.call("nobody_subscribes")
        told = [(one["event"]["type"], one["id"]) for one in _heard(case)]
        assert list(dict.fromkeys(kind for kind, _id in told)) == KINDS
        assert len(dict.fromkeys(told)) == len(KINDS)
        assert len(told) == len(KINDS) + ("notice.told" in armed)

    return expect


def _studio(case: Case) -> None:
    """A flow that says nothing, and waits until it is ended."""
    park = {
        "name": "park",
        "type": "add-twiml-redirect",
        "properties": {"url": f"{case.world.url}/healthz", "method": "POST", "timeout": "14400"},
        "transitions": [{"event": "return"}, {"event": "timeout"}, {"event": "fail"}],
    }
    begins = [{"event": event, "next": "park"} for event in ("incomingMessage", "incomingRequest")]
    trigger = {"name": "Trigger", "type": "trigger", "properties": {}, "transitions": begins}
    case.world.standin.studio.publish(FLOW, {"initial_state": "Trigger", "states": [trigger, park]})
    case.world.call("studio_is", FLOW)


def _executions(case: Case) -> list[str]:
    return [str(row["status"]) for row in case.world.standin.studio.executions(case.customer)]


def ends_a_flow(case: Case, armed: str) -> Expect:
    """Somebody takes over what a flow is in the middle of: it was ended, and nobody wrote that down."""
    case.begin("with_bot")
    _studio(case)
    case.world.start(armed)
    case.writes("oi")
    until(lambda: _executions(case) == ["active"], "the flow runs")
    case.assigns()

    def expect(story: dict[str, Any]) -> None:
        case.world.call("bot_is", "rules", "")
        assert (_executions(case), story["mode"], story["open"]) == (["ended"], "human", 1)

    return expect


def starts_a_flow(case: Case, armed: str) -> Expect:
    """A service ends, and the flow is told: it runs, and nobody wrote that down. It is not started again."""
    case.begin("held")
    _studio(case)
    case.world.start(armed)
    case.releases(resume="bot_now")

    def expect(story: dict[str, Any]) -> None:
        case.world.call("bot_is", "rules", "")
        assert (_executions(case), story["mode"], story["handoffs"]) == (["active"], "bot", 1)

    return expect
