"""How the end of a nested execution reaches the task or the map run that waits: by a timer that is due at once.

The timer is written in the transaction that ends the nested execution, so it is there whoever dies afterwards; and it
is fired like any other, under the lock of the waiting execution alone. No two executions are ever locked together.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from stepwell.db.models import Execution, MapRun, StartKey, Task, Timer
from stepwell.db.queries import RunTold, clock_sql
from stepwell.functions.contract import arns
from stepwell.runtime.engine.core import commands, events
from stepwell.runtime.engine.definition.resources import NESTED_JSON
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import MapRunStatus, Status
from stepwell.runtime.ids import task_id
from stepwell.runtime.moves.guards import WAITS_FOR_ANSWER, place_of

RUN_PREFIX = "run:"
STATUSES = {
    Status.COMPLETED: "SUCCEEDED",
    Status.FAILED: "FAILED",
    Status.TIMED_OUT: "TIMED_OUT",
    Status.CANCELLED: "ABORTED",
}


@dataclass(frozen=True)
class ParentGuard:
    """The task in this place, while it waits for an answer."""

    task_id: str
    frame: str
    entry: int

    def conditions(self) -> tuple[Any, ...]:
        waits = Task.status.in_(WAITS_FOR_ANSWER), Task.token.is_null(False)
        return Task.id == self.task_id, Task.frame == self.frame, Task.entry == self.entry, *waits


def key_of(task: str, retries: int) -> str:
    """The key under which a try of a task starts its execution, however often a worker is lost while it does."""
    return f"task:{task}/{retries}"


def tell(parent: str) -> bool:
    """Let whoever waits for an execution be looked after; whether there is anybody."""
    waits = waiting(parent)
    if waits is None:
        return False
    kind, number = (
        (commands.NESTED, waits.number) if isinstance(waits, Task) else (commands.RUN, place_in_run(parent) + 1)
    )
    due = {"due_at": clock_sql(), "kind": kind, "number": number}
    place = {"execution_id": waits.execution_id, "frame": waits.frame, "entry": waits.entry}
    Timer.insert(**place, **due).on_conflict_ignore().execute()
    return True


def run_told(parent: str | None) -> RunTold | None:
    """Which map run is to be told of the end of an execution with this parent, and how; None when it is none."""
    run = run_of(parent)
    return None if run is None else RunTold(run, place_in_run(str(parent)) + 1, commands.RUN)


def waiting(parent: str) -> Task | MapRun | None:
    """The task, or the map run, that waits for the execution which has this parent."""
    if parent.startswith(RUN_PREFIX):
        place = MapRun.select(MapRun.id, MapRun.execution_id, MapRun.frame, MapRun.entry)  # its plan may be large
        return place.where(MapRun.id == run_of(parent), MapRun.status == MapRunStatus.RUNNING).first()
    return _task(parent)


def running(runs: Collection[str]) -> set[str]:
    """Those of these map runs that go on."""
    found = MapRun.select(MapRun.id).where(MapRun.id.in_(list(runs)), MapRun.status == MapRunStatus.RUNNING)
    return {str(one.id) for one in found} if runs else set()


def run_of(parent: str | None) -> str | None:
    """The map run that an execution belongs to, if it does."""
    return parent.split(":")[1] if parent is not None and parent.startswith(RUN_PREFIX) else None


def place_in_run(parent: str) -> int:
    """The place of an execution in its map run."""
    return int(parent.rpartition(":")[2])


def _task(token: str) -> Task | None:
    execution_id, number = place_of(token)
    mine = Task.id == task_id(execution_id, number), Task.token == token, Task.status.in_(WAITS_FOR_ANSWER)
    return Task.get_or_none(*mine)


def event_of(at: int, seed: int, task: Task) -> events.Event | None:
    """What the end of its nested execution is to a task; None while that runs."""
    key = key_of(task.id, task.retries)
    child = (
        Execution.select().join(StartKey, on=(StartKey.execution_id == Execution.id)).where(StartKey.key == key).first()
    )
    if child is None or child.status == Status.IN_PROGRESS:
        return None
    place = (at, seed, task.frame, task.entry, task.attempt)
    if child.status == Status.COMPLETED:
        return events.TaskSucceeded(*place, described(child, task.function == NESTED_JSON))
    cause = jsontext.write(described(child, as_json=False))
    return events.TaskFailed(*place, "States.TaskFailed", cause)


def described(child: Execution, as_json: bool) -> dict[str, Json]:
    """An execution that has ended, as ``.sync`` has it; ``as_json``: as ``.sync:2``, whose payloads are no texts.

    Source: AWS Step Functions developer guide, "Start a new AWS Step Functions state machine from a running execution".
    """
    name = child.name or child.id
    payloads = {"Input": child.input, "Output": child.output}
    given = {member: json.loads(text) if as_json else text for member, text in payloads.items() if text is not None}
    details = {f"{member}Details": {"Included": True} for member in given}
    fault = {"Error": child.error, "Cause": child.cause}
    return {
        "ExecutionArn": arns.execution(child.workflow, name),
        **given,
        **details,
        **{member: text for member, text in fault.items() if text is not None},
        "Name": name,
        "StartDate": child.created_at,
        "StateMachineArn": arns.machine(child.workflow),
        "Status": STATUSES[child.status],
        "StopDate": child.finished_at,
    }
