"""The timer threads: many due timers fire at once, few in one thread, and none is looked for without a pause."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from stepwell.runtime.executions import Executions
from stepwell.runtime.tasks import timers
from stepwell.runtime.tasks.signals import Signals
from stepwell.runtime.tasks.timers import AT_ONCE, HELD_SECONDS, MANY, REST, SHORT_SECONDS, SWITCH_SECONDS, Timers

PATIENCE = 30


class Due:
    """Due timers that ``fire`` fires; it returns None once none is left."""

    def __init__(self, fire: Callable[[int], bool | None]) -> None:
        self._fire = fire
        self._lock = threading.Lock()
        self.calls = 0

    def fire_next(self) -> bool | None:
        with self._lock:
            self.calls += 1
            number = self.calls
        return self._fire(number)

    def fire_again(self) -> bool:
        return bool(self.fire_next())


@pytest.fixture
def made() -> Iterator[Callable[[Due], Timers]]:
    started: list[Timers] = []

    def make(due: Due) -> Timers:
        started.append(Timers(cast(Executions, due), Signals()))
        return started[-1]

    yield make
    for one in started:
        one.stop()


def test_many_due_timers_are_fired_at_once(made: Any) -> None:
    together = threading.Barrier(AT_ONCE, timeout=PATIENCE)

    def fire(number: int) -> bool | None:
        if number <= MANY:
            return True
        if number <= MANY + AT_ONCE:
            together.wait()  # passes only if as many threads are here at the same time
            return True
        return None

    due = Due(fire)
    made(due)._fire_many()
    assert due.calls == MANY + 2 * AT_ONCE


def test_few_due_timers_need_no_other_thread(made: Any) -> None:
    threads: set[str] = set()
    due = Due(lambda number: threads.add(threading.current_thread().name) or (True if number < MANY else None))
    made(due)._fire_many()
    assert threads == {threading.current_thread().name}


def test_timers_that_others_hold_are_looked_for_again_after_a_pause(made: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(timers, "_left", lambda ask: -1.0)
    assert made(Due(lambda number: None))._fire_due() == HELD_SECONDS
    assert made(Due(lambda number: None))._fire_put_off() == HELD_SECONDS


def test_threads_take_turns_more_often_while_a_long_move_computes(made: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(timers, "_left", lambda ask: None)
    usual, seen = sys.getswitchinterval(), []
    made(Due(lambda number: seen.append(sys.getswitchinterval())))._fire_put_off()
    assert seen == [pytest.approx(SWITCH_SECONDS)] and sys.getswitchinterval() == usual


@pytest.mark.parametrize(("computed", "rests"), [(0.0, []), (SHORT_SECONDS, []), (0.5, [0.5 * REST])])
def test_a_thread_rests_after_a_long_move(
    made: Any, monkeypatch: pytest.MonkeyPatch, computed: float, rests: list[float]
) -> None:
    spent, rested = [0.0], []

    def fire(number: int) -> bool | None:
        spent[0] += computed
        return number == 1

    one = made(Due(fire))
    monkeypatch.setattr(timers, "thread_time", lambda: spent[0])
    monkeypatch.setattr(one._stopping, "wait", rested.append)
    assert one._fire_again()
    assert rested == rests
