"""How an execution begins: the request is checked, the core moves once, and everything is written in one statement."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from peewee import IntegrityError

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution, StartKey
from stepwell.db.values import IdempotencyKey, NewExecution, QueuedTask, Root, Start
from stepwell.functions.errors import InvalidName, KeyReused, NameTaken, PayloadTooLarge, Unavailable
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import commands, events, execution
from stepwell.runtime.engine.definition.model import PlannedTask, StateMachine
from stepwell.runtime.engine.transition import Alarm, Transition, transition
from stepwell.runtime.engine.values import jsontext, names
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.ids import new_execution_id
from stepwell.runtime.moves import history, save, task_rows
from stepwell.runtime.outage import OUTAGE_ERRORS, is_outage
from stepwell.runtime.workflows import Latest

READ_BACK_PAUSES, READ_BACK_SECONDS = (0.0, 0.1, 0.3, 0.5), 3.0
"""The pauses before each look for a start that may have been committed, and the time after which no look begins.

The client waits meanwhile.
"""


@dataclass(frozen=True)
class Wanted:
    """A request to start an execution: its input, and perhaps a name of its own and an Idempotency-Key."""

    input: Json
    name: str | None = None
    key: IdempotencyKey | None = None
    text: str | None = None
    """The input as its caller wrote it, if it is to be given back so."""
    published: int | None = None
    alias: str | None = None
    trace: str | None = None
    parent: str | None = None
    """Who is notified when the execution ends, as ``db.parents`` writes it."""


@dataclass(frozen=True)
class Started:
    """A started execution. ``own`` is its row as written, None if the key had started it before."""

    id: str
    own: NewExecution | None = None


def key_of(key: str | None, request: Json) -> IdempotencyKey | None:
    """The key of a start, if its caller gave one, with the hash of the whole request by which a repeated one is known.

    It is None for None: a request without a key is neither written as text nor hashed.
    """
    if key is None:
        return None
    return IdempotencyKey(key, hashlib.sha256(jsontext.write(request).encode()).hexdigest())


def begin(
    latest: Latest,
    machine: StateMachine,
    wanted: Wanted,
    seed: int,
    limits: EngineLimits,
    alarm: Alarm | None = None,
) -> Start:
    """Decide all that the start will write. Raises PayloadTooLarge, InvalidName, MoveTookTooLong."""
    text = _checked(wanted, limits)
    identity = new_execution_id()
    before = execution.Execution(identity, wanted.name or identity, latest.name, wanted.input, latest.now)
    move = transition(machine, before, events.ExecutionStarted(latest.now, seed), limits, alarm)
    if machine.plan and move.execution.error == "States.DataLimitExceeded":
        raise PayloadTooLarge(
            f"With this input the first step's event is larger than {limits.payload} bytes.", path="$.input"
        )
    own = _new_execution(identity, latest, text, wanted, move.execution)
    # The first state mostly waits with the execution's input: the text that was just written is its text, too.
    is_same = wanted.text is None and move.execution.frames[""].input is wanted.input
    root = save.root_of(move.execution, text if is_same else None)
    return _all_rows(own, root, wanted.key, machine.plan, move)


def queued(begin: Start) -> list[QueuedTask]:
    """The tasks that workers may claim once the start is written."""
    own = begin.execution.workflow_id
    return [QueuedTask(one.id, own) for one in begin.tasks if one.status == TaskStatus.QUEUED]


def write(begin: Start) -> str | None:
    """Write a start. None if it was written, else the id that its key had started. Raises NameTaken, KeyReused.

    If the connection breaks, the start is looked for, so that the answer is certain. Raises Unavailable if it is not.
    """
    own = begin.execution
    try:
        with database.connection_context():
            reach("start.before_commit")
            # Between the two crash points the commit may happen without an answer: a client then repeats its request.
            is_new = queries.start(begin)
            reach("start.after_commit")
            return None if is_new or begin.key is None else started_by(begin.key)
    except IntegrityError:
        # Any other conflict is a fault of ours, not of the caller.
        if own.name is None or not _is_name_taken(own):
            raise
        taken = f"Workflow {own.workflow} has an execution named {own.name!r} already."
        raise NameTaken(taken, path="$.name") from None
    except OUTAGE_ERRORS as fault:
        if not is_outage(fault) or not _was_written(own):
            raise
        return None


def started_by(key: IdempotencyKey) -> str | None:
    """The id of the execution that this key has started. Raises KeyReused if that was for another request."""
    with database.connection_context():
        kept = StartKey.get_or_none(StartKey.key == key.key)
    if kept is not None and kept.body_hash != key.body_hash:
        raise KeyReused()
    return None if kept is None else str(kept.execution_id)


def _checked(wanted: Wanted, limits: EngineLimits) -> str:
    """The input's text. Raises InvalidName, PayloadTooLarge."""
    if wanted.name is not None and (fault := names.fault_of(wanted.name)):
        raise InvalidName(f"The execution's name: {fault}.", path="$.name")
    text = jsontext.write(wanted.input) if wanted.text is None else wanted.text
    if jsontext.size(text) > limits.payload:
        raise PayloadTooLarge(f"The input is larger than {limits.payload} bytes.", path="$.input")
    return text


def _new_execution(
    identity: str, latest: Latest, text: str, wanted: Wanted, after: execution.Execution
) -> NewExecution:
    return NewExecution(
        id=identity,
        name=wanted.name,
        workflow_id=latest.workflow_id,
        workflow=latest.name,
        version_id=latest.version_id,
        version=latest.number,
        status=after.status,
        input=text,
        output=jsontext.write(after.output) if after.status == Status.COMPLETED else None,
        error=after.error,
        cause=after.cause,
        created_at=latest.now,
        published=wanted.published,
        alias=wanted.alias,
        trace=wanted.trace,
        parent=wanted.parent,
    )


def _all_rows(
    own: NewExecution, root: Root, key: IdempotencyKey | None, plan: Iterable[PlannedTask], move: Transition
) -> Start:
    """The execution, a task's row for each step of a step list, and the rows that the first transition commands."""
    after = move.execution
    commanded = {one.number: one for one in move.commands if isinstance(one, commands.DispatchTask)}
    idle = TaskStatus.PENDING if after.status == Status.IN_PROGRESS else TaskStatus.CANCELLED
    # pop: the tasks that remain in ``commanded`` have no planned row.
    planned = [task_rows.planned(own.id, one, commanded.pop(one.number, None), idle) for one in plan]
    return Start(
        execution=own,
        root=root,
        key=key,
        tasks=planned + [task_rows.dispatched(own.id, one) for one in commanded.values()],
        frames=[save.new_frame(one) for path, one in after.frames.items() if path and after.status != Status.COMPLETED],
        timers=[save.new_timer(one) for one in move.commands if isinstance(one, commands.SetTimer)],
        lines=history.lines_of(move),
    )


def _is_name_taken(own: NewExecution) -> bool:
    with database.connection_context():
        named = Execution.workflow_id == own.workflow_id, Execution.name == own.name
        return bool(Execution.select().where(*named).exists())


def _was_written(own: NewExecution) -> bool:
    """Whether a start was committed although the connection broke. Raises Unavailable if that cannot be known."""
    began = time.monotonic()
    for pause in READ_BACK_PAUSES:
        time.sleep(pause)
        # The id is new and random, so a row with it can only be this start's.
        with suppress(*OUTAGE_ERRORS), database.connection_context():
            return bool(Execution.select().where(Execution.id == own.id).exists())
        if time.monotonic() - began > READ_BACK_SECONDS:  # the server does not even refuse: it is frozen
            break
    raise Unavailable("The database went away while this was written: it may be done. Send it again with a key.")
