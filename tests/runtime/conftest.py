from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Emptied, put_migrated_sqlite
from tests.runtime.stage import Stage, staged


@pytest.fixture(scope="session")
def migrated_postgres(postgres_tables: Emptied) -> str:
    """A PostgreSQL database with its tables, made once."""
    return postgres_tables.url


@pytest.fixture
def emptied_postgres(postgres_tables: Emptied) -> str:
    """The database with its tables, without rows."""
    postgres_tables.empty()
    return postgres_tables.url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with its tables and without rows, of each kind in turn."""
    if request.param == "sqlite":
        return put_migrated_sqlite(tmp_path / "stepwell.db")
    return str(request.getfixturevalue("emptied_postgres"))


@pytest.fixture
def stage(empty_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage on a database without rows, of each kind in turn. Its handlers follow the test's script."""
    with staged(empty_url, tmp_path / "home") as stage:
        yield stage
