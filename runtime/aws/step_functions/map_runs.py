"""Map Runs as AWS's wire knows them: the rows that ``runtime/map_runs`` keeps, with counts made on request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from peewee import SQL

from stepwell.db import queries
from stepwell.db.database import database, locked, transaction
from stepwell.db.models import OF_MAP_RUN, Execution
from stepwell.db.models import MapRun as MapRunTable
from stepwell.db.pages import newest
from stepwell.db.parents import PLACE, text_of
from stepwell.functions.contract import Page, page_of
from stepwell.functions.contract.arns import Arn
from stepwell.functions.contract.step_functions import ExecutionListItem, MapRun, MapRunChanges, MapRunRow
from stepwell.functions.errors.step_functions import ResourceNotFound, ValidationException
from stepwell.runtime.aws.step_functions.executions import ROW_COLUMNS, execution_row, found_execution
from stepwell.runtime.engine.states.distributed import MOST_AT_ONCE, Plan
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.limits import MOST_EVENTS, REDRIVABLE_MS
from stepwell.runtime.engine.values.statuses import MapRunStatus, Status
from stepwell.runtime.executions import Executions
from stepwell.runtime.ids import is_id
from stepwell.runtime.map_runs import redrive, requests
from stepwell.runtime.map_runs.plan import plan_of
from stepwell.runtime.moves.redrive import REDRIVABLE

COUNTED = {
    Status.IN_PROGRESS: "running",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "timedOut",
    Status.CANCELLED: "aborted",
    redrive.PENDING: "pendingRedrive",
}
Counts = dict[str, int]


class WireMapRuns:
    """The Map Runs that ``functions.contract.step_functions`` promises."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    def get(self, arn: Arn) -> MapRun:
        with database.connection_context():
            run = _found(arn)
            parent = Execution.get_by_id(run.execution_id)
            plan = plan_of(run)
            items, executions = _counts(run, plan)
        return MapRun(
            **vars(_row(run, parent)),
            status=run.status,
            concurrency=0 if plan.concurrency == MOST_AT_ONCE else plan.concurrency,
            tolerated_percentage=plan.tolerated_percentage or 0,
            tolerated_count=plan.tolerated_count or 0,
            redrives=run.redrives,
            redriven_at=run.redriven_at,
            items=items,
            executions=executions,
        )

    def of(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[MapRunRow]:
        with database.connection_context():
            parent = found_execution(arn)
            query = MapRunTable.select().where(MapRunTable.execution_id == parent.id)
            if cursor is not None:
                query = query.where(MapRunTable.id < cursor)
            found = list(query.order_by(MapRunTable.id.desc()).limit(limit + 1))
        return page_of(found, limit, lambda one: one.id, lambda one: _row(one, parent))

    def update(self, arn: Arn, changes: MapRunChanges) -> None:
        with database.connection_context(), transaction():
            locked(Execution, Execution.id == _found(arn).execution_id)
            run = _found(arn)
            if run.status != MapRunStatus.RUNNING:
                raise ValidationException(f"The Map Run is {run.status} and cannot be updated: '{arn.text}'")
            changed = jsontext.write({**json.loads(run.changes), **_changed(changes)})
            MapRunTable.update(changes=changed).where(MapRunTable.id == run.id).execute()
            requests.request_pump(run.execution_id, run.frame, run.entry)
        self._executions.notifier.wake_timers()

    def executions(
        self, arn: Arn, *, status: str | None, redriven: bool | None, limit: int, cursor: str | None
    ) -> Page[ExecutionListItem]:
        with database.connection_context():
            run = _found(arn)
            is_batched = plan_of(run).is_batched
            size = SQL(queries.batch_size() if is_batched else "1").alias("items")
            wanted = Execution.parent.is_null(False), *_filters(run, status, redriven)
            query = Execution.select(*ROW_COLUMNS, size).where(*wanted)
            query = newest(query, [(OF_MAP_RUN, text_of(run.id))], Execution.id, cursor)
            found = list(query.limit(limit + 1).namedtuples())
        return page_of(found, limit, lambda one: one.id, lambda one: _child(run, one))


def _found(arn: Arn) -> MapRunTable:
    """The run's row. Raises ResourceNotFound."""
    identity = arn.rest[0]
    run = (
        MapRunTable.get_or_none(MapRunTable.id == identity, MapRunTable.label == arn.name) if is_id(identity) else None
    )
    if run is None:
        raise ResourceNotFound(f"Resource not found: '{arn.text}'")
    return run


def _row(run: MapRunTable, parent: Execution) -> MapRunRow:
    return MapRunRow(
        arn=arns.map_run(run.label, run.id),
        execution_arn=arns.execution(parent.workflow, parent.name or parent.id),
        machine_arn=arns.machine(run.label),
        started_at=run.created_at,
        stopped_at=run.finished_at,
    )


def _child(run: MapRunTable, row: Any) -> ExecutionListItem:
    return replace(execution_row(row), items=int(row.items), status=redrive.status_of(run, row))


def _filters(run: MapRunTable, status: str | None, redriven: bool | None) -> list[Any]:
    wanted: list[Any] = []
    pending = Execution.status.in_(REDRIVABLE) & (SQL(PLACE) >= run.again) & (SQL(PLACE) < run.again_end)
    if status == redrive.PENDING:
        wanted.append(pending)
    elif status is not None:
        wanted += [Execution.status == status, ~pending]
    if redriven is not None:
        wanted.append(Execution.redrives > 0 if redriven else Execution.redrives == 0)
    return wanted


def _changed(changes: MapRunChanges) -> dict[str, Any]:
    """The changed members of the plan: those that are not None."""
    concurrency = None if changes.concurrency is None else min(changes.concurrency or MOST_AT_ONCE, MOST_AT_ONCE)
    given = {
        "concurrency": concurrency,
        "tolerated_percentage": changes.tolerated_percentage,
        "tolerated_count": changes.tolerated_count,
    }
    return {name: value for name, value in given.items() if value is not None}


def _counts(run: MapRunTable, plan: Plan) -> tuple[Counts, Counts]:
    """The counts of the run's items and of its executions by their progress, under AWS's names."""
    items = {**dict.fromkeys(COUNTED.values(), 0), "failuresNotRedrivable": 0}
    executions = dict(items)
    redrivable = MOST_EVENTS, queries.now() - REDRIVABLE_MS
    for tally in queries.map_run_tallies(run.id, plan.is_batched, (run.again, run.again_end), redrivable):
        for name in (COUNTED[tally.status], *(("failuresNotRedrivable",) if tally.stuck else ())):
            items[name] += tally.items
            executions[name] += tally.executions
    pending = run.total - run.next
    unbegun = 0 if plan.is_batched else pending  # the number of their batches is not known yet
    items |= {"pending": pending, "total": run.total}
    executions |= {"pending": unbegun, "total": run.begun + unbegun}
    for counts in (items, executions):
        counts["resultsWritten"] = _written(run, plan, counts)
    return items, executions


def _written(run: MapRunTable, plan: Plan, counts: Counts) -> int:
    """The number of results that a run has given. A ResultWriter writes the failures as well.

    AWS was recorded to count results without a ResultWriter as well: localstack/localstack, test_sfn_api_map_run.
    """
    if run.status != MapRunStatus.SUCCEEDED:
        return 0
    return counts["succeeded"] if plan.writer is None else counts["total"]
