"""Renders views in the words of Step Functions' API. A member that is None is absent on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stepwell.functions.contract import Json, Page
from stepwell.functions.contract.step_functions import (
    STATUSES,
    ActivityView,
    AliasView,
    ExecutionDescription,
    ExecutionListItem,
    ExpressExecutionView,
    Machine,
    MachineRow,
    MapRun,
    MapRunRow,
)

Row = TypeVar("Row")

EXPRESS_MB, EXPRESS_STEP_MS = 64, 100
"""The units in which AWS bills an Express execution: its least memory in MB, and steps of time in milliseconds."""
_INCLUDED = {"included": True}


def seconds(at: int | None) -> float | None:
    """A time as the wire has it: seconds since the epoch."""
    return None if at is None else at / 1000


def page(found: Page[Row], name: str, shape: Callable[[Row], Json]) -> dict[str, Json]:
    return {name: [shape(one) for one in found.items], "nextToken": found.next}


def activity_row(view: ActivityView) -> dict[str, Json]:
    return {
        "activityArn": view.arn,
        "name": view.name,
        "creationDate": seconds(view.created_at),
    }


def machine_row(row: MachineRow) -> dict[str, Json]:
    return {
        "stateMachineArn": row.arn,
        "name": row.name,
        "type": row.kind,
        "creationDate": seconds(row.created_at),
    }


def configured(view: Machine, with_data: bool) -> dict[str, Json]:
    """The members that both descriptions of a state machine have.

    Without ``with_data`` the definition is empty, and the variables are absent.
    """
    definition = view.definition if with_data else "{}"
    read = {name: list(names) for name, names in view.variables.items()} if with_data else {}
    return {
        **view.options,
        "name": view.name,
        "definition": definition,
        "revisionId": view.revision,
        "variableReferences": read or None,
    }


def version_row(view: Machine) -> dict[str, Json]:
    return {
        "stateMachineVersionArn": view.version_arn,
        "creationDate": seconds(view.version_created_at),
    }


def alias_row(view: AliasView) -> dict[str, Json]:
    return {
        "stateMachineAliasArn": view.arn,
        "creationDate": seconds(view.created_at),
    }


def alias(view: AliasView) -> dict[str, Json]:
    return {
        **alias_row(view),
        "name": view.name,
        "description": view.description,
        "routingConfiguration": [
            {"stateMachineVersionArn": version, "weight": weight} for version, weight in view.routes
        ],
        "updateDate": seconds(view.updated_at),
    }


def map_run_row(row: MapRunRow) -> dict[str, Json]:
    return {
        "executionArn": row.execution_arn,
        "mapRunArn": row.arn,
        "stateMachineArn": row.machine_arn,
        "startDate": seconds(row.started_at),
        "stopDate": seconds(row.stopped_at),
    }


def map_run(view: MapRun) -> dict[str, Json]:
    row = map_run_row(view)
    del row["stateMachineArn"]
    return {
        **row,
        "status": view.status,
        "maxConcurrency": view.concurrency,
        "toleratedFailurePercentage": view.tolerated_percentage,
        "toleratedFailureCount": view.tolerated_count,
        "itemCounts": dict(view.items),
        "executionCounts": dict(view.executions),
        "redriveCount": view.redrives,
        "redriveDate": seconds(view.redriven_at),
    }


def child_row(row: ExecutionListItem) -> dict[str, Json]:
    """An execution in the listing of its Map Run."""
    return {**execution_row(row), "mapRunArn": row.map_run_arn, "itemCount": row.items}


def execution_row(row: ExecutionListItem) -> dict[str, Json]:
    return {
        "executionArn": row.arn,
        "stateMachineArn": row.machine_arn,
        "name": row.name,
        "status": STATUSES[row.status],
        "startDate": seconds(row.started_at),
        "stopDate": seconds(row.stopped_at),
        "stateMachineVersionArn": row.version_arn,
        "stateMachineAliasArn": row.alias_arn,
        "redriveCount": row.redrives,
        "redriveDate": seconds(row.redriven_at),
    }


def execution(view: ExecutionDescription, with_data: bool) -> dict[str, Json]:
    """An execution; without payloads and errors unless ``with_data``."""
    redrivable = "REDRIVABLE" if view.map_run_arn is None else "REDRIVABLE_BY_MAP_RUN"
    return {
        **execution_row(view),
        **(_data(view) if with_data else {}),
        **(_NO_ERROR if STATUSES[view.status] == "TIMED_OUT" else {}),
        "traceHeader": view.trace,
        "mapRunArn": view.map_run_arn,
        "redriveStatus": "NOT_REDRIVABLE" if view.not_redrivable else redrivable,
        "redriveStatusReason": view.not_redrivable,
    }


def express_execution(view: ExpressExecutionView, with_data: bool) -> dict[str, Json]:
    """An Express execution that has ended; without payloads and errors unless ``with_data``."""
    took_ms = view.stopped_at - view.started_at
    billed = {
        "billedMemoryUsedInMB": EXPRESS_MB,
        "billedDurationInMilliseconds": max(1, -(-took_ms // EXPRESS_STEP_MS)) * EXPRESS_STEP_MS,
    }
    return {
        "executionArn": view.arn,
        "stateMachineArn": view.machine_arn,
        "name": view.name,
        "startDate": seconds(view.started_at),
        "stopDate": seconds(view.stopped_at),
        "status": STATUSES[view.status],
        "traceHeader": view.trace,
        "billingDetails": billed,
        **(_data(view) if with_data else {}),
    }


def _data(view: ExecutionDescription | ExpressExecutionView) -> dict[str, Json]:
    """The input and the result of an execution."""
    return {
        "input": view.input,
        "inputDetails": _INCLUDED,
        "output": view.output,
        "outputDetails": None if view.output is None else _INCLUDED,
        "error": view.error or None,
        "cause": view.cause or None,
    }


_NO_ERROR = {"error": None, "cause": None}
"""What AWS tells of an execution that has timed out: its status says it all."""
