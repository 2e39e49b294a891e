"""The quick tests: the pure core, and all others without a database, without Redis and without a process.

``make quick`` runs them. A quick test must not ask for a server, open a database or start a process: it is an error
then, whichever command runs it. ``python -m tests.quick PART`` prints the paths of a part.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LANGUAGE = ("tests/runtime/engine/definition", "tests/runtime/engine/language", "tests/runtime/engine/values")
REST = (
    "tests/functions/api",
    "tests/functions/dashboard",
    "tests/functions/test_statuses.py",
    "tests/runtime/aws/step_functions",
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
PATHS = (*LANGUAGE, *REST)
PARTS = {"language": LANGUAGE, "rest": (*REST, *(f"--ignore={path}" for path in LANGUAGE))}
"""pytest's arguments for two parts that take about equally long, so that two cores share them.

pytest-xdist is slower here: the tests are so short that its messages take longer than they do.
"""
SERVERS = {"postgres_server", "redis_server"}
"""The fixtures that start a server. Every other fixture with a server depends on one of them."""
REFUSED = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "sqlite3.connect", "subprocess.Popen"}
"""The actions that a quick test must not do, by the names of Python's audit events."""


class NotQuick(Exception):
    """A quick test does something slow."""


def is_quick(path: Path) -> bool:
    """True if this is a file of quick tests."""
    return any(path.is_relative_to(ROOT / one) for one in PATHS)


def refuse_servers(path: Path, fixtures: Iterable[str]) -> None:
    """Raises NotQuick if the file is quick and one of these fixtures starts a server."""
    needed = SERVERS.intersection(fixtures)
    if needed and is_quick(path):
        raise NotQuick(f"a quick test asks for {', '.join(sorted(needed))}")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Inside, slow actions raise NotQuick if ``path`` is a file of quick tests."""
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
    """Begin to listen to Python's audit events. Done once: an audit hook cannot be removed."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if _held and event in REFUSED:
        raise NotQuick(f"{event} in a quick test")


if __name__ == "__main__":
    print(*PARTS[sys.argv[1]])
