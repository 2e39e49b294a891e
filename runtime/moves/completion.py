"""How the end of a child execution reaches the task or the Map Run that waits for it: a completion callback.

It is a wake-up: a timer that is due at once. It is written in the transaction that ends the child, so it is there
whichever process dies afterwards; and it is fired like any other timer, under the lock of the waiting execution alone.
No two executions are ever locked together. Its kind is ``commands.WAKE_PARENT`` for a task and ``commands.WAKE_RUN``
for a Map Run.
"""

from __future__ import annotations

import json

from stepwell.db.models import Execution, MapRun, StartKey, Task, Timer
from stepwell.db.parents import Parent
from stepwell.db.queries import clock_sql
from stepwell.db.values import RunWakeUp
from stepwell.runtime.engine.core import commands, events
from stepwell.runtime.engine.definition.resources import NESTED_JSON
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import MapRunStatus, Status
from stepwell.runtime.ids import task_id
from stepwell.runtime.moves import start_keys
from stepwell.runtime.moves.guards import WAITS_FOR_ANSWER, parts_of

STATUSES: dict[str, str] = {
    Status.COMPLETED: "SUCCEEDED",
    Status.FAILED: "FAILED",
    Status.TIMED_OUT: "TIMED_OUT",
    Status.CANCELLED: "ABORTED",
}


def notify(parent: str) -> bool:
    """Set a wake-up for the task or the Map Run in ``parent``. False if neither waits any more."""
    waits = waiting(parent)
    if waits is None:
        return False
    if isinstance(waits, Task):
        kind, number = commands.WAKE_PARENT, waits.number
    else:
        kind, number = commands.WAKE_RUN, wake_number(Parent.decode(parent).place)
    place = {"execution_id": waits.execution_id, "frame": waits.frame, "entry": waits.entry}
    # on_conflict_ignore: the same end may be reported twice, and one wake-up serves both.
    Timer.insert(**place, due_at=clock_sql(), kind=kind, number=number).on_conflict_ignore().execute()
    return True


def run_wake_up(parent: str | None) -> RunWakeUp | None:
    """The wake-up that the end of an execution with this parent sets; None if it belongs to no Map Run."""
    found = Parent.decode(parent)
    return None if found.run is None else RunWakeUp(found.run, wake_number(found.place), commands.WAKE_RUN)


def wake_number(place: int) -> int:
    """The number of a Map Run's wake-up by the child in this place. 0 is the number of one that no child has set."""
    return place + 1


def child_place(number: int) -> int | None:
    """The place of the child that has set the wake-up with this number. None when no child has set it."""
    return number - 1 if number else None


def waiting(parent: str) -> Task | MapRun | None:
    """The task or the Map Run that waits for an execution with this parent."""
    found = Parent.decode(parent)
    if found.run is not None:
        place = MapRun.select(MapRun.id, MapRun.execution_id, MapRun.frame, MapRun.entry)  # its plan may be large
        run: MapRun | None = place.where(MapRun.id == found.run, MapRun.status == MapRunStatus.RUNNING).first()
        return run
    return _task(parent)


def is_wanted(parent: str | None) -> bool:
    """False if an execution with this parent belongs to a Map Run that has ended: nothing more of it is begun."""
    return Parent.decode(parent).run is None or waiting(str(parent)) is not None


def event_of(at: int, seed: int, task: Task) -> events.Event | None:
    """The event by which a task learns of its child's end; None while the child runs."""
    key = start_keys.of_try(task.id, task.retries)
    child = (
        # By the key and not by ``parent``: the key names the try, so the child of an earlier try is no answer to this
        # one.
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
    """An ended execution as ``.sync`` returns it. ``as_json``: as ``.sync:2``, with values for payloads, not texts.

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


def _task(token: str) -> Task | None:
    execution_id, number = parts_of(token)
    mine = Task.id == task_id(execution_id, number), Task.token == token, Task.status.in_(WAITS_FOR_ANSWER)
    found: Task | None = Task.get_or_none(*mine)
    return found
