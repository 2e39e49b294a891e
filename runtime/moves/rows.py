"""Rows to the core's values and back: how an execution is loaded for an event, and how a transition is written.

All of it runs inside the caller's transaction, which holds the execution's row locked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from peewee import fn

from stepwell.db.models import Attempt, Execution, Frame, Task, Timer
from stepwell.db.queries import Claimed, NewExecution, NewFrame, NewTask, NewTimer, Root, Start, clock_sql
from stepwell.runtime.engine.core import commands, execution
from stepwell.runtime.engine.core.execution import FOR_CHILDREN, child_path, parent_of
from stepwell.runtime.engine.definition.model import PlannedTask
from stepwell.runtime.engine.transition import Transition
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.ids import task_id
from stepwell.runtime.moves import cancel, history

BATCH = 100


@dataclass
class Effects:
    """What is to be told to others once the transaction is committed."""

    queued: list[str] = field(default_factory=list)
    timers: bool = False
    cancelled: bool = False

    def with_those(self, other: Effects) -> Effects:
        """Both."""
        queued = [*self.queued, *other.queued]
        return Effects(queued, self.timers or other.timers, self.cancelled or other.cancelled)


def load(row: Execution, path: str, attempt: int, children: int | None = 1) -> execution.Execution:
    """An execution as far as an event of the frame at ``path`` needs it.

    That is the frame itself with the ``attempt`` whose result counts, its ancestors, and of the children of those as
    many as ``children`` whose turn is next, or all when no more are left open. None: every frame there is.
    """
    frames = {"": _frame("", row)} if row.state is not None else {}
    own = Frame.path != "" if children is None else Frame.path.in_(list(_ancestors(path))) if path else None
    frames |= {one.path: _frame(one.path, one) for one in _rows_of(row.id, own)}
    for parent in [one for one in frames.values() if one.waiting == FOR_CHILDREN and children is not None]:
        for one in _rows_of(row.id, _wanted_children(parent, children)):
            frames.setdefault(one.path, _frame(one.path, one))
    if path in frames:
        frames[path] = replace(frames[path], attempt=attempt)
    return execution.Execution(
        id=row.id,
        name=row.name or row.id,
        workflow=row.workflow,
        input=jsontext.stored(row.input),
        started_at=row.created_at,
        status=Status(row.status),
        frames=frames,
        history_count=row.history_count,
        redrives=row.redrives,
        redriven_at=row.redriven_at,
    )


def load_all(row: Execution) -> execution.Execution:
    """An execution with all its frames."""
    rows = [("", row), *((one.path, one) for one in Frame.select().where(Frame.execution_id == row.id))]
    return replace(load(row, "", 0), frames={path: _frame(path, one) for path, one in rows})


def snapshot(claim: Claimed) -> execution.Execution:
    """The execution that a claim of its root frame's task came with."""
    root = replace(_frame("", claim.root), attempt=claim.attempt)
    return execution.Execution(
        id=claim.execution_id,
        name=claim.name or claim.execution_id,
        workflow=claim.workflow,
        input=jsontext.stored(claim.execution_input),
        started_at=claim.created_at,
        frames={"": root},
        history_count=claim.history_count,
        redrives=claim.redrives,
        redriven_at=claim.redriven_at,
    )


def root_of(value: execution.Execution) -> Root:
    """The root frame's columns."""
    return Root(**_columns(value.frames[""]))


def beginning(own: NewExecution, plan: Iterable[PlannedTask], move: Transition) -> Start:
    """What a start writes: the execution, the row per step of a step list, and what the first transition asks for."""
    after = move.execution
    dispatched = {one.number: one for one in move.commands if isinstance(one, commands.DispatchTask)}
    runs = after.status == Status.IN_PROGRESS
    idle = TaskStatus.PENDING if runs else TaskStatus.CANCELLED
    planned = [_planned_task(own.id, one, dispatched.pop(one.number, None), idle) for one in plan]
    return Start(
        execution=own,
        root=root_of(after),
        tasks=planned + [_dispatched_task(own.id, one, "null") for one in dispatched.values()],
        frames=[_new_frame(one) for path, one in after.frames.items() if path and after.status != Status.COMPLETED],
        timers=[_new_timer(one) for one in move.commands if isinstance(one, commands.SetTimer)],
        lines=history.lines_of(move),
    )


def save(row: Execution, before: execution.Execution, move: Transition) -> Effects:
    """Write what a transition changed: first what ends, then what begins.

    Of an execution that has ended without success the frames stay, for a redrive to go on from.
    """
    effects = Effects()
    after = move.execution
    _save_execution(row, before, after)
    history.save(row.id, before.history_count, history.lines_of(move))
    for command in move.commands:
        _settle(row.id, command)
    if after.status != Status.IN_PROGRESS:
        effects.cancelled |= cancel.cancel_all(row.id)
    for command in move.commands:
        if isinstance(command, commands.CancelFrames):
            effects.cancelled |= cancel.cancel_below(row.id, command.frame)
    if after.status == Status.COMPLETED:
        Frame.delete().where(Frame.execution_id == row.id).execute()
    else:
        _save_frames(row.id, before, after)
    for command in move.commands:
        _begin(row, command, effects)
    return effects


def close_attempt(
    task: Task, outcome: str, *, error: str | None = None, cause: str | None = None, logs: str = ""
) -> None:
    """Keep how a claim of a task ended, with what its handler printed; nothing when nobody holds a claim of it.

    A claim that is LOST is a loss of its task: both are written together, and so each is counted once.
    """
    if task.owner is None:
        return
    Attempt.insert(
        task_id=task.id,
        attempt=task.attempt,
        owner=task.owner,
        outcome=outcome,
        error=error,
        cause=cause,
        logs=logs,
        started_at=task.started_at,
        finished_at=clock_sql(),
    ).execute()
    if outcome == "LOST":
        Task.update(losses=Task.losses + 1).where(Task.id == task.id).execute()


def take_timer(execution_id: str, timer: tuple[str, int, int, str]) -> bool:
    """Remove a timer's row; False when somebody else has."""
    frame, entry, number, kind = timer
    gone = Timer.delete().where(
        Timer.execution_id == execution_id,
        Timer.frame == frame,
        Timer.entry == entry,
        Timer.number == number,
        Timer.kind == kind,
    )
    return bool(gone.execute())


# Loading


def _frame(path: str, row: Any) -> execution.Frame:
    output = getattr(row, "output", None) if path else None
    return execution.Frame(
        path=path,
        state=row.state,
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
        item=json.loads(getattr(row, "item", None) or "null"),
    )


def _columns(frame: execution.Frame) -> dict[str, Any]:
    return {
        "state": frame.state,
        "entry": frame.entry,
        "entered_at": frame.entered_at,
        "waiting": frame.waiting,
        "retries": ",".join(str(one) for one in frame.retries),
        "open": frame.open,
        "data": jsontext.write(frame.input),
        "begun": frame.begun,
        "children": frame.children,
        "variables": jsontext.write(dict(frame.variables)),
    }


def _changed(before: execution.Frame, after: execution.Frame) -> dict[str, Any]:
    """The columns of a frame that are not as they were; what is large and the same is not even encoded."""
    if before.input is after.input and before.variables is after.variables:
        small = {"state", "entry", "entered_at", "waiting", "open", "begun", "children"}
        columns: dict[str, Any] = {name: getattr(after, name) for name in small}
        return {**columns, "retries": ",".join(str(one) for one in after.retries)}
    return _columns(after)


def _ended(frame: execution.Frame) -> str | None:
    return jsontext.write(frame.output) if frame.waiting == execution.ENDED else None


def _wanted_children(parent: execution.Frame, count: int) -> Any:
    """Those whose turn is next; all of them when no more are left open, for then they may be joined."""
    if parent.open <= count:
        prefix = child_path(parent.path, parent.entry, 0)[:-1]
        return fn.SUBSTR(Frame.path, 1, len(prefix)) == prefix
    turns = range(parent.begun, min(parent.begun + count, parent.children))
    return Frame.path.in_([child_path(parent.path, parent.entry, number) for number in turns]) if turns else None


def _ancestors(path: str) -> Iterator[str]:
    while path:
        yield path
        path = parent_of(path)


def _rows_of(execution_id: str, which: Any) -> Iterable[Frame]:
    return () if which is None else Frame.select().where(Frame.execution_id == execution_id, which)


# Saving


def _save_execution(row: Execution, before: execution.Execution, after: execution.Execution) -> None:
    ended = after.status != Status.IN_PROGRESS
    moved = "" in after.frames and after.frames[""] is not before.frames.get("")
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


def _settle(execution_id: str, command: commands.Command) -> None:
    """What becomes of the task whose attempt has just ended."""
    if isinstance(command, commands.CompleteTask):
        changes = {
            "status": TaskStatus.COMPLETED,
            "result": jsontext.write(command.result),
            "error": None,
            "cause": None,
        }
    elif isinstance(command, commands.FailTask):
        changes = {"status": TaskStatus.FAILED, "error": command.error, "cause": command.cause}
    elif isinstance(command, commands.HoldTask):
        changes = {
            "status": TaskStatus.PENDING,
            "error": command.error,
            "cause": command.cause,
            "retries": command.retry,
        }
    else:
        return
    if changes["status"] != TaskStatus.PENDING:
        changes["finished_at"] = clock_sql()
    free = {"owner": None, "lease_until": None, "deadline_at": None, "beat_by": None}
    Task.update(**changes, **free).where(Task.id == task_id(execution_id, command.number)).execute()


def _save_frames(execution_id: str, before: execution.Execution, after: execution.Execution) -> None:
    gone = [path for path in before.frames if path not in after.frames]
    if gone:
        Frame.delete().where(Frame.execution_id == execution_id, Frame.path.in_(gone)).execute()
    changed = [one for path, one in after.frames.items() if path and one is not before.frames.get(path)]
    for frame in [one for one in changed if one.path in before.frames]:
        Frame.update(**_changed(before.frames[frame.path], frame), output=_ended(frame)).where(
            Frame.execution_id == execution_id, Frame.path == frame.path
        ).execute()
    rows = [{"execution_id": execution_id, **vars(_new_frame(one))} for one in changed if one.path not in before.frames]
    for first in range(0, len(rows), BATCH):
        Frame.insert_many(rows[first : first + BATCH]).execute()


def _new_frame(frame: execution.Frame) -> NewFrame:
    item = None if frame.item is None else jsontext.write(frame.item)
    return NewFrame(path=frame.path, **_columns(frame), output=_ended(frame), item=item)


def _begin(row: Execution, command: commands.Command, effects: Effects) -> None:
    if isinstance(command, commands.DispatchTask):
        identity = _dispatch(row, command)
        if not row.paused and not command.is_polled:
            effects.queued.append(identity)
    elif isinstance(command, commands.SetTimer):
        effects.timers = True
        timer = vars(_new_timer(command))
        Timer.insert(execution_id=row.id, due_at=clock_sql() + timer.pop("delay_ms"), **timer).execute()


def _new_timer(command: commands.SetTimer) -> NewTimer:
    delay_ms = round(command.delay_seconds * 1000)
    return NewTimer(command.frame, command.entry, command.number, command.kind, delay_ms)


def _dispatch(row: Execution, command: commands.DispatchTask) -> str:
    """Make a task claimable. Its row may be planned, or there from an earlier try, or not there yet."""
    made = vars(_dispatched_task(row.id, command, "null"))
    again = ("status", "frame", "entry", "input", "timeout_seconds", "token", "heartbeat_seconds")
    queued = {name: made[name] for name in again}
    queued |= {"retries": command.retry, "finished_at": None}
    queued |= {"queued_at": None if row.paused or command.is_polled else clock_sql(), "missing_since": None}
    if command.is_polled:
        seconds = command.timeout_seconds
        due = None if seconds is None else clock_sql() + round(seconds * 1000)
        queued |= {"deadline_at": due, "started_at": None}
    given = {**made, **queued, "execution_id": row.id, "created_at": clock_sql()}
    Task.insert(given).on_conflict(conflict_target=[Task.id], update=queued).execute()
    return str(made["id"])


def _dispatched_task(execution_id: str, command: commands.DispatchTask, data: str) -> NewTask:
    return NewTask(
        id=task_id(execution_id, command.number),
        number=command.number,
        frame=command.frame,
        entry=command.entry,
        step=command.step,
        function=command.function,
        status=TaskStatus.IN_PROGRESS if command.is_polled else TaskStatus.QUEUED,
        data=data,
        input=jsontext.write(command.input),
        timeout_seconds=command.timeout_seconds,
        token=command.token,
        heartbeat_seconds=command.heartbeat_seconds,
    )


def _planned_task(
    execution_id: str, one: PlannedTask, first: commands.DispatchTask | None, idle: TaskStatus
) -> NewTask:
    data = jsontext.write(one.data)
    if first is not None and idle == TaskStatus.PENDING:
        return _dispatched_task(execution_id, first, data)
    return NewTask(
        id=task_id(execution_id, one.number),
        number=one.number,
        frame="",
        entry=0,
        step=one.step,
        function=one.function,
        status=idle,
        data=data,
        input=None,
        timeout_seconds=None,
        token=None,
        heartbeat_seconds=None,
    )
