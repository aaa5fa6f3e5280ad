"""What the console's forms send. Missing fences fall back to what is safe, not to what is convenient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

from django.utils.datastructures import MultiValueDict

from conversations import messages
from conversations.contract import Release
from conversations.models import Resume

LONGEST_KEY = 255
LONGEST_SUMMARY = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyForm:
    body: str
    epoch: int | None
    client_key: str | None

    @classmethod
    def read(cls, post: MultiValueDict[str, str]) -> ReplyForm:
        return cls(
            body=post.get("body") or "",
            epoch=_fence(post, "epoch"),
            client_key=_line(post, "client_key")[:LONGEST_KEY] or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseForm:
    outcome: str
    summary: str
    resume: Literal["bot_now", "wait", "close"]
    epoch: int | None
    last_seen_seq: int | None
    force: bool

    @classmethod
    def read(cls, post: MultiValueDict[str, str]) -> ReleaseForm:
        resume = post.get("resume") or Resume.WAIT
        return cls(
            outcome=_line(post, "outcome"),
            summary=_line(post, "summary")[:LONGEST_SUMMARY],
            resume=cast(Literal["wait"], resume if resume in Resume.values else "wait"),
            epoch=_fence(post, "epoch"),
            last_seen_seq=_fence(post, "last_seen_seq"),
            force=post.get("force") in {"1", "on", "true"},
        )

    def release(self) -> Release:
        return Release(outcome=self.outcome, summary=self.summary, resume=self.resume)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferForm:
    """``to`` is ``queue:`` or ``operator:`` and a public id."""

    to: str
    note: str
    epoch: int | None

    @classmethod
    def read(cls, post: MultiValueDict[str, str]) -> TransferForm:
        return cls(to=_line(post, "to"), note=post.get("note") or "", epoch=_fence(post, "epoch"))

    @property
    def queue(self) -> UUID | None:
        return _id(self.to, "queue:")

    @property
    def person(self) -> UUID | None:
        return _id(self.to, "operator:")


def _id(text: str, kind: str) -> UUID | None:
    try:
        return UUID(text.removeprefix(kind)) if text.startswith(kind) else None
    except ValueError:
        return None


def _line(post: MultiValueDict[str, str], name: str) -> str:
    return messages.storable(post.get(name) or "").strip()


def _fence(post: MultiValueDict[str, str], name: str) -> int | None:
    found = number(post.get(name), -1)
    return None if found < 0 else found


def number(value: Any, default: int = 0) -> int:
    """A number out of a query or a form; nonsense is the default, not an error page."""
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
