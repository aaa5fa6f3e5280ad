"""What a bot over HTTP is asked and may answer, as JSON (version 1), and how the question is signed. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from conversations import jsons
from conversations.bots.base import HandoffRequest, Line, ReleaseContext, Reply, Turn

VERSION = 1
MOST_MESSAGES = 5
LONGEST_ANSWER = 64 * 1024
SIGNATURE = "X-HandoffFlow-Signature"
WINDOW_SECONDS = 300
"""How far the time in a signature may lie from the reader's: whoever checks it refuses older ones."""


class Rubbish(Exception):
    """An answer that cannot be taken; ``reason`` is a code, never what the bot wrote."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# Asked ---------------------------------------------------------------------------------------------------------


def question(turn: Turn) -> bytes:
    asked = {
        "version": VERSION,
        "turn_id": turn.turn_id,
        "kind": turn.kind,
        "conversation": {
            "id": turn.conversation,
            "session": turn.session,
            "language": turn.language,
            "contact_name": turn.contact_name,
        },
        "epoch": turn.epoch,
        "message": _line(turn.message) if turn.message else None,
        "history": [_line(line) for line in turn.history],
        "release": release(turn.release) if turn.release else None,
        "attributes": dict(turn.attributes),
    }
    return json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()


def headers(secret: str, body: bytes, *, at: datetime) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "HandoffFlow",
        SIGNATURE: signature(secret, body, at=at),
    }


def signature(secret: str, body: bytes, *, at: datetime) -> str:
    """``t=<seconds>,v1=<hex>``: HMAC-SHA256 under the secret of the time, a full stop and the body as it is sent."""
    moment = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _line(line: Line) -> dict[str, Any]:
    return {"author": line.author, "kind": line.kind, "text": line.text, "at": _time(line.at)}


def release(ended: ReleaseContext) -> dict[str, Any]:
    """The end of human service, as every bot is told of it."""
    return {
        "outcome": ended.outcome,
        "summary": ended.summary,
        "facts": dict(ended.facts),
        "promises": list(ended.promises),
        "do_not_repeat": list(ended.do_not_repeat),
        "resume": ended.resume,
        "human_started_at": _time(ended.human_started_at),
        "human_ended_at": _time(ended.human_ended_at),
        "operator": ended.operator or None,
        "messages_since": [_line(line) for line in ended.messages_since],
    }


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


# Answered ------------------------------------------------------------------------------------------------------

_Text = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]


class Lenient(BaseModel):
    """What a bot says beside this is its own business; what it says of this has to be right."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Said(Lenient):
    body: _Text


class Asked(Lenient):
    reason: str = Field(min_length=1, max_length=40, pattern=r"\S")
    summary: str = Field(default="", max_length=4096)
    intent: str = Field(default="", max_length=120)
    slots: dict[str, Any] = {}
    confidence: float | None = Field(default=None, ge=0, le=1)
    priority: int = Field(default=0, ge=0, le=3)
    queue: str | None = Field(default=None, min_length=1, max_length=80)
    suggested_reply: str = Field(default="", max_length=4096)


class _Answer(Lenient):
    messages: list[_Text | _Said] = Field(default=[], max_length=MOST_MESSAGES)
    attributes: dict[str, Any] = {}
    handoff: Asked | None = None


def answer(body: bytes, *, state: Mapping[str, Any]) -> Reply:
    """The bot's reply; an empty body or object is one that says nothing yet. Rubbish for what is none.

    An object with none of our members is a workflow's own answer, or its error: taken for silence, nobody would answer
    the customer.
    """
    if len(body) > LONGEST_ANSWER:
        raise Rubbish("too_large")
    if not body.strip():
        return Reply(state=dict(state))
    try:
        given = jsons.read(body)
        found = _Answer.model_validate(given)
    except jsons.BadJson as bad:
        raise Rubbish(bad.code) from None
    except ValidationError as error:
        raise Rubbish(
            "invalid: " + ", ".join(sorted({_place(one["loc"]) for one in error.errors()}))
        ) from None
    if given and not found.model_fields_set:
        raise Rubbish("no_member")
    return Reply(
        messages=tuple(one if isinstance(one, str) else one.body for one in found.messages),
        state=dict(state),
        attributes=found.attributes,
        handoff=HandoffRequest(**found.handoff.model_dump()) if found.handoff else None,
    )


def _place(loc: tuple[int | str, ...]) -> str:
    """The members of ours that it goes through; a name that the bot made up stays out of logs."""
    known = {*_Answer.model_fields, *Asked.model_fields, *_Said.model_fields}
    return ".".join(str(step) for step in loc if isinstance(step, int) or step in known)
