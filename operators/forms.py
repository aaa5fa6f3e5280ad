"""What the console's forms send. Missing fences fall back to what is safe, not to what is convenient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

from django.utils.datastructures import MultiValueDict

from conversations import messages
from conversations.contract import Release
from conversations.models import Resume
from conversations.searching import Wanted
from operators import attributes
from operators.models import Draft

LONGEST_KEY = 255
LONGEST_SUMMARY = 2000
LONGEST_SEARCH = 60
LONGEST_WAY_BACK = 9999
KINDS = ("people", "messages", "notes")
GAP = "gap-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyForm:
    body: str
    epoch: int | None
    client_key: str | None
    draft: int
    """The version of the draft that it was."""
    buttons: tuple[str, ...] = ()
    """What the customer may answer with by pressing."""

    @classmethod
    def read(cls, post: MultiValueDict[str, str]) -> ReplyForm:
        return cls(
            draft=number(post.get("draft")),
            body=post.get("body") or "",
            buttons=tuple(title for title in map(messages.storable, post.getlist("button")) if title.strip()),
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
class HandOverForm:
    """To whom (``queue:<id>``, ``operator:<id>``, or nothing: each to its queue), and what they should know."""

    to: str
    note: str
    epoch: int | None
    leaves: bool

    @classmethod
    def read(cls, post: MultiValueDict[str, str]) -> HandOverForm:
        return cls(
            to=_line(post, "to")[:LONGEST_KEY],
            note=post.get("note") or "",
            epoch=_fence(post, "epoch"),
            leaves=post.get("leaves") == "1",
        )

    @property
    def queue(self) -> UUID | None:
        return self._target("queue")

    @property
    def person(self) -> UUID | None:
        return self._target("operator")

    def target(self) -> tuple[str, UUID | None]:
        """Of which kind, and its id; nonsense is nobody."""
        kind, _colon, found = self.to.partition(":")
        return kind, uuid(found)

    def _target(self, kind: str) -> UUID | None:
        found, target = self.target()
        return target if found == kind else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamForm:
    """What the team's page is narrowed to."""

    queue: UUID | None
    name: str

    @classmethod
    def read(cls, told: MultiValueDict[str, str]) -> TeamForm:
        return cls(queue=uuid(told.get("queue")), name=_line(told, "q")[:LONGEST_SEARCH])


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateForm:
    """Which template, what its gaps are filled with (fields ``gap-<name>``), and what the list is narrowed to."""

    template: UUID | None
    values: dict[str, str]
    epoch: int | None
    client_key: str | None
    search: str
    category: str

    @classmethod
    def read(cls, told: MultiValueDict[str, str]) -> TemplateForm:
        gaps = {name.removeprefix(GAP): told.get(name) or "" for name in told if name.startswith(GAP)}
        return cls(
            template=uuid(told.get("template")),
            values=gaps,
            epoch=_fence(told, "epoch"),
            client_key=_line(told, "client_key")[:LONGEST_KEY] or None,
            search=_line(told, "q")[:LONGEST_SEARCH],
            category=_line(told, "category")[:LONGEST_SEARCH],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StartForm:
    """Who is written to first. ``same`` is None until it was asked and answered."""

    number: str
    name: str
    agreed: bool
    same: bool | None
    sender: UUID | None

    @classmethod
    def read(cls, told: MultiValueDict[str, str]) -> StartForm:
        return cls(
            number=_line(told, "number")[:LONGEST_SEARCH],
            name=" ".join(_line(told, "name").split())[: attributes.LONGEST_NAME],
            agreed=told.get("agreed") == "1",
            same={"yes": True, "no": False}.get(told.get("same") or ""),
            sender=uuid(told.get("sender")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchForm:
    """What is looked for, in which kind of things (all), and how far back."""

    typed: str
    wanted: Wanted
    kind: str
    back: int

    @classmethod
    def read(cls, told: MultiValueDict[str, str]) -> SearchForm:
        typed = _line(told, "q")[:LONGEST_SEARCH]
        kind = told.get("in") or ""
        return cls(
            typed=typed,
            wanted=Wanted.read(typed),
            kind=kind if kind in KINDS else "",
            back=min(number(told.get("back")), LONGEST_WAY_BACK),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteForm:
    """``whisper_to`` is the public id of the one it is for; empty for everybody."""

    body: str
    whisper_to: str
    client_key: str | None
    draft: int

    @classmethod
    def read(cls, post: MultiValueDict[str, str]) -> NoteForm:
        return cls(
            body=post.get("body") or "",
            whisper_to=_line(post, "whisper_to"),
            client_key=_line(post, "client_key")[:LONGEST_KEY] or None,
            draft=number(post.get("draft")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftForm:
    """``seen`` is the version that whoever writes started from; ``kind`` is None for nonsense."""

    kind: Draft.Kind | None
    text: str
    seen: int

    @classmethod
    def read(cls, post: MultiValueDict[str, str]) -> DraftForm:
        kind = post.get("kind")
        return cls(
            kind=Draft.Kind(kind) if kind in Draft.Kind.values else None,
            text=post.get("text") or "",
            seen=number(post.get("seen")),
        )


def _line(post: MultiValueDict[str, str], name: str) -> str:
    return messages.storable(post.get(name) or "").strip()


def _fence(post: MultiValueDict[str, str], name: str) -> int | None:
    found = number(post.get(name), -1)
    return None if found < 0 else found


def uuid(value: Any) -> UUID | None:
    """An id out of a query or a form; nonsense is none."""
    try:
        return UUID(str(value or ""))
    except ValueError:
        return None


def number(value: Any, default: int = 0) -> int:
    """A number out of a query or a form; nonsense is the default, not an error page."""
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
