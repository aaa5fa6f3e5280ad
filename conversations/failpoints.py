"""Named places where a test lets the process die, fail or pause: ``FAILPOINTS="webhook.stored:kill"``.

Read once, at import. Unset, which is always outside a crash test, reaching a point does nothing at all.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

POINTS = (
    "webhook.arrived",
    "webhook.verified",
    "webhook.recorded",
    "webhook.stored",
    "intake.locked",
    "intake.appended",
    "intake.followed",
    "retry.leased",
    "retry.applied",
    "bot.asking",
    "bot.answered",
    "bot.accepting",
    "bot.accepted",
    "call.asked",
    "flow.started",
    "execution.ended",
    "overheard.told",
    "subscription.noted",
    "notice.told",
    "reply.appended",
    "reply.accepted",
    "delivery.leased",
    "delivery.beginning",
    "delivery.sending",
    "delivery.answered",
    "delivery.settling",
    "delivery.settled",
    "delivery.doubting",
    "batch.leased",
    "batch.beginning",
    "batch.sending",
    "batch.answered",
    "batch.settling",
    "settling.listed",
    "settling.deciding",
    "media.leased",
    "media.fetched",
    "media.stored",
    "media.settling",
    "report.arrived",
    "report.kept",
    "report.applied",
    "report.stored",
    "handoff.requesting",
    "handoff.claiming",
    "handoff.cancelling",
    "handoff.releasing",
    "handoff.transferring",
    "handoff.requeueing",
    "handoff.offering",
    "handoff.declining",
    "handoff.merging",
)


class Injected(Exception):
    """What ``raise`` raises."""


Action = Callable[[], None]


def armed(text: str) -> dict[str, Action]:
    """What happens where; ValueError for a point or an action that does not exist."""
    found = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        name, _colon, action = one.partition(":")
        if name not in POINTS:
            raise ValueError(f"FAILPOINTS names no point of the program: {name}")
        found[name] = _action(action)
    return found


def _action(text: str) -> Action:
    verb, _colon, seconds = text.partition(":")
    if verb == "sleep" and seconds.replace(".", "", 1).isdigit():
        return _pause(float(seconds))
    if text == "kill":
        return _kill
    if text == "raise":
        return _raise
    raise ValueError(f"FAILPOINTS knows kill, raise and sleep:SECONDS, not {text!r}")


def _pause(seconds: float) -> Action:
    """Holds whoever comes first; those who do its work meanwhile pass."""
    left = [seconds]

    def pause() -> None:
        if left:
            length = left.pop()
            logger.warning("failpoint: held for %s s", length)
            time.sleep(length)
            logger.warning("failpoint: let go")

    return pause


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    raise Injected


def _off(_name: str) -> None:
    """Nothing is armed."""


def _on(actions: Mapping[str, Action]) -> Callable[[str], None]:
    def reached(name: str) -> None:
        if action := actions.get(name):
            action()

    return reached


_actions = armed(os.environ.get("FAILPOINTS", ""))
reached: Callable[[str], None] = _on(_actions) if _actions else _off
