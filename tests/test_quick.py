"""A quick test cannot do anything slow."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import quick

ROOT = Path(__file__).resolve().parents[1]
ENGINES = ROOT / "tests/runtime/engine/test_cases.py"
SLOW = ROOT / "tests/wire/test_versions.py"
TAKES_LONG: dict[str, Callable[[], object]] = {
    "a process": lambda: subprocess.run([sys.executable, "-V"]),
    "a fork": os.fork,
    "a shell": lambda: os.system("true"),
    "a database": lambda: sqlite3.connect(":memory:"),
}


@pytest.mark.parametrize("path", quick.PATHS)
def test_each_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_they_are_told_by_their_paths() -> None:
    assert quick.is_quick(ENGINES) and not quick.is_quick(SLOW)


@pytest.mark.parametrize("what", TAKES_LONG)
def test_what_takes_long_is_refused(what: str) -> None:
    with quick.held(ENGINES), pytest.raises(quick.NotQuick):
        TAKES_LONG[what]()


def test_another_test_may_do_it_also_later() -> None:
    with quick.held(ENGINES):
        pass
    with quick.held(SLOW):
        assert subprocess.run([sys.executable, "-V"], capture_output=True).returncode == 0


@pytest.mark.parametrize("server", sorted(quick.SERVERS))
def test_a_server_is_refused(server: str) -> None:
    with pytest.raises(quick.NotQuick, match=server):
        quick.refuse_servers(ENGINES, ["tmp_path", server])


def test_no_other_fixture_is_refused_nor_a_server_to_another_test() -> None:
    quick.refuse_servers(ENGINES, ["tmp_path"])
    quick.refuse_servers(SLOW, quick.SERVERS)
