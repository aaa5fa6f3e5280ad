"""What the hot paths cost inside one process, as ratios to the least code that could do the same, in the same run.

Floor and product run in turns on the same database, so the machine's mood meets both alike; the least CPU time
of all batches counts. DATABASE_URL picks the database (a throw-away one is made of it), SQLite by default.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

BATCHES, SIZE = int(sys.argv[1]) if len(sys.argv) > 1 else 12, 25


def prepare() -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "handoffflow.settings",
        "ENV_FILE": os.devnull,
        "DATA_DIR": os.environ.get("DATA_DIR") or tempfile.mkdtemp(prefix="handoffflow-bench-"),
        "APP_URL": "https://desk.example.com",
        "ALLOWED_HOSTS": "desk.example.com",
        "SECRET_KEY": "a key of the benchmark: 0123456789 abcdefghijklmnopqrstuvwxyz",
        "TWILIO_SID": "AC00000000000000000000000000000001",
        "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
        "TWILIO_WHATSAPP_NUMBER": "whatsapp:+551150280000",
        "LOG_LEVEL": "ERROR",
    }
    import django
    from django.test.utils import setup_databases

    django.setup()
    # Not setup_test_environment(): it makes the test client keep what every template of a page was drawn with.
    setup_databases(verbosity=0, interactive=False)


def least(call: Callable[[], object], batches: list[float]) -> None:
    """One batch: CPU milliseconds of one call of it."""
    began = time.process_time()
    for _ in range(SIZE):
        call()
    batches.append((time.process_time() - began) * 1000 / SIZE)


def measure(
    name: str, floor: Callable[[], object], product: Callable[[], object], statements: int
) -> dict[str, Any]:
    floors: list[float] = []
    products: list[float] = []
    for _ in range(BATCHES):
        least(floor, floors)
        least(product, products)
    return {"path": name, "floor_ms": min(floors), "ours_ms": min(products), "statements": statements}


def main() -> None:
    prepare()
    from bench import scenarios

    json.dump([measure(*scenario) for scenario in scenarios.all_of_them()], sys.stdout)


if __name__ == "__main__":
    main()
