from __future__ import annotations

from collections.abc import Iterator

import pytest
from peewee import Database

from stepwell.db.database import connect, database


@pytest.fixture
def bound(database_url: str) -> Iterator[Database]:
    """Binds this process to an empty database, of each kind in turn."""
    made = connect(database_url)
    yield made
    database.close_all()
