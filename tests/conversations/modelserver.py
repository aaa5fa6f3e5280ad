"""Language models to be asked over real HTTP: one that says what it is told to, an echo, and one that obeys anybody."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.conversations.botserver import Said

Completion = dict[str, Any]


def completion(content: Any = None, *calls: Completion, finish: str = "", **message: Any) -> Completion:
    """One answer as servers give it."""
    told = {"role": "assistant", "content": content, "tool_calls": list(calls) or None, **message}
    reason = finish or ("tool_calls" if calls else "stop")
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1790000000,
        "model": "any",
        "choices": [{"index": 0, "message": told, "finish_reason": reason}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920},
    }


def call(name: str, arguments: Any, *, key: str | None = "call_abc") -> Completion:
    """What a model wants done; ``arguments`` are JSON in a text, unless they are a text already."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": key, "type": "function", "function": {"name": name, "arguments": text}}


def says(content: Any = None, *calls: Completion, **more: Any) -> Said:
    return Said(completion(content, *calls, **more))


def echo(asked: dict[str, Any]) -> Completion:
    """Everything it was given, its tools included."""
    return completion(json.dumps(asked, ensure_ascii=False)[:5000] + ".\nFim.")


def obedient(asked: dict[str, Any]) -> Completion:
    """Does whatever the newest message tells it: ``CALL name {json}``, ``SAY text``."""
    told = next(one["content"] for one in reversed(asked["messages"]) if one["role"] == "user")
    calls = [call(name, given) for name, given in re.findall(r"CALL (\w+) (\{.*?\}) END", told)]
    said = re.search(r"SAY (.+)", told)
    return completion(said[1] if said else None, *calls)
