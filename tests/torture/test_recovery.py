"""The longest standstill, with all its excuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tests.torture.ledger import Attempt, Line, Record, Task
from tests.torture.recovery import Interval, longest

LINES = [
    Line(1, "ExecutionStarted", 100, None, {}),
    Line(2, "TaskScheduled", 100, "S1", {"task": 1}),
    Line(3, "TaskStarted", 101, "S1", {"task": 1}),
    Line(4, "TaskStarted", 109, "S1", {"task": 1}),
    Line(5, "TaskSucceeded", 110, "S1", {"task": 1}),
    Line(6, "ExecutionSucceeded", 110, None, {}),
]
TASK = Task(
    1, "S1", "COMPLETED", 2, 1, 0, 1, False, [Attempt(1, "LOST", None, 107), Attempt(2, "COMPLETED", None, 110)]
)
NOBODY: Mapping[str, Interval] = {}
RECORD = Record("e-1", 1, "COMPLETED", 7, None, None, 6, LINES, [TASK], 0)


def seconds(record: Record, outages: Sequence[Interval] = (), paused: Mapping[str, Interval] = NOBODY) -> float:
    found = longest([record], outages, paused)
    assert found is not None
    return found.seconds


def test_the_end_of_an_attempt_is_progress() -> None:
    assert seconds(RECORD) == 6
    assert seconds(replace(RECORD, tasks=[replace(TASK, attempts=[])])) == 8


def test_a_task_stands_still_though_another_one_moves() -> None:
    other = [Line(number, "TaskSucceeded", number, "S2", {"task": 2}) for number in range(100, 111)]
    assert seconds(replace(RECORD, lines=[*LINES, *other])) == 6


@pytest.mark.parametrize(
    ("outages", "left"),
    [
        ([(102, 104)], 4),
        ([(90, 103)], 4),
        ([(102, 104), (103, 105)], 3),
        ([(103, 104), (102, 105)], 3),
        ([(105, 200)], 4),
        ([(10, 20), (300, 400)], 6),
        ([(90, 200)], 0),
    ],
)
def test_the_time_without_a_database_is_excused_once(outages: list[Interval], left: float) -> None:
    assert seconds(RECORD, outages) == left


def test_a_pause_excuses_the_execution_that_was_paused() -> None:
    assert seconds(RECORD, paused={"e-1": (102, 105)}) == 3
    assert seconds(RECORD, paused={"e-2": (102, 105)}) == 6


def test_a_nap_excuses_its_own_task_and_the_execution_and_no_other_task() -> None:
    napping = replace(TASK, seconds=5)
    assert seconds(replace(RECORD, tasks=[napping])) == 2
    waiting = [Line(7, "TaskScheduled", 100, "S2", {"task": 2}), Line(8, "TaskStarted", 104, "S2", {"task": 2})]
    other = replace(TASK, number=2, step="S2", attempts=[])
    assert seconds(replace(RECORD, tasks=[napping, other], lines=[*LINES, *waiting])) == 4


def test_nothing_stands_still_where_nothing_was() -> None:
    assert longest([], [], {}) is None
