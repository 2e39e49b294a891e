"""Fixtures of the fault tests: a stack, and figures printed at the end of the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stack import Stack, stack_on

OTHERS = "tests elsewhere"
ORDER = (
    OTHERS,
    "test_cancel",
    "test_once",
    "test_pooler",
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

BUSY = ("test_scale", "test_queue")
"""The tests that use the processor all the time; the others mostly wait."""

SHARED = (*(name for name in reversed(ORDER) if name not in (*BUSY, OTHERS)), *BUSY, OTHERS)
"""The order among several sessions: the slowest first, so that no session waits for it alone; the busy ones last."""

FIGURE = "measured"

Measured = Callable[[str, object], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = SHARED if "PYTEST_XDIST_WORKER" in os.environ else ORDER
    items.sort(key=lambda item: order.index(item.path.stem if item.path.parent.name == "faults" else OTHERS))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three sessions for two cores: a session spends a third of its time waiting for a lease or a time-out."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute test by test, in our order. Tests on one big database stay in one session, which fills it once."""
    from xdist.scheduler import LoadScopeScheduling

    class TestByTest(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.rpartition("[")[2] if "test_scale.py" in nodeid else nodeid

    config.option.loadscopereorder = False
    return TestByTest(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    ended = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    figures = [line for report in ended for name, line in report.user_properties if name == FIGURE]
    if figures:
        terminalreporter.section("measured")
    for line in figures:
        terminalreporter.write_line(line)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Record a figure; all figures are printed at the end of the run."""

    def write(what: str, value: object) -> None:
        shown = f"{value:.3g}" if isinstance(value, float) else value
        request.node.user_properties.append((FIGURE, f"{request.node.name}: {what}: {shown}"))

    return write


@pytest.fixture
def stack(postgres_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stack]:
    """A stack on PostgreSQL and Redis."""
    with stack_on(postgres_url, redis_url, tmp_path, forked=True) as stack:
        yield stack
