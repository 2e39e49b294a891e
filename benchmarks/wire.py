"""Shared by the benchmarks of AWS's wire: gunicorn as it is deployed, on either database, and genuine boto3."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.faults.stack import stack_on
from tests.services import any_postgres, fresh_database
from tests.wire.client import ROLE, client_of


@contextmanager
def served(databases: Sequence[str]) -> Iterator[Iterator[tuple[str, Any, Callable[[], float]]]]:
    """For each database in turn: its name, a client, and a function that returns the web processes' processor time."""
    with any_postgres() as server:
        yield (one for name in databases for one in _serve(name, server))


def _serve(name: str, server: str) -> Iterator[tuple[str, Any, Callable[[], float]]]:
    with tempfile.TemporaryDirectory() as place, fresh_database(server) as postgres:
        url = postgres if name == "postgresql" else f"sqlite:///{place}/stepwell.db"
        with stack_on(url, None, Path(place)) as stack:
            web = stack.web()
            yield name, client_of(web.url), lambda: _spent(web.pid)


def _spent(pid: int | None) -> float:
    """The processor time in milliseconds of a process and its children."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times) * 1000


def made(client: Any, definition: str, name: str, **options: Any) -> str:
    """The ARN of a new state machine."""
    return str(
        client.create_state_machine(name=name, definition=definition, roleArn=ROLE, **options)["stateMachineArn"]
    )


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    """Call ``act``. Returns the milliseconds that it took, and its result."""
    began = time.perf_counter()
    given = act()
    return (time.perf_counter() - began) * 1000, given


def percentiles(took: Sequence[float]) -> str:
    """Median, 99th percentile and slowest of these milliseconds, as text."""
    ordered = sorted(took)
    most = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    return f"median {statistics.median(ordered):5.1f} ms, of 99 % {most:5.1f}, slowest {ordered[-1]:5.1f}"
