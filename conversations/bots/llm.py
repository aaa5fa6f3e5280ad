"""A language model behind any OpenAI-compatible endpoint: what is asked (Chat Completions), and what it may answer.

Pure. A model can speak, remember facts about this customer and call a person: there is a tool for the last two and none
for anything else. What it answers is read strictly, and what cannot be taken becomes a person, never silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from conversations import jsons
from conversations.bots import prompt, wire
from conversations.bots.base import BOT_ASKED, HandoffRequest, Reply, Turn, Unanswered
from conversations.bots.masking import Masks

HAND_OVER, REMEMBER = "hand_over", "remember"
ROUNDS = 2
"""A model that only remembers something is told that it was kept, once, so that it goes on and speaks."""
LONGEST_ANSWER = 256 * 1024
LONGEST_TEXT = 6000
MOST_FACTS, MOST_KNOWN, LONGEST_NAME, LONGEST_FACT = 20, 50, 60, 500
HIGHEST_PRIORITY = 2
"""Urgent is a word of the team's: customers can talk a model into anything."""
OURS = frozenset({"bot_failure", "loop", "rule", "api", "takeover", "outbound"})
"""Reasons that only the product itself gives."""


@dataclass(frozen=True, slots=True)
class Model:
    """Which model, and what it is told beside the turn."""

    name: str
    max_tokens: int
    tokens_as: str = "max_tokens"
    instructions: str = ""
    room: int = 24_000
    """Characters of all messages together."""


def _tool(name: str, description: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


TOOLS = [
    _tool(
        HAND_OVER,
        "Bring a person of the team into this conversation. What you write in the same answer is said before.",
        {
            "reason": _text("customer_asked, not_understood, bot_asked, or a short code of your own"),
            "summary": _text("What the customer wants and what you have found out, for the person"),
            "intent": _text("The subject in a word or two"),
            "slots": {"type": "object", "description": "Facts for the person, such as the order number"},
            "suggested_reply": _text("What you would have answered; the person decides"),
            "priority": {"type": "integer", "minimum": 0, "maximum": HIGHEST_PRIORITY},
        },
        ["reason", "summary"],
    ),
    _tool(
        REMEMBER,
        "Keep facts about this customer for later. What is known already stays as it is.",
        {"attributes": {"type": "object", "description": "Short names and values"}},
        ["attributes"],
    ),
]


def request(turn: Turn, model: Model, masks: Masks, *, now: datetime) -> dict[str, Any]:
    told = prompt.messages(turn, masks, instructions=model.instructions, now=now, room=model.room)
    return {
        "model": model.name,
        "messages": told,
        "tools": TOOLS,
        "tool_choice": "auto",
        model.tokens_as: model.max_tokens,
    }


# Heard ---------------------------------------------------------------------------------------------------------


class _Function(wire.Lenient):
    name: str = ""
    arguments: str | dict[str, Any] | None = None


class _Call(wire.Lenient):
    id: str | None = None
    function: _Function = _Function()


class _Part(wire.Lenient):
    text: str | None = None


class _Message(wire.Lenient):
    content: str | list[str | _Part] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(wire.Lenient):
    message: _Message
    finish_reason: str | None = None


class _Completion(wire.Lenient):
    choices: list[_Choice]


@dataclass(frozen=True, slots=True)
class Call:
    """``arguments`` is {} for what is no JSON object."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer of the endpoint. ``declined``: the model or a filter before it would not say it."""

    text: str
    calls: tuple[Call, ...] = ()
    declined: bool = False

    @property
    def only_remembers(self) -> bool:
        return not self.text and bool(self.calls) and all(call.name == REMEMBER for call in self.calls)


def hear(body: bytes) -> Heard:
    """What came back; ``wire.Rubbish`` for what is no completion."""
    if len(body) > LONGEST_ANSWER:
        raise wire.Rubbish("too_large")
    try:
        choices = _Completion.model_validate(jsons.read(body)).choices
    except jsons.BadJson as bad:
        raise wire.Rubbish(bad.code) from None
    except ValidationError:
        raise wire.Rubbish("no_completion") from None
    if not choices:
        raise wire.Rubbish("no_choice")
    message, finish = choices[0].message, choices[0].finish_reason
    calls = tuple(
        Call(one.id or f"call_{number}", one.function.name, _arguments(one.function.arguments))
        for number, one in enumerate(message.tool_calls or ())
    )
    text = _spoken(_joined(message.content), cut=finish == "length")
    return Heard(text=text, calls=calls, declined=finish == "content_filter" or bool(message.refusal))


def filtered(body: bytes) -> bool:
    """Whether an error is a filter's that took offence at what was asked: no failing of the endpoint's."""
    try:
        error = jsons.read(body).get("error")
    except jsons.BadJson:
        return False
    return isinstance(error, dict) and error.get("code") == "content_filter"


def _joined(content: str | list[str | _Part] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part if isinstance(part, str) else part.text or "" for part in content)


def _arguments(given: str | dict[str, Any] | None) -> dict[str, Any]:
    if isinstance(given, dict):
        return given
    try:
        return jsons.read((given or "{}").encode())
    except (jsons.BadJson, UnicodeEncodeError):
        return {}


_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(rf"(?:{re.escape(prompt.TEAM)}|{re.escape(prompt.NOTICE)})\s*", re.IGNORECASE)
_STRONG = re.compile(r"\*\*(\S(?:[^*\n]*\S)?)\*\*")
# Not the full stop of "1." or of "R$ 1." whose rest is missing.
_SENTENCE = re.compile(r"(?<!\d)[.!?…]+(?=\s)|\n")


def _spoken(text: str, *, cut: bool) -> str:
    """Without thinking aloud and labels that are not its own; of what broke off, the sentences that are whole."""
    text = _LABEL.sub("", _THOUGHT.sub("", text))
    text = _STRONG.sub(r"*\1*", text).strip()  # WhatsApp's bold
    if cut or len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]
        text = text[: max((found.end() for found in _SENTENCE.finditer(text)), default=0)].strip()
    return text


def again(asked: dict[str, Any], heard: Heard) -> dict[str, Any]:
    """The question once more, after what it wanted to remember."""
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": json.dumps(call.arguments, ensure_ascii=False),
            },
        }
        for call in heard.calls
    ]
    kept = [{"role": "tool", "tool_call_id": call.id, "content": "Kept."} for call in heard.calls]
    messages = [*asked["messages"], {"role": "assistant", "content": "", "tool_calls": calls}, *kept]
    return {**asked, "messages": messages}


# Said ----------------------------------------------------------------------------------------------------------


def reply(heard: Sequence[Heard], turn: Turn, masks: Masks) -> Reply:
    """What is done about it; ``Unanswered`` where there is nothing to do. What was masked is itself again."""
    last, state = heard[-1], dict(turn.state)
    calls = [call for one in heard for call in one.calls]
    if last.declined:
        return declined(turn)
    wanted = next((call for call in calls if call.name == HAND_OVER), None)
    if wanted is None and not last.text:
        raise Unanswered("unknown tool" if calls and not last.only_remembers else "empty")
    return Reply(
        messages=(masks.show(last.text),) if last.text else (),
        state=state,
        attributes=_learned([call for call in calls if call.name == REMEMBER], turn, masks),
        handoff=_handoff(masks.show_in(wanted.arguments)) if wanted else None,
    )


def declined(turn: Turn) -> Reply:
    """It would not answer: whatever it said half of is left out, and a person looks at it."""
    return Reply(state=dict(turn.state), handoff=HandoffRequest(reason=BOT_ASKED))


def _handoff(given: dict[str, Any]) -> HandoffRequest:
    """What can be taken of it; a person comes whatever the rest is."""
    taken = ("summary", "intent", "suggested_reply", "priority")
    asked: dict[str, Any] = {name: given[name] for name in taken if name in given}
    for name, longest in (("summary", 4096), ("intent", 120), ("suggested_reply", 4096)):
        if isinstance(asked.get(name), str):
            asked[name] = asked[name].strip()[:longest]
    asked |= {"slots": _facts(given.get("slots"), MOST_FACTS), "reason": _reason(given.get("reason"))}
    if type(asked.get("priority")) is int:
        asked["priority"] = max(0, min(asked["priority"], HIGHEST_PRIORITY))
    try:
        found = wire.Asked.model_validate(asked)
    except ValidationError as error:
        for one in error.errors():
            asked.pop(str(one["loc"][0]), None)
        found = wire.Asked.model_validate(asked)
    return HandoffRequest(**found.model_dump())


def _reason(given: object) -> str:
    reason = re.sub(r"\W+", "_", given).strip("_").lower()[:40] if isinstance(given, str) else ""
    return BOT_ASKED if not reason or reason in OURS else reason


def _learned(calls: Sequence[Call], turn: Turn, masks: Masks) -> dict[str, Any]:
    """New facts only: what the team or an integration has set is not talked away."""
    learned: dict[str, Any] = {}
    for call in calls:
        learned |= _facts(masks.show_in(call.arguments.get("attributes")), MOST_FACTS)
    new = {name: value for name, value in learned.items() if name not in turn.attributes}
    return dict(list(new.items())[: max(0, MOST_KNOWN - len(turn.attributes))])


def _facts(given: object, most: int) -> dict[str, Any]:
    """Short names with short values, one level deep; the others are left out."""
    if not isinstance(given, dict):
        return {}
    facts = {
        name: value.strip()[:LONGEST_FACT] if isinstance(value, str) else value
        for name, value in given.items()
        if isinstance(value, str | int | float | bool) and 0 < len(name.strip()) <= LONGEST_NAME
    }
    return dict(list(facts.items())[:most])
