"""A transition to rows: the execution, its frames, its history and its timers; the tasks' rows are in ``task_rows``.

All of it runs inside the caller's transaction, which holds the execution's row locked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell.db.models import Execution, Frame, Timer
from stepwell.db.queries import clock_sql
from stepwell.db.values import HistoryLine, NewFrame, NewTimer, QueuedTask, Root
from stepwell.runtime.engine.core import commands, execution
from stepwell.runtime.engine.transition import Transition
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.moves import cancel, history, task_rows
from stepwell.runtime.moves.effects import Effects

BATCH = 100


def save(row: Execution, before: execution.Execution, move: Transition) -> Effects:
    """Write the changes of a transition: first the ends, then the beginnings.

    The frames of an execution that has ended without success stay: a redrive goes on from them.
    """
    effects = Effects()
    after = move.execution
    _save_execution(row, before, after)
    history.save(row.id, before.history_count, history.lines_of(move))
    for command in move.commands:
        task_rows.settle(row.id, command)
    if after.status != Status.IN_PROGRESS:
        # The settled tasks keep the status that they have just got: only open tasks are cancelled.
        effects.cancelled |= cancel.cancel_all(row.id)
    for command in move.commands:
        # Before the frames are saved: those that begin in this move may lie below the same frame.
        if isinstance(command, commands.CancelFrames):
            effects.cancelled |= cancel.cancel_below(row.id, command.frame)
    if after.status == Status.COMPLETED:
        Frame.delete().where(Frame.execution_id == row.id).execute()
    else:
        _save_frames(row.id, before, after)
    for command in move.commands:
        _begin(row, command, effects)
    return effects


def failure(row: Execution, error: str, cause: str) -> Effects:
    """End an execution that cannot move, without the core and without its definition: by its rows alone.

    Its frames stay, as those of every execution that has failed.
    """
    line = HistoryLine("ExecutionFailed", "", None, jsontext.write({"error": error, "cause": cause}))
    history.save(row.id, row.history_count, [line])
    ended = {"status": Status.FAILED, "error": error, "cause": cause, "finished_at": clock_sql()}
    counted = {"revision": Execution.revision + 1, "history_count": row.history_count + 1}
    Execution.update(**ended, **counted).where(Execution.id == row.id).execute()
    return Effects(cancelled=cancel.cancel_all(row.id))


def root_of(value: execution.Execution, data: str | None = None) -> Root:
    """The root frame's columns. ``data`` is its input as text, if the caller has written that already."""
    return Root(**_columns(value.frames[""], data))


def new_frame(frame: execution.Frame) -> NewFrame:
    """The row of a frame that has none yet."""
    item = None if frame.item is None else jsontext.write(frame.item)
    return NewFrame(path=frame.path, **_columns(frame), output=_ended(frame), item=item)


def new_timer(command: commands.SetTimer) -> NewTimer:
    """The row of a timer that has none yet."""
    delay_ms = round(command.delay_seconds * 1000)
    return NewTimer(command.frame, command.entry, command.number, command.kind, delay_ms)


def _columns(frame: execution.Frame, data: str | None = None) -> dict[str, Any]:
    data = jsontext.write(frame.input) if data is None else data
    return {**_small_columns(frame), "data": data, "variables": _written(frame.variables)}


def _small_columns(frame: execution.Frame) -> dict[str, Any]:
    return {
        "state": frame.state,
        "entry": frame.entry,
        "entered_at": frame.entered_at,
        "waiting": frame.waiting,
        "retries": ",".join(str(one) for one in frame.retries),
        "open": frame.open,
        "begun": frame.begun,
        "children": frame.children,
        "visits": jsontext.write(dict(frame.visits)),
    }


def _changed(before: execution.Frame, after: execution.Frame) -> dict[str, Any]:
    """The columns of a frame that may have changed; large values that are the same objects are not even encoded."""
    is_same = before.input is after.input and before.variables is after.variables
    return _small_columns(after) if is_same else _columns(after)


def _ended(frame: execution.Frame) -> str | None:
    return jsontext.write(frame.output) if frame.waiting == execution.ENDED else None


def _written(variables: Mapping[str, Json]) -> str:
    return jsontext.write(dict(variables))


def _save_execution(row: Execution, before: execution.Execution, after: execution.Execution) -> None:
    ended = after.status != Status.IN_PROGRESS
    moved = "" in after.frames and after.frames[""] is not before.frames.get("")
    # The revision rises even when the root did not move: a hot-path move that was decided before is refused.
    root = _changed(before.frames[""], after.frames[""]) if moved else {}
    Execution.update(
        **root,
        status=after.status,
        revision=Execution.revision + 1,
        history_count=after.history_count,
        output=jsontext.write(after.output) if after.status == Status.COMPLETED else None,
        error=after.error,
        cause=after.cause,
        finished_at=clock_sql() if ended else None,
    ).where(Execution.id == row.id).execute()


def _save_frames(execution_id: str, before: execution.Execution, after: execution.Execution) -> None:
    gone = [path for path in before.frames if path not in after.frames]
    if gone:
        Frame.delete().where(Frame.execution_id == execution_id, Frame.path.in_(gone)).execute()
    changed = [one for path, one in after.frames.items() if path and one is not before.frames.get(path)]
    for frame in [one for one in changed if one.path in before.frames]:
        Frame.update(**_changed(before.frames[frame.path], frame), output=_ended(frame)).where(
            Frame.execution_id == execution_id, Frame.path == frame.path
        ).execute()
    rows = [{"execution_id": execution_id, **vars(new_frame(one))} for one in changed if one.path not in before.frames]
    # In batches: a large Map would exceed the number of parameters that one statement may have.
    for first in range(0, len(rows), BATCH):
        Frame.insert_many(rows[first : first + BATCH]).execute()


def _begin(row: Execution, command: commands.Command, effects: Effects) -> None:
    if isinstance(command, commands.DispatchTask):
        identity = task_rows.dispatch(row, command)
        if not row.paused and not command.is_polled:
            effects.queued.append(QueuedTask(identity, row.workflow_id))
    elif isinstance(command, commands.SetTimer):
        effects.timers = True
        timer = vars(new_timer(command))
        Timer.insert(execution_id=row.id, due_at=clock_sql() + timer.pop("delay_ms"), **timer).execute()
