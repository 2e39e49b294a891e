"""The quick tests: the pure core, and whatever else needs neither a database nor Redis nor a process.

``make quick`` runs them. A test of theirs that asks for a server, opens a database or starts a process all the same is
an error, whichever command runs it. ``python -m tests.quick`` prints where they stand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATHS = (
    "tests/functions/api",
    "tests/functions/dashboard",
    "tests/functions/test_statuses.py",
    "tests/runtime/catalog",
    "tests/runtime/engine",
    "tests/runtime/http",
    "tests/runtime/map_runs/test_item_reader.py",
    "tests/runtime/map_runs/test_json_stream.py",
    "tests/runtime/test_app.py",
    "tests/runtime/test_gateway.py",
    "tests/runtime/test_ids.py",
    "tests/runtime/test_settings.py",
    "tests/wire/test_operations.py",
    "tests/torture/test_checks.py",
)
SERVERS = {"postgres_server", "redis_server"}
"""The fixtures that start a server. Whatever else needs one asks for them."""
REFUSED = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "sqlite3.connect", "subprocess.Popen"}
"""Python's own names (its audit events) for what a quick test does not do."""


class NotQuick(Exception):
    """A quick test does what takes long."""


def is_quick(path: Path) -> bool:
    """Whether a test file is one of the quick ones."""
    return any(path.is_relative_to(ROOT / one) for one in PATHS)


def refuse_servers(path: Path, fixtures: Iterable[str]) -> None:
    """Raises NotQuick when a test of a quick file has, among its fixtures, one that starts a server."""
    asked = SERVERS.intersection(fixtures)
    if asked and is_quick(path):
        raise NotQuick(f"a quick test asks for {', '.join(sorted(asked))}")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """While a quick file's test runs inside, what takes long raises NotQuick."""
    if not is_quick(path):
        yield
        return
    _watch()
    _held.append(path)
    try:
        yield
    finally:
        _held.pop()


_held: list[Path] = []


@cache
def _watch() -> None:
    """Begin to listen to Python's audit events, once: nobody can stop listening to them."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if _held and event in REFUSED:
        raise NotQuick(f"{event} in a quick test")


if __name__ == "__main__":
    print(*PATHS)
