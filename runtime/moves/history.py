"""The history of an execution: lines are only ever appended, each in the transaction of the move that it records."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stepwell.db.models import Execution, History
from stepwell.db.queries import clock_sql
from stepwell.db.values import Claimed, HistoryLine
from stepwell.runtime.engine.transition import Transition
from stepwell.runtime.engine.values import jsontext

BATCH = 100


def lines_of(move: Transition) -> list[HistoryLine]:
    """The lines of a transition as they are stored."""
    return [HistoryLine(one.type, one.frame, one.step, jsontext.write(dict(one.details))) for one in move.history]


def save(execution_id: str, count: int, lines: Sequence[HistoryLine]) -> None:
    """Append lines to an execution's history, which has ``count`` lines so far."""
    rows = [
        {"execution_id": execution_id, "id": place, "at": clock_sql(), **vars(line)}
        for place, line in enumerate(lines, start=count + 1)
    ]
    # In batches: one statement may not have any number of parameters.
    for first in range(0, len(rows), BATCH):
        History.insert_many(rows[first : first + BATCH]).execute()


def submitted(claim: Claimed, result: str, most: int) -> HistoryLine:
    """The line for a handler that has returned while its token is open. A result above ``most`` bytes is left out."""
    output = {"output": json.loads(result)} if jsontext.size(result) <= most else {}
    return HistoryLine("TaskSubmitted", claim.frame, claim.step, jsontext.write({"task": claim.number, **output}))


def append(row: Execution, line: HistoryLine) -> None:
    """Append one line and count it. The execution's row is locked, and makes no move in this transaction."""
    save(row.id, row.history_count, [line])
    Execution.update(history_count=row.history_count + 1).where(Execution.id == row.id).execute()
