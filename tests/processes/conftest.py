from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import cluster
from tests.faults.world import World

LEASE_SECONDS = 8
"""Longer than the stand-in takes to answer in these tests, as the real one is longer than a call may take."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[cluster.Cluster]:
    with cluster.Cluster() as running:
        yield running


@pytest.fixture(scope="session")
def _on_postgres(postgres: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("postgres")
    world = World(folder, postgres.make("desk"), lease=LEASE_SECONDS)
    yield world
    world.close()


@pytest.fixture(scope="session")
def _on_sqlite(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("sqlite"), lease=LEASE_SECONDS)
    yield world
    world.close()


@pytest.fixture
def on_postgres(_on_postgres: World) -> Iterator[World]:
    yield _on_postgres
    _on_postgres.kill()


@pytest.fixture
def on_sqlite(_on_sqlite: World) -> Iterator[World]:
    yield _on_sqlite
    _on_sqlite.kill()
