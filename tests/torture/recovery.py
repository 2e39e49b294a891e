"""How long executions stood still: the longest time in which one that had something to do made no progress.

Progress is a line of history or the end of an attempt, of the execution and of each of its tasks for itself. All time
between two of them counts, delays and Waits that were asked for, too (``definitions.py``: 1.5 s at most); but not the
time in which a handler slept on purpose, in which the client had the execution paused, or in which the database was
away. That workers or Redis are away is no excuse.
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
    """The longest standstill of all."""
    found = (one for record in records for one in _standstills(record, [*outages, *_pause_of(record, paused)]))
    return max(found, default=None)


def _standstills(record: Record, excused: Sequence[Interval]) -> Iterator[Standstill]:
    """From each sign of progress to the next: of the execution as a whole, and of each of its tasks."""
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
    """When the handler of a task slept, whatever became of it then."""
    starts = [line.at for line in record.lines_of(task) if line.type == "TaskStarted"]
    return ((at, at + task.seconds) for at in starts if task.seconds)


def _pause_of(record: Record, paused: Mapping[str, Interval]) -> Sequence[Interval]:
    return [paused[record.id]] if record.id in paused else []


def _left(began: float, ended: float, excused: Sequence[Interval]) -> float:
    """The length of a gap without what is excused; excuses that overlap count once."""
    left, reached = ended - began, began
    for start, end in sorted(excused):
        start, end = max(start, reached), min(end, ended)
        if start < end:
            left -= end - start
            reached = end
    return left
