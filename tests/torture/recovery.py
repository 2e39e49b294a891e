"""Finds the longest standstill: the longest time without progress of an execution with something to do.

Progress is a line of history or the end of an attempt. It counts for the execution and for each of its tasks alone. All
time between two signs of progress counts, also planned delays and Waits (``definitions.py``: 1.5 s at most). Three
things are excused: a handler's planned sleep, a pause by the client, and an outage of the database. An outage of
workers or of Redis is no excuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.torture.ledger import Record, Task

Interval = tuple[float, float]


@dataclass(frozen=True, order=True)
class Standstill:
    seconds: float
    execution_id: str
    began: float
    ended: float


def longest(
    records: Sequence[Record], outages: Sequence[Interval], paused: Mapping[str, Interval]
) -> Standstill | None:
    """The longest standstill of all executions, or None without any."""
    found = (one for record in records for one in _standstills(record, [*outages, *_pause_of(record, paused)]))
    return max(found, default=None)


def _standstills(record: Record, excused: Sequence[Interval]) -> Iterator[Standstill]:
    """The gaps between signs of progress: of the execution as a whole, and of each of its tasks."""
    yield from _gaps(record, [line.at for line in record.lines], record.tasks, excused)
    for task in record.tasks:
        yield from _gaps(record, [line.at for line in record.lines_of(task)], [task], excused)


def _gaps(
    record: Record, moments: Sequence[float], tasks: Sequence[Task], excused: Sequence[Interval]
) -> Iterator[Standstill]:
    ends = [one.finished_at for task in tasks for one in task.attempts]
    naps = [nap for task in tasks for nap in _naps(record, task)]
    for began, ended in pairwise(sorted([*moments, *ends])):
        yield Standstill(_left(began, ended, [*excused, *naps]), record.id, began, ended)


def _naps(record: Record, task: Task) -> Iterator[Interval]:
    """The planned sleeps of a task's handler, whether it lived through them or not."""
    starts = [line.at for line in record.lines_of(task) if line.type == "TaskStarted"]
    return ((at, at + task.seconds) for at in starts if task.seconds)


def _pause_of(record: Record, paused: Mapping[str, Interval]) -> Sequence[Interval]:
    return [paused[record.id]] if record.id in paused else []


def _left(began: float, ended: float, excused: Sequence[Interval]) -> float:
    """The length of a gap minus the excused times; overlapping excuses count once."""
    left, reached = ended - began, began
    for start, end in sorted(excused):
        start, end = max(start, reached), min(end, ended)
        if start < end:
            left -= end - start
            reached = end
    return left
