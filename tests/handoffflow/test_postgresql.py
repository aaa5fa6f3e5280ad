"""Moments are read as Django reads them, and faster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from hypothesis import given
from hypothesis import strategies as st
from psycopg.postgres import types

from conversations.models import Organization
from handoffflow import postgresql

TIMESTAMPTZ = types["timestamptz"].oid


class Djangos(BaseTzLoader):  # type: ignore[misc]
    timezone = UTC


def read(kind: type[Any], text: str) -> datetime:
    found: datetime = kind(TIMESTAMPTZ, None).load(text.encode())
    return found


@given(st.datetimes())
def test_a_moment_is_what_django_makes_of_it(moment: datetime) -> None:
    text = f"{moment}+00"

    assert read(postgresql.loader(), text) == read(Djangos, text)
    assert read(postgresql.loader(), text).tzinfo is UTC


@pytest.mark.parametrize("offset", ["-03", "+05:30", "-00:15", "+00:00:08"])
def test_a_moment_of_another_zone_is_the_same_moment(offset: str) -> None:
    found = read(postgresql.loader(), f"2026-11-26 16:30:00.5{offset}")

    assert found == datetime.fromisoformat(f"2026-11-26T16:30:00.500000{offset}")
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["0044-03-15 12:00:00+00 BC", "10000-01-01 00:00:00+00", "infinity", ""])
def test_what_python_cannot_hold_is_refused_as_before(text: str) -> None:
    for kind in (postgresql.loader(), Djangos):
        with pytest.raises(psycopg.DataError):
            read(kind, text)


@pytest.mark.engine
@pytest.mark.django_db
def test_what_was_written_is_read() -> None:
    there = timezone(timedelta(hours=-3))
    moment = datetime(2026, 11, 26, 16, 30, 0, 500_000, tzinfo=there)
    made = Organization.objects.create(name="Nuvem")
    Organization.objects.filter(pk=made.pk).update(created_at=moment)

    made.refresh_from_db()

    assert made.created_at == moment
    assert made.created_at.utcoffset() == timedelta(0)


@pytest.mark.engine
@pytest.mark.django_db
def test_every_connection_to_postgresql_reads_so() -> None:
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        adapters = connections["default"].connection.adapters
        assert adapters.get_loader(TIMESTAMPTZ, psycopg.pq.Format.TEXT) is postgresql.loader()
