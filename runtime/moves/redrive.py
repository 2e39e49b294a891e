"""Redrive: the one way out of a final status. The core decides which states go on; here they are loaded and written.

A state that runs again gets a new task row; the rows of the first run stay as they ended.
"""

from __future__ import annotations

from stepwell.db import queries
from stepwell.db.database import locked
from stepwell.db.models import Execution, StartKey, Task
from stepwell.db.parents import Parent
from stepwell.db.queries import clock_sql
from stepwell.runtime.engine.core import commands, events, execution
from stepwell.runtime.engine.core.run import REDRIVEN_TASKS
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.transition import Transition, transition
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.ids import task_id
from stepwell.runtime.moves import completion, load, polled_tasks, save
from stepwell.runtime.moves.effects import Effects
from stepwell.runtime.workflows import Workflows, limits_of

REDRIVABLE = (Status.FAILED, Status.TIMED_OUT, Status.CANCELLED)
"""The final statuses after which an execution may go on."""
GOING = -1
"""The revision of an ended execution whose rows are being deleted in pieces: it never goes on."""
KEY_KEPT_MS = 15 * 60_000
"""How long a repeated request is known by its key. AWS keeps a client token for 15 minutes."""


def redriven(
    execution_id: str, workflows: Workflows, seed: int, limits: EngineLimits, key: str | None = None
) -> Effects | None:
    """Let an execution go on, inside the caller's transaction. None if its status is not redrivable.

    None, too, if this key has redriven it already.
    """
    row = locked(Execution, Execution.id == execution_id)
    # The key is read under the lock: of two requests at once the second may find that its redrive has ended again.
    if row is None or row.status not in REDRIVABLE or row.revision == GOING or (key is not None and is_known(key)):
        return None
    machine = polled_tasks.looked_up(workflows.machine(row.version_id))
    event = events.ExecutionRedriven(queries.now(), seed, row.redrives + 1)
    before = _revived(row)
    move = transition(machine, before, event, limits_of(row.workflow, limits))
    effects = save.save(row, before, move)
    _keep_data(row, machine, move)
    Execution.update(redrives=event.count, redriven_at=event.at, parent=_parent(row)).where(
        Execution.id == row.id
    ).execute()
    if key is not None:
        # An upsert: a key that has redriven this execution before may come again, and counts from now on.
        own = {"key": key, "body_hash": "", "execution_id": row.id, "created_at": clock_sql()}
        again = {"created_at": clock_sql()}
        StartKey.insert(own).on_conflict(conflict_target=[StartKey.key], update=again).execute()
    # It may end again in this very transition; its Map Run then waits for a child that makes no other move.
    if move.execution.status != Status.IN_PROGRESS and row.parent is not None:
        effects.timers |= completion.notify(row.parent)
    return effects


def is_known(key: str) -> bool:
    """True if a request with this key has redriven its execution not long ago."""
    return bool(StartKey.select().where(StartKey.key == key, StartKey.created_at > clock_sql() - KEY_KEPT_MS).exists())


def _revived(row: Execution) -> execution.Execution:
    """The execution as it was before it ended: its frames, and the planned tasks that it had not reached yet."""
    # attempt 0 and entry 0: never dispatched. A task that was cancelled while it waited or ran keeps its row.
    Task.update(status=TaskStatus.PENDING, finished_at=None).where(
        Task.execution_id == row.id, Task.status == TaskStatus.CANCELLED, Task.attempt == 0, Task.entry == 0
    ).execute()
    row.status = Status.IN_PROGRESS
    return load.load_all(row)


def _keep_data(row: Execution, machine: StateMachine, move: Transition) -> None:
    """Write the steps' data into the new rows of a step list's tasks, as the planned rows have it."""
    data = {one.step: one.data for one in machine.plan}
    for command in move.commands:
        if isinstance(command, commands.DispatchTask) and command.number > REDRIVEN_TASKS and command.step in data:
            shown = jsontext.write(data[command.step])
            Task.update(data=shown).where(Task.id == task_id(row.id, command.number)).execute()


def _parent(row: Execution) -> str | None:
    """Who is notified when the redriven execution ends.

    A task that waited for the first run has already failed, so only a Map Run remains.
    """
    return row.parent if Parent.decode(row.parent).run is not None else None
