"""Asking a language model: which one a number has, and what is heard from it within the time that there is."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone
from yarl import URL

from conversations import clock, outward
from conversations.bots import llm, wire
from conversations.bots.base import Reply, Turn, Unanswered
from conversations.bots.masking import Masks
from conversations.models import Sender

MAX_TOKENS = 800
SECONDS, LONGEST_SECONDS = 10, 30
"""What one question may take, and the most that a supervisor may let it take."""
COMPLETIONS = "/chat/completions"
COMPLETION_TOKENS = (".openai.com", ".openai.azure.com")
"""Hosts whose newer models refuse ``max_tokens`` by its old name; other servers know no other."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a number's language model is. Address and key belong together: the environment's key never goes to an
    address that was typed in the admin."""

    url: str
    name: str
    key: str
    max_tokens: int
    mask: bool
    instructions: str
    seconds: int | None = None
    """For one question; None is as any other bot has."""

    @classmethod
    def of(cls, sender: Sender) -> Endpoint:
        own: dict[str, Any] = sender.bot_settings.get("llm") or {}
        url = own.get("url") or ""
        return cls(
            url=url or settings.LLM_URL,
            name=own.get("model") or ("" if url else settings.LLM_MODEL),
            key=sender.llm_key if url else settings.LLM_API_KEY,
            max_tokens=own.get("max_tokens") or MAX_TOKENS,
            mask=own.get("mask", True),
            instructions=own.get("instructions") or "",
            seconds=own.get("seconds"),
        )

    @property
    def ready(self) -> bool:
        return bool(self.url and self.name)

    @property
    def address(self) -> str:
        """A query, such as a gateway's api-version, stays at the end; a whole address stays as it is."""
        base = URL(self.url)
        path = base.path.rstrip("/").removesuffix(COMPLETIONS)
        return str(base.with_path(f"{path}{COMPLETIONS}").with_query(base.query))

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "HandoffFlow"}
        return {**headers, "Authorization": f"Bearer {self.key}"} if self.key else headers

    @property
    def model(self) -> llm.Model:
        host = f".{URL(self.url).host or ''}"
        return llm.Model(
            name=self.name,
            max_tokens=self.max_tokens,
            tokens_as="max_completion_tokens" if host.endswith(COMPLETION_TOKENS) else "max_tokens",
            instructions=self.instructions,
        )


async def ask(turn: Turn, sender: Sender, *, seconds: float) -> Reply:
    """Its reply within ``seconds``, all rounds together; ``Unanswered`` otherwise."""
    endpoint = Endpoint.of(sender)
    if not endpoint.ready:
        raise Unanswered("no endpoint")
    masks = Masks(hides=endpoint.mask, name=turn.contact_name)
    asked = llm.request(turn, endpoint.model, masks, now=timezone.localtime(clock.now()))
    loop = asyncio.get_running_loop()
    ends, heard = loop.time() + seconds, list[llm.Heard]()
    for _round in range(llm.ROUNDS):
        answer = await _post(endpoint, asked, ends - loop.time())
        if not answer.taken and llm.filtered(answer.body):
            return llm.declined(turn)
        heard.append(_heard(answer))
        if not heard[-1].only_remembers:
            break
        asked = llm.again(asked, heard[-1])
    return llm.reply(heard, turn, masks)


async def _post(endpoint: Endpoint, asked: dict[str, Any], seconds: float) -> outward.Answer:
    body = json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()
    return await outward.post(
        endpoint.address, body, endpoint.headers, seconds=seconds, most=llm.LONGEST_ANSWER
    )


def _heard(answer: outward.Answer) -> llm.Heard:
    if not answer.taken:
        why = answer.trouble or f"status {answer.status}"
        raise Unanswered(why, again=answer.passing, retry_after=answer.retry_after)
    try:
        return llm.hear(answer.body)
    except wire.Rubbish as rubbish:
        raise Unanswered(f"rubbish ({rubbish.reason})") from None
