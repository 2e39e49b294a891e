from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import services
from tests.crash.normal_form import NormalForm
from tests.crash.plays import PLAYS
from tests.crash.stand import HANDLERS, WORKER, Stand
from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres, stage
from tests.runtime.stage import staged

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres", "stage"]


@contextmanager
def on_servers(postgres_url: str, redis_url: str, place: Path, **chosen: Any) -> Iterator[Stand]:
    """A stand on PostgreSQL and Redis. This process serves as its web process, with the chosen settings, unless the
    test starts another."""
    environment = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}
    settings = {"redis_url": redis_url, "function_paths": (HANDLERS,), **chosen}
    with staged(postgres_url, place, **settings) as stage, ExitStack() as opened:
        yield Stand(stage, place, environment, opened)


@pytest.fixture(scope="session")
def undisturbed(
    migrated_postgres: str, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, NormalForm]:
    """The normal form of each play's execution when nothing dies."""
    place = tmp_path_factory.mktemp("undisturbed")
    with services.fresh_redis(redis_server) as redis_url, on_servers(migrated_postgres, redis_url, place) as stand:
        stand.begin(WORKER)
        return {name: stand.perform(name) for name in PLAYS}


@pytest.fixture
def stand(undisturbed: dict[str, NormalForm], emptied_postgres: str, redis_url: str, tmp_path: Path) -> Iterator[Stand]:
    """A stand on an empty PostgreSQL and an empty Redis."""
    with on_servers(emptied_postgres, redis_url, tmp_path) as made:
        yield made
