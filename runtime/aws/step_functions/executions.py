"""Executions as AWS's wire knows them: named by state machine and name, started by AWS's rules of idempotency."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution, MapRun, Workflow
from stepwell.db.pages import newest
from stepwell.db.parents import Parent
from stepwell.functions import errors
from stepwell.functions.contract import Json, Page, page_of
from stepwell.functions.contract.arns import EXECUTION, Arn
from stepwell.functions.contract.step_functions import (
    EXPRESS,
    STANDARD,
    STATUSES,
    ExecutionDescription,
    ExecutionListItem,
    Machine,
    StartedExecution,
)
from stepwell.functions.errors.step_functions import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    InvalidExecutionInput,
    InvalidName,
    StateMachineTypeNotSupported,
)
from stepwell.runtime.aws.step_functions import history
from stepwell.runtime.aws.step_functions.machines import revision, role_of, with_variables
from stepwell.runtime.aws.step_functions.targets import found_version, live_workflow, target_of
from stepwell.runtime.engine.values import arns, json_faults, jsontext, names
from stepwell.runtime.engine.values.limits import MOST_EVENTS, REDRIVABLE_MS, EngineLimits
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.executions import Executions
from stepwell.runtime.ids import is_id
from stepwell.runtime.map_runs import redrive as map_redrives
from stepwell.runtime.moves import redrive as redrives
from stepwell.runtime.moves import start_keys
from stepwell.runtime.moves.start import Wanted

LONGEST_MS = 365 * 24 * 3600 * 1000
"""The longest time AWS gives an execution in all. One that began earlier cannot be redriven."""
ROW_COLUMNS = (
    *(Execution.id, Execution.name, Execution.workflow, Execution.status, Execution.created_at, Execution.finished_at),
    *(Execution.published, Execution.alias, Execution.redrives, Execution.redriven_at, Execution.parent),
)


class WireExecutions:
    """The executions that ``functions.contract.step_functions`` promises."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    def start(self, arn: Arn, *, name: str | None, input: str, trace: str | None) -> StartedExecution:
        check_name(name)
        given = read_input(input, self._executions.limits)
        target = target_of(arn)
        latest = target.latest
        is_express = target.kind == EXPRESS  # the names of Express executions may be used again
        named = None if is_express else name
        wanted = Wanted(given, named, text=input, trace=trace, published=target.published, alias=target.alias)
        try:
            started = self._executions.start(latest, wanted)
        except errors.NameTaken:
            return _earlier(arn.name, name or "", given)
        shown = name or (arns.express_name(started.id) if is_express else started.id)
        own = arns.express(arn.name, shown, started.id) if is_express else arns.execution(arn.name, shown)
        return StartedExecution(started.id, own, shown, arns.machine(arn.name), latest.now)

    def stop(self, arn: Arn, error: str | None, cause: str | None) -> int:
        with database.connection_context():
            row = found_execution(arn)
        self._executions.stop(row.id, error, cause)
        with database.connection_context():
            return int(Execution.select(Execution.finished_at).where(Execution.id == row.id).scalar())

    def redrive(self, arn: Arn, token: str | None) -> int:
        found = self.get(arn)
        key = None if token is None else start_keys.of_redrive(found.id, token)
        if (earlier := _redriven_at(found.id, key)) is not None:
            return earlier
        reason = found.not_redrivable
        if found.map_run_arn is not None and reason is None:
            reason = "Execution belongs to a Map Run, and is redriven with it"
        if reason is None and self._executions.redrive(found.id, key):
            return int(self.get(arn).redriven_at or 0)
        # The same request may have come twice at once: the other one has redriven it since the look above.
        if (earlier := _redriven_at(found.id, key)) is not None:
            return earlier
        raise ExecutionNotRedrivable(reason or "Execution is RUNNING and cannot be redriven")

    def get(self, arn: Arn) -> ExecutionDescription:
        with database.connection_context():
            row, now = found_execution(arn), queries.now()
            of_run = Parent.decode(row.parent).run
            run = None if of_run is None else MapRun.get_by_id(of_run)
        status = map_redrives.status_of(run, row)
        return ExecutionDescription(
            **{**vars(execution_row(row)), "status": status},
            input=row.input,
            output=row.output,
            error=row.error,
            cause=row.cause,
            trace=row.trace,
            not_redrivable=_not_redrivable(row, status, now),
        )

    def machine(self, arn: Arn) -> Machine:
        """The revision that an execution runs. Raises ExecutionDoesNotExist."""
        with database.connection_context():
            return with_variables(revision(found_execution(arn).version_id))

    def list(
        self, arn: Arn, *, status: str | None, redriven: bool | None, limit: int, cursor: str | None
    ) -> Page[ExecutionListItem]:
        with database.connection_context():
            workflow = _standard(arn)
            fixed = [(Execution.workflow_id, workflow.id), *_selected(arn)]
            query = Execution.select(*ROW_COLUMNS)
            if status is not None and len(fixed) == 1:
                fixed.append((Execution.status, status))
            elif status is not None:
                query = query.where(Execution.status == status)
            if redriven is not None:
                query = query.where(Execution.redrives > 0 if redriven else Execution.redrives == 0)
            query = newest(query, fixed, Execution.id, cursor)
            found = list(query.limit(limit + 1).namedtuples())
        return page_of(found, limit, lambda one: one.id, execution_row)

    def history(
        self, arn: Arn, *, limit: int, cursor: str | None, reverse: bool, with_data: bool
    ) -> Page[Mapping[str, Json]]:
        with database.connection_context():
            row = found_execution(arn)
            role = role_of(revision(row.version_id))
            span = history.Span(limit, cursor, reverse)
            return history.page(row, role, span, with_data)


def check_name(name: str | None) -> None:
    """Raises InvalidName."""
    if name is not None and names.fault_of(name):
        raise InvalidName(f"Invalid Name: '{name}'")


def read_input(text: str, limits: EngineLimits) -> Json:
    """An execution's input. Raises InvalidExecutionInput."""
    if jsontext.size(text) > limits.payload:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: 'more than {limits.payload} bytes'")
    try:
        return jsontext.read(text, limits.depth)
    except jsontext.NotJson as fault:
        if not text.strip():
            raise InvalidExecutionInput("Invalid execution input.") from None
        known = json_faults.fault_of(text)
        what = fault if known is None else known.message
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{what}'") from None


def found_execution(arn: Arn) -> Execution:
    """The row of a Standard execution. Raises ExecutionDoesNotExist."""
    workflow = Workflow.get_or_none(Workflow.name == arn.name, Workflow.kind == STANDARD)
    name = arn.rest[0]
    if workflow is None:
        raise _does_not_exist(arn)
    row = Execution.get_or_none(Execution.workflow_id == workflow.id, Execution.name == name)
    if row is None and is_id(name):
        row = Execution.get_or_none(
            Execution.id == name, Execution.workflow_id == workflow.id, Execution.name.is_null()
        )
    if row is None:
        raise _does_not_exist(arn)
    return row


def _does_not_exist(arn: Arn) -> ExecutionDoesNotExist:
    return ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn.text}'")


def _redriven_at(execution_id: str, key: str | None) -> int | None:
    """When an execution was last redriven, if the request with this key has redriven it; else None."""
    if key is None:
        return None
    with database.connection_context():
        if not redrives.is_known(key):
            return None
        return int(Execution.select(Execution.redriven_at).where(Execution.id == execution_id).scalar())


def _earlier(machine: str, name: str, given: Json) -> StartedExecution:
    """The execution that has this name, if the same request started it. Raises ExecutionAlreadyExists."""
    arn = arns.execution(machine, name)
    with database.connection_context():
        row = found_execution(Arn(arn, EXECUTION, machine, (name,)))
    if row.status != Status.IN_PROGRESS or json.loads(row.input) != given:
        raise ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
    return StartedExecution(row.id, arn, name, arns.machine(machine), row.created_at)


def _not_redrivable(row: Execution, status: str, now: int) -> str | None:
    """Why an execution cannot be redriven; None when it can. Source: redriveStatusReason of DescribeExecution."""
    if status in (Status.IN_PROGRESS, Status.COMPLETED):
        return f"Execution is {STATUSES[status]} and cannot be redriven"
    if row.history_count >= MOST_EVENTS:
        return "Execution history event limit exceeded"
    if now - row.created_at > LONGEST_MS:
        return "Execution has exceeded the max execution time"
    if now - (row.finished_at or now) > REDRIVABLE_MS:
        return "Execution redrivable period exceeded"
    return None


def _standard(arn: Arn) -> Workflow:
    """The state machine whose executions may be listed.

    Raises StateMachineDoesNotExist, StateMachineTypeNotSupported.
    """
    workflow = live_workflow(arn)
    if workflow.kind == EXPRESS:
        raise StateMachineTypeNotSupported("This operation is not supported by this type of state machine")
    return workflow


def _selected(arn: Arn) -> list[tuple[Any, object]]:
    """The columns, with their values, of the executions that a qualified ARN selects.

    Raises StateMachineDoesNotExist.
    """
    if arn.qualifier is None:
        return []
    found_version(arn)
    return [(Execution.alias, arn.qualifier) if arn.version is None else (Execution.published, arn.version)]


def execution_row(row: Execution) -> ExecutionListItem:
    """An execution by a row of ``ROW_COLUMNS``."""
    name, run = row.name or row.id, Parent.decode(row.parent).run
    return ExecutionListItem(
        id=row.id,
        arn=arns.execution(row.workflow, name),
        name=name,
        machine_arn=arns.machine(row.workflow),
        started_at=row.created_at,
        status=row.status,
        stopped_at=row.finished_at,
        version_arn=arns.machine(row.workflow, row.published) if row.published else None,
        alias_arn=arns.machine(row.workflow, row.alias) if row.alias else None,
        redrives=row.redrives,
        redriven_at=row.redriven_at,
        map_run_arn=arns.map_run(row.workflow, run) if run else None,
    )
