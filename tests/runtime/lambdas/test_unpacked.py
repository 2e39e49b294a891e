"""Unpacked packages are found again, and pruned once unused, but never while a call may run in them."""

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
def packages(tmp_path: Path) -> Iterator[Unpacked]:
    """The unpacked packages of a server with one function ``mine``. Its code is OLD."""
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


def names(packages: Unpacked) -> set[str]:
    return {path.name for path in packages._directory.iterdir()}


def found(packages: Unpacked, code: Package) -> Path:
    root = packages.root(code.sha256)
    assert root is not None and (root / "app.py").is_file()
    return root


def test_what_no_version_has_any_more_goes_when_something_comes(packages: Unpacked) -> None:
    old = found(packages, OLD)
    left_unused(old)
    replace(NEW)
    new = found(packages, NEW)
    assert names(packages) == {new.name}
    assert packages.root(OLD.sha256) is None


def test_what_was_used_of_late_stays_for_the_call_that_runs_in_it(packages: Unpacked) -> None:
    old = found(packages, OLD)
    left_unused(old, UNUSED_SECONDS - 60)
    replace(NEW)
    assert {old.name, found(packages, NEW).name} == names(packages)


def test_what_a_version_has_stays_however_old_it_is(packages: Unpacked) -> None:
    old = found(packages, OLD)
    store.publish(FunctionReference("mine"), None, None, None)
    replace(NEW)
    left_unused(old)
    assert {old.name, found(packages, NEW).name} == names(packages)


def test_a_use_is_what_counts_not_the_unpacking(packages: Unpacked) -> None:
    old = found(packages, OLD)
    left_unused(old)
    found(packages, OLD)
    replace(NEW)
    assert {old.name, found(packages, NEW).name} == names(packages)


def test_what_another_user_has_unpacked_is_used_all_the_same(
    packages: Unpacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_mine(path: Path) -> None:
        raise PermissionError(path)

    old = found(packages, OLD)
    monkeypatch.setattr(unpacked.os, "utime", not_mine)
    assert found(packages, OLD) == old


def test_what_a_process_left_behind_half_done_goes_too(packages: Unpacked) -> None:
    left = packages._directory / ".unpacking-abc"
    (left / "pkg").mkdir(parents=True)
    left_unused(left)
    assert names(packages) == {".unpacking-abc"}
    assert {found(packages, OLD).name} == names(packages)


def test_who_uses_one_that_is_about_to_go_has_it(packages: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    old = found(packages, OLD)
    replace(NEW)
    left_unused(old)
    kept = store.kept

    def used_meanwhile(codes: object) -> set[str]:
        os.utime(old)
        return kept(list(codes))  # type: ignore[call-overload]

    monkeypatch.setattr(unpacked.store, "kept", used_meanwhile)
    packages.prune()
    assert names(packages) == {old.name} and (old / "app.py").is_file()


def test_a_directory_that_another_process_is_deleting_is_not_put_back(packages: Unpacked) -> None:
    going = packages._directory / f"{unpacked.GOING}1"
    going.mkdir(parents=True)
    unpacked._let_go(going)
    assert names(packages) == set()


def test_many_may_use_and_prune_at_once(packages: Unpacked) -> None:
    old = found(packages, OLD)
    for number in range(20):
        (packages._directory / f"gone{number}" / "pkg").mkdir(parents=True)
        left_unused(packages._directory / f"gone{number}")
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: (packages.prune(), found(packages, OLD)), range(40)):
            pass
    assert names(packages) == {old.name}


def test_as_few_go_at_once_as_a_call_may_wait_for(packages: Unpacked) -> None:
    for number in range(6):
        (packages._directory / f"gone{number}").mkdir(parents=True)
        left_unused(packages._directory / f"gone{number}")
    found(packages, OLD)
    assert len(names(packages)) == 1 + 6 - unpacked.AT_ONCE


def test_where_nothing_was_unpacked_there_is_nothing_to_prune(tmp_path: Path) -> None:
    Unpacked(tmp_path / "none").prune()
    assert not (tmp_path / "none").exists()
