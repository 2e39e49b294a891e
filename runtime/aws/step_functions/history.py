"""Reads a page of an execution's history. ``stepwell.runtime.engine.aws_history`` puts it in AWS's words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from stepwell.db.models import Execution, History, Task, Version
from stepwell.functions.contract import Json, Page
from stepwell.runtime.engine import aws_history
from stepwell.runtime.engine.aws_history import Recorded, Setting, TaskData
from stepwell.runtime.engine.values import arns
from stepwell.runtime.workflows import machine_document


@dataclass(frozen=True)
class Span:
    """The wanted events: ``limit`` of them, from the one that the cursor names."""

    limit: int
    cursor: str | None
    reverse: bool

    def bounds(self, count: int) -> tuple[int, int]:
        """The ids of the first and the last of them in a history of ``count`` events."""
        if self.reverse:
            last = count if self.cursor is None else int(self.cursor)
            return max(1, last - self.limit + 1), last
        first = 1 if self.cursor is None else int(self.cursor)
        return first, min(count, first + self.limit - 1)


def page(row: Execution, role: str, span: Span, with_data: bool) -> Page[Mapping[str, Json]]:
    """The events of a span. The cursor is the id of the next page's first event."""
    first, last = span.bounds(row.history_count)
    lines = _lines(row.id, first - 1, last)
    above = lines.pop(0) if lines and lines[0].id < first else None
    events = aws_history.rendered(lines, _setting(row, role, lines, above), with_data)
    following = first - 1 if span.reverse else last + 1
    is_more = 1 <= following <= row.history_count
    return Page(events[::-1] if span.reverse else events, str(following) if is_more else None)


def _lines(execution_id: str, first: int, last: int) -> list[Recorded]:
    query = History.select().where(History.execution_id == execution_id, History.id.between(first, last))
    return [
        Recorded(one.id, one.type, one.at, one.frame, one.step, json.loads(one.details))
        for one in query.order_by(History.id)
    ]


def _setting(row: Execution, role: str, lines: Sequence[Recorded], above: Recorded | None) -> Setting:
    machine = machine_document(Version.get_by_id(row.version_id))
    qualified = {
        "stateMachineVersionArn": arns.machine(row.workflow, row.published) if row.published else None,
        "stateMachineAliasArn": arns.machine(row.workflow, row.alias) if row.alias else None,
    }
    return Setting(
        identity=row.id,
        input=row.input,
        output=row.output,
        execution={"roleArn": role, **qualified},
        resources=aws_history.resources_of(machine),
        tasks=_tasks(row.id, lines),
        before=_before(row.id, lines),
        begun=_begun(row.id, lines),
        above=above,
    )


def _tasks(execution_id: str, lines: Sequence[Recorded]) -> dict[int, TaskData]:
    """The payloads of the tasks in these lines, by the tasks' numbers."""
    numbers = list({line.details["task"] for line in lines if "task" in line.details})
    query = Task.select(Task.number, Task.input, Task.result)
    found = query.where(Task.execution_id == execution_id, Task.number.in_(numbers)) if numbers else ()
    return {one.number: TaskData(one.input, one.result) for one in found}


def _before(execution_id: str, lines: Sequence[Recorded]) -> dict[str, int]:
    """The id of each frame's last line above the page, for the frames that the page needs."""
    if not lines or lines[0].id == 1:
        return {}
    frames = History.frame.in_(list(aws_history.frames_above(line.frame for line in lines)))
    for prefix in [aws_history.opened_by(line) for line in lines if "again" in line.details]:
        frames |= fn.SUBSTR(History.frame, 1, len(prefix)) == prefix
    query: Any = History.select(History.frame, fn.MAX(History.id)).where(
        History.execution_id == execution_id,
        History.id < lines[0].id,
        History.type.not_in(list(aws_history.ASIDE)),
        frames,
    )
    return dict(query.group_by(History.frame).tuples())


def _begun(execution_id: str, lines: Sequence[Recorded]) -> dict[tuple[str, int], int]:
    """The ids of the lines above the page in which items of Maps began, by frame and item.

    This line is then the previous event of the first line in the item's frame, which the page may hold.
    """
    if not any(line.frame for line in lines):
        return {}
    frames = aws_history.frames_above(line.frame for line in lines)
    query: Any = History.select(History.frame, History.id, History.details).where(
        History.execution_id == execution_id,
        History.id < lines[0].id,
        History.type == "MapIterationStarted",
        History.frame.in_(list(frames)),
    )
    found = query.order_by(History.id).tuples()
    return {(frame, json.loads(details)["index"]): identity for frame, identity, details in found}
