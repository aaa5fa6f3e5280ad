"""What a transition is told: who caused it, and the context that travels with a release."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Actor = Literal["customer", "bot", "operator", "system", "api", "supervisor"]
Door = Literal["webhook", "panel", "api", "admin", "worker", "simulator", "command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who, through which door, because of which message. ``id`` is a public id, never a name."""

    kind: Actor
    door: Door
    id: str = ""
    message_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What was settled: the half of the handoff contract that goes back to the bot (version 1)."""

    outcome: str
    summary: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    promises: tuple[str, ...] = ()
    do_not_repeat: tuple[str, ...] = ()
    resume: str = "wait"

    def stored(self) -> dict[str, Any]:
        return {
            "summary": self.summary,
            "facts": self.facts,
            "promises": list(self.promises),
            "do_not_repeat": list(self.do_not_repeat),
        }
