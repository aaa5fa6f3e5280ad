"""The races' own ground: a race that fails may not leave the next one without connections."""

from __future__ import annotations

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.races.together import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_the_connections_of_a_race_that_fails_are_closed() -> None:
    with pytest.raises(ZeroDivisionError), together(5) as at_once:
        opened = at_once.run([_open] * 5)
        assert [one.connection is None for one in opened] == [False] * 5
        raise ZeroDivisionError

    assert len(set(map(id, opened))) == 5
    assert [one.connection for one in opened] == [None] * 5


def test_races_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """A pytest that xdist does not know yet forgets the groups without a word, and crowded races meet (xdist #1386)."""
    if request.config.getoption("dist") == "loadgroup" or request.config.getoption("loadgroup", False):
        assert request.node.nodeid.endswith("@races")


def _open() -> BaseDatabaseWrapper:
    connections["default"].ensure_connection()
    return connections["default"]
