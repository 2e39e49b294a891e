"""Rows to the core's values: the part of an execution that one move needs.

Every function but ``of_claim`` runs inside the caller's transaction, which holds the execution's row locked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from peewee import Case, fn

from stepwell.db.models import Execution, Frame
from stepwell.db.values import Claimed, Root
from stepwell.runtime.engine.core import execution
from stepwell.runtime.engine.core.execution import ENDED, FOR_CHILDREN, NOT_LOADED, child_path, parent_of
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.statuses import Status

MOST_JOINED = 2 << 20
"""How many characters the outputs of a state's children may have together. A state's own output has fewer by far."""


def load(row: Execution, path: str, attempt: int, children: int | None = 1) -> execution.Execution:
    """Load the frame at ``path``, its ancestors, and the next ``children`` children of each ancestor that waits.

    All children of an ancestor are loaded once ``children`` or fewer of them are open: of those that have ended only
    the outputs, and not even these if they are too large together. ``children=None`` loads every frame. The frame at
    ``path`` gets the ``attempt`` whose result counts.
    """
    frames = {"": _frame("", row)} if row.state is not None else {}
    # Only the ancestors, and below only the next children: a move must not cost more among many siblings.
    own = Frame.path != "" if children is None else Frame.path.in_(list(_ancestors(path))) if path else None
    frames |= {one.path: _frame(one.path, one) for one in _rows_of(row.id, own)}
    if children is not None:
        for parent in [one for one in frames.values() if one.waiting == FOR_CHILDREN]:
            for one in _children(row.id, parent, children):
                # setdefault: the frame itself may be among the children, and is loaded already.
                frames.setdefault(one.path, one)
    if path in frames:
        frames[path] = replace(frames[path], attempt=attempt)
    return _execution(row, row.id, row.input, frames, Status(row.status))


def load_all(row: Execution) -> execution.Execution:
    """Load an execution with all its frames, the root too when it is empty."""
    frames = {"": _frame("", row)}
    frames |= {one.path: _frame(one.path, one) for one in Frame.select().where(Frame.execution_id == row.id)}
    return _execution(row, row.id, row.input, frames, Status(row.status))


def of_claim(claim: Claimed) -> execution.Execution:
    """Build the execution from the claim of its root frame's task, without a query."""
    root = replace(_frame("", claim.root), attempt=claim.attempt)
    return _execution(claim, claim.execution_id, claim.execution_input, {"": root}, Status.IN_PROGRESS)


def _execution(
    row: Execution | Claimed, identity: str, given: str, frames: Mapping[str, execution.Frame], status: Status
) -> execution.Execution:
    return execution.Execution(
        id=identity,
        name=row.name or identity,
        workflow=row.workflow,
        input=jsontext.stored(given),
        started_at=row.created_at,
        status=status,
        frames=frames,
        history_count=row.history_count,
        redrives=row.redrives,
        redriven_at=row.redriven_at,
    )


def _frame(path: str, row: Execution | Root | Frame) -> execution.Frame:
    output = getattr(row, "output", None) if path else None  # the root's column is the execution's own output
    return execution.Frame(
        path=path,
        state=row.state or "",
        input=jsontext.stored(row.data),
        entry=row.entry,
        entered_at=row.entered_at,
        waiting=row.waiting,
        retries=tuple(int(one) for one in row.retries.split(",") if one),
        open=row.open,
        begun=row.begun,
        children=row.children,
        output=None if output is None else json.loads(output),
        variables=json.loads(row.variables),
        visits=json.loads(row.visits),
        item=json.loads(getattr(row, "item", None) or "null"),
    )


def _children(execution_id: str, parent: execution.Frame, count: int) -> Iterator[execution.Frame]:
    """Yield the next children in turn, or all of them if at most ``count`` are open: then they may be joined."""
    if parent.open <= count:
        yield from _all_children(execution_id, parent)
        return
    turns = range(parent.begun, min(parent.begun + count, parent.children))
    wanted = Frame.path.in_([child_path(parent.path, parent.entry, number) for number in turns]) if turns else None
    for one in _rows_of(execution_id, wanted):
        yield _frame(one.path, one)


def _all_children(execution_id: str, parent: execution.Frame) -> Iterator[execution.Frame]:
    """Yield all children. Thousands that have ended, with inputs and outputs at the payload's limit, fit no memory."""
    # The prefix ends in its dot: without it entry 5 would also find the children of entry 50.
    prefix = child_path(parent.path, parent.entry, 0)[:-1]
    which = (Frame.execution_id == execution_id) & (fn.SUBSTR(Frame.path, 1, len(prefix)) == prefix)
    total, has_ended = Frame.select(fn.SUM(fn.LENGTH(Frame.output))).where(which), Frame.waiting == ENDED
    needed = [getattr(Frame, name) for name in _NEEDED_OF_ENDED]
    more = [
        Case(None, [(total > MOST_JOINED, None)], Frame.output).alias("output"),
        *(Case(None, [(has_ended, text)], getattr(Frame, name)).alias(name) for name, text in _NEEDLESS.items()),
    ]
    for row in Frame.select(*needed, *more).where(which):
        child = _frame(row.path, row)
        is_missing = row.output is None and child.waiting == ENDED
        yield replace(child, output=NOT_LOADED) if is_missing else child


_NEEDED_OF_ENDED = ("path", "state", "entry", "entered_at", "waiting", "retries", "open", "begun", "children", "visits")
_NEEDLESS = {"data": "null", "variables": "{}", "item": "null"}
"""The columns of a frame that nobody reads once it has ended, each with a text in its place."""


def _ancestors(path: str) -> Iterator[str]:
    """Yield the path itself and those above it, without the root."""
    while path:
        yield path
        path = parent_of(path)


def _rows_of(execution_id: str, which: Any) -> Iterable[Frame]:
    return () if which is None else Frame.select().where(Frame.execution_id == execution_id, which)
