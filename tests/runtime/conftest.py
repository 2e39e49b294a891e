from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.stage import Stage, staged


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A house on an empty database, of each kind in turn, whose handlers do what the test says."""
    with staged(database_url, tmp_path / "home") as stage:
        yield stage


@pytest.fixture
def postgres_house(postgres_url: str, tmp_path: Path) -> Iterator[Stage]:
    """A house on PostgreSQL."""
    with staged(postgres_url, tmp_path / "home") as stage:
        yield stage
