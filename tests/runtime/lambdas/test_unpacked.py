"""What lies unpacked is found, and goes when nobody needs it; never under the feet of a call."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.functions.contract.function_names import FunctionReference
from stepwell.runtime.lambdas import store, unpacked
from stepwell.runtime.lambdas.store import Package
from stepwell.runtime.lambdas.unpacked import UNUSED_SECONDS, Unpacked
from tests.wire.packages import package

OLD, NEW = (Package(package(f"return {word!r}")) for word in ("old", "new"))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Unpacked]:
    """Directories for the function ``mine``, whose code is OLD."""
    connect(f"sqlite:///{tmp_path / 'stepwell.db'}")
    migrate()
    store.create("mine", {}, OLD, {})
    yield Unpacked(tmp_path / "code")
    database.close_all()


def replace(code: Package) -> None:
    store.change(FunctionReference("mine"), None, package=code)


def left_unused(path: Path, seconds: float = UNUSED_SECONDS + 1) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def names(room: Unpacked) -> set[str]:
    return {path.name for path in room._directory.iterdir()}


def found(room: Unpacked, code: Package) -> Path:
    root = room.root(code.sha256)
    assert root is not None and (root / "app.py").is_file()
    return root


def test_what_no_version_has_any_more_goes_when_something_comes(room: Unpacked) -> None:
    old = found(room, OLD)
    left_unused(old)
    replace(NEW)
    new = found(room, NEW)
    assert names(room) == {new.name}
    assert room.root(OLD.sha256) is None


def test_what_was_used_of_late_stays_for_the_call_that_runs_in_it(room: Unpacked) -> None:
    old = found(room, OLD)
    left_unused(old, UNUSED_SECONDS - 60)
    replace(NEW)
    assert {old.name, found(room, NEW).name} == names(room)


def test_what_a_version_has_stays_however_old_it_is(room: Unpacked) -> None:
    old = found(room, OLD)
    store.publish(FunctionReference("mine"), None, None, None)
    replace(NEW)
    left_unused(old)
    assert {old.name, found(room, NEW).name} == names(room)


def test_a_use_is_what_counts_not_the_unpacking(room: Unpacked) -> None:
    old = found(room, OLD)
    left_unused(old)
    found(room, OLD)
    replace(NEW)
    assert {old.name, found(room, NEW).name} == names(room)


def test_what_another_user_has_unpacked_is_used_all_the_same(room: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_mine(path: Path) -> None:
        raise PermissionError(path)

    old = found(room, OLD)
    monkeypatch.setattr(unpacked.os, "utime", not_mine)
    assert found(room, OLD) == old


def test_what_a_process_left_behind_half_done_goes_too(room: Unpacked) -> None:
    left = room._directory / ".unpacking-abc"
    (left / "pkg").mkdir(parents=True)
    left_unused(left)
    assert names(room) == {".unpacking-abc"}
    assert {found(room, OLD).name} == names(room)


def test_who_uses_one_that_is_about_to_go_has_it(room: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    old = found(room, OLD)
    replace(NEW)
    left_unused(old)
    kept = store.kept

    def used_meanwhile(codes: object) -> set[str]:
        os.utime(old)
        return kept(list(codes))  # type: ignore[call-overload]

    monkeypatch.setattr(unpacked.store, "kept", used_meanwhile)
    room.prune()
    assert names(room) == {old.name} and (old / "app.py").is_file()


def test_many_may_use_and_prune_at_once(room: Unpacked) -> None:
    old = found(room, OLD)
    for number in range(20):
        (room._directory / f"gone{number}" / "pkg").mkdir(parents=True)
        left_unused(room._directory / f"gone{number}")
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: (room.prune(), found(room, OLD)), range(40)):
            pass
    assert names(room) == {old.name}


def test_as_few_go_at_once_as_a_call_may_wait_for(room: Unpacked) -> None:
    for number in range(6):
        (room._directory / f"gone{number}").mkdir(parents=True)
        left_unused(room._directory / f"gone{number}")
    found(room, OLD)
    assert len(names(room)) == 1 + 6 - unpacked.AT_ONCE
