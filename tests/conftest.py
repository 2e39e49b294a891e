"""Fixtures for every test: an empty database, of either kind, and an empty Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests import quick, services
from tests.databases import Emptied, migrated_postgres, no_statements


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with quick.held(item.path):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    quick.refuse_servers(item.path, getattr(item, "fixturenames", ()))


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("no_rows"):
        metafunc.definition.add_marker(pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with no_statements() if item.get_closest_marker("no_rows") else nullcontext():
        return (yield)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of the session's PostgreSQL, started when the first test asks for it."""
    with services.any_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of the session's Redis, started when the first test asks for it."""
    with services.any_redis() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> Iterator[Emptied]:
    """The session's PostgreSQL database, with its tables."""
    with migrated_postgres(postgres_server) as made:
        yield made


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own."""
    with services.fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """An empty Redis."""
    with services.fresh_redis(redis_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn: a test that asks for it runs twice."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stepwell.db'}"
    return str(request.getfixturevalue("postgres_url"))
