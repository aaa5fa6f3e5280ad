"""The worker: how soon a message leaves, and how many a second do."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from bench import cast, figures, machine, processes
from bench.environment import HOST
from bench.plan import CALL_SECONDS, ENQUEUED_PER_SECOND, PACE
from conversations import clock, replies
from conversations.contract import Cause
from conversations.models import Author, Conversation, Delivery, Sender
from conversations.worker import Worker

PATIENCE_SECONDS = 120.0
OPERATOR = Cause(kind="operator", door="panel")

Taken = tuple[float, str, str]


def throughput(
    port: int, env: Mapping[str, str], conversations: list[Conversation], count: int
) -> dict[str, float]:
    """Messages wait in so many conversations; each sends one at a time. Then a worker starts."""
    cast.waiting(conversations, count)
    _taken(port)
    with processes.running("manage.py", "serve", "--only", "worker", env=env) as worker:
        taken: list[Taken] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        started, already = 0.0, 0
        while len(taken) < count and time.monotonic() < deadline:
            time.sleep(0.1)
            taken += _taken(port)
            if taken and not already:
                # From here on it has nothing else to do.
                started, already = worker.cpu_seconds(), len(taken)
        cpu, memory = worker.cpu_seconds() - started, worker.pss_mb()
    times = [at for at, _mid, _to in taken]
    per_second = count / (max(times) + CALL_SECONDS - min(times))
    return {
        "per_second": per_second,
        "of_ideal": per_second * CALL_SECONDS / len(conversations),
        "lost": count - len({mid for _at, mid, _to in taken}),
        "twice": len(taken) - len({mid for _at, mid, _to in taken}),
        "out_of_order": _out_of_order(taken),
        "cpu_ms": cpu * 1000 / max(1, count - already),
        "pss_mb": memory,
        "load": machine.load(),
    }


def pace(
    port: int, env: Mapping[str, str], conversations: list[Conversation], count: int
) -> dict[str, float]:
    """Messages wait in many conversations of a number that keeps its pace; the worker has nothing else to do."""
    Sender.objects.update(per_second=PACE)
    cast.waiting(conversations, count)
    _taken(port)
    taken: list[Taken] = []
    memory: list[float] = []
    with processes.running("manage.py", "serve", "--only", "worker", env=env) as worker:
        deadline = time.monotonic() + PATIENCE_SECONDS + 2 * count / PACE
        while len(taken) < count and time.monotonic() < deadline:
            time.sleep(0.5)
            taken += _taken(port)
            if len(taken) > count / 10:
                memory.append(worker.pss_mb())
    times = sorted(at for at, _mid, _to in taken)
    return {
        "of_pace": (len(times) - 1) / (times[-1] - times[0]) / PACE,
        "busiest_second": _busiest(times),
        "lost": count - len({mid for _at, mid, _to in taken}),
        "twice": len(taken) - len({mid for _at, mid, _to in taken}),
        "out_of_order": _out_of_order(taken),
        "pss_mb": max(memory),
        "grown_mb": memory[-1] - memory[0],
        "load": machine.load(),
    }


def _busiest(times: list[float]) -> int:
    """The most in any one second."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def latency(port: int, conversations: list[Conversation], seconds: float) -> dict[str, float]:
    """Messages are said at a steady pace in the worker's own process, as when one process does it all."""
    worker = Worker("bench")
    worker.start()
    said: dict[str, float] = {}
    try:
        _say(conversations[0])  # the first call imports the SDK
        time.sleep(2)
        _taken(port)
        start = time.perf_counter()
        for number in range(int(seconds * ENQUEUED_PER_SECOND)):
            time.sleep(max(0.0, start + number / ENQUEUED_PER_SECOND - time.perf_counter()))
            mid, at = _say(conversations[number % len(conversations)])
            said[mid] = at
        time.sleep(2)
    finally:
        worker.stop()
    took = [at - said[mid] for at, mid, _to in _taken(port) if mid in said]
    return {"lost": len(said) - len(took), "load": machine.load(), **figures.milliseconds(took)}


def _say(conversation: Conversation) -> tuple[str, float]:
    """The delivery's id, and when it was committed."""
    committed: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.time()))
        said = replies.say(
            conversation,
            cause=OPERATOR,
            author=Author.OPERATOR,
            body=f"Já vejo isso. {time.time()}",
            now=clock.now(),
            epoch=conversation.epoch,
            operator=conversation.operator,
        )
    return str(Delivery.objects.values_list("public_id", flat=True).get(message=said[0])), committed[0]


def _out_of_order(taken: list[Taken]) -> int:
    seqs = {str(mid): seq for mid, seq in Delivery.objects.values_list("public_id", "seq")}
    last: dict[str, int] = {}
    wrong = 0
    for _at, mid, to in sorted(taken):
        wrong += seqs[mid] < last.get(to, 0)
        last[to] = seqs[mid]
    return wrong


def _taken(port: int) -> list[Any]:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    connection.request("GET", "/")
    return list(json.loads(connection.getresponse().read()))
