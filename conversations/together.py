"""What several tasks want of the database at one moment, done in one call and one commit.

While a call is under way, the next ones gather; a lone one goes alone. What cannot be done for all of them together is
done for each by itself, so a batch changes how long things take and never what comes of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from conversations import threads

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 100

_Waiting = tuple[Item, Context, "asyncio.Future[Result]"]


class Together(Generic[Item, Result]):
    """``many`` does what it can of several items, all or nothing, and returns those results by position; ``one``
    does a single item."""

    def __init__(
        self, many: Callable[[Sequence[Item]], dict[int, Result]], one: Callable[[Item], Result]
    ) -> None:
        self._many, self._one = many, one
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Waiting[Item, Result]]] = (
            WeakKeyDictionary()
        )
        self._busy: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()

    async def do(self, item: Item) -> Result:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.setdefault(loop, []).append((item, copy_context(), future))
        if loop not in self._busy:
            self._busy[loop] = loop.create_task(self._work(loop))
        return await future

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while waiting := self._waiting[loop]:
                batch, self._waiting[loop] = waiting[:MOST], waiting[MOST:]
                results = await threads.run(self._results, batch)
                for (_item, _context, future), result in zip(batch, results, strict=True):
                    _settle(future, result)
        finally:
            del self._busy[loop]

    def _results(self, batch: Sequence[_Waiting[Item, Result]]) -> list[Result | Exception]:
        done: dict[int, Result] = {}
        if len(batch) > 1:
            try:
                done = self._many([item for item, _context, _future in batch])
            except Exception:  # noqa: BLE001 - undone for all; each then tells for itself
                done = {}
        return [
            done[number] if number in done else self._alone(item, context)
            for number, (item, context, _future) in enumerate(batch)
        ]

    def _alone(self, item: Item, context: Context) -> Result | Exception:
        try:
            return context.run(self._one, item)
        except Exception as error:  # noqa: BLE001 - handed to the task that waits for it
            return error


def _settle(future: asyncio.Future[Result], result: Result | Exception) -> None:
    if future.done():
        return  # nobody waits any more
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
