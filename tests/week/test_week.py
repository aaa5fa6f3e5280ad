"""A week of the desk, at its own pace, seen by somebody who checks everything at each step."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.week.shape import chosen
from tests.week.world import World


@pytest.mark.long
@pytest.mark.django_db
def test_a_week_leaves_nothing_undone(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    shape, seed = chosen()
    world = World(shape, seed, monkeypatch)
    began = time.monotonic()

    world.run()

    world.counts["seconds"] = round(time.monotonic() - began)
    record_property("week", {"seed": seed, **world.counts})
