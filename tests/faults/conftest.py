"""What the fault tests share: a stack to hurt, and figures to be told when all is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stack import Stack, standing

ORDER = (
    "test_cancel",
    "test_once",
    "test_signals",
    "test_commit",
    "test_leases",
    "test_missing",
    "test_look",
    "test_poison",
    "test_postgresql",
    "test_redis",
    "test_queue",
    "test_scale",
    "test_torture",
)
"""The quickest first."""

FIGURES = pytest.StashKey[list[str]]()

Measured = Callable[[str, object], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = {name: place for place, name in enumerate(ORDER)}
    items.sort(key=lambda item: ours.get(item.path.stem, -1) if item.path.parent.name == "faults" else -1)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    figures = config.stash.get(FIGURES, [])
    if figures:
        terminalreporter.section("measured")
    for line in figures:
        terminalreporter.write_line(line)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Write a figure down; all are told at the end of the run."""
    figures = request.config.stash.setdefault(FIGURES, [])

    def write(what: str, value: object) -> None:
        shown = f"{value:.3g}" if isinstance(value, float) else value
        figures.append(f"{request.node.name}: {what}: {shown}")

    return write


@pytest.fixture
def stack(postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stack]:
    """A stack on PostgreSQL and Redis."""
    with standing(postgres_url, redis_url, tmp_path, forked=True) as stack:
        yield stack
