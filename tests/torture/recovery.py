"""How long executions stood still: the longest time in which one that had something to do made no progress.

Progress is a line of history or the end of an attempt, of the execution and of each of its tasks for itself. Between
two of them everything counts, the handlers' own time and every delay that was asked for, too (``definitions.py``: 1.5 s
at most); but not the time in which the database was away, or in which the client had the execution paused. That workers
or Redis are away is no excuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.torture.ledger import Record

Interval = tuple[float, float]


@dataclass(frozen=True, order=True)
class Standstill:
    seconds: float
    execution_id: str
    began: float
    ended: float


def longest(records: Sequence[Record], away: Sequence[Interval], paused: Mapping[str, Interval]) -> Standstill | None:
    """The longest standstill of all."""
    found = (
        Standstill(_left(gap, [*away, *([paused[record.id]] if record.id in paused else [])]), record.id, *gap)
        for record in records
        for gap in standstills(record)
    )
    return max(found, default=None)


def standstills(record: Record) -> Iterable[Interval]:
    """From each sign of progress to the next: of the execution, and of each of its tasks."""
    threads = [[line.at for line in record.lines]]
    for task in record.tasks:
        ends = [one.finished_at for one in task.attempts]
        threads.append([*(line.at for line in record.lines_of(task)), *ends])
        threads[0] += ends
    for moments in threads:
        yield from pairwise(sorted(moments))


def _left(gap: Interval, excused: Sequence[Interval]) -> float:
    """The length of a gap without what is excused; excuses that overlap count once."""
    began, ended = gap
    left, reached = ended - began, began
    for start, end in sorted(excused):
        start, end = max(start, reached), min(end, ended)
        if start < end:
            left -= end - start
            reached = end
    return left
