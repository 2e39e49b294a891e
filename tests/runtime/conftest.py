from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.db.models import TABLES
from tests import services
from tests.runtime.stage import Stage, staged


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database with its tables, made once: making one takes longer than most tests do."""
    with services.fresh_database(postgres_server) as url:
        connect(url)
        migrate()
        database.close_all()
        yield url


@pytest.fixture
def emptied_postgres(migrated_postgres: str) -> str:
    """The database with its tables, and nothing in them."""
    connect(migrated_postgres)
    with database.connection_context():
        database.execute_sql(f"TRUNCATE {', '.join(table._meta.table_name for table in TABLES)}")
    database.close_all()
    return migrated_postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without rows, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stepwell.db'}"
    return str(request.getfixturevalue("emptied_postgres"))


@pytest.fixture
def house(empty_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A house on a database without rows, of each kind in turn, whose handlers do what the test says."""
    with staged(empty_url, tmp_path / "home") as stage:
        yield stage
