from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services
from tests.adversary.web import Web, web_on
from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres, stage

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres", "stage", "web"]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web process on SQLite, shared by all attacks of a file: each attack meets the damage of those before."""
    home: Path = tmp_path_factory.mktemp("web")
    with web_on(f"sqlite:///{home / 'stepwell.db'}", home) as made:
        yield made


@pytest.fixture(scope="module")
def postgres_for_a_file(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database, shared by all tests of a file."""
    with services.fresh_database(postgres_server) as url:
        yield url
