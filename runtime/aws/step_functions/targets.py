"""Finds the state machine and the revision that an ARN names, and the revision that a start by this ARN runs."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace

from stepwell.db import queries
from stepwell.db.database import database, locked
from stepwell.db.models import Alias, Version, Workflow
from stepwell.functions.contract.arns import Arn, parse_machine
from stepwell.functions.errors.step_functions import StateMachineDoesNotExist
from stepwell.runtime.workflows import Latest


@dataclass(frozen=True)
class StartTarget:
    """The revision to start, the type of its machine, and the version and the alias that its ARN named."""

    latest: Latest
    kind: str
    published: int | None
    alias: str | None


def target_of(arn: Arn) -> StartTarget:
    """The revision that a start by this ARN runs; behind an alias one of its versions is drawn by weight.

    Raises StateMachineDoesNotExist.
    """
    with database.connection_context():
        workflow, published, alias = live_workflow(arn), arn.version, None
        if arn.qualifier is not None and published is None:
            published, alias = _drawn(routes_of(workflow, arn)), arn.qualifier
        rest = () if published is None else (str(published),)
        workflow, row = found_version(replace(arn, rest=rest))
        latest = Latest(workflow.id, workflow.name, row.id, row.number, queries.now())
        return StartTarget(latest, workflow.kind, published, alias)


def latest_of(text: str) -> Latest:
    """The revision that a start by the ARN in this text runs.

    Raises InvalidArn, ValidationException, StateMachineDoesNotExist: all are StepwellErrors with AWS's code.
    """
    return target_of(parse_machine(text)).latest


def _drawn(routes: list[tuple[int, int]]) -> int:
    return random.choices([version for version, _ in routes], [weight for _, weight in routes])[0]


def does_not_exist(arn: Arn) -> StateMachineDoesNotExist:
    """The error for an ARN without a state machine, version or alias."""
    return StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn.text}'")


def live_workflow(arn: Arn) -> Workflow:
    """The state machine's row. Raises StateMachineDoesNotExist."""
    return _known(Workflow.get_or_none(Workflow.name == arn.name, Workflow.deleted_at.is_null()), arn)


def locked_workflow(arn: Arn) -> Workflow:
    """The state machine's row, locked until the transaction ends. Raises StateMachineDoesNotExist."""
    return _known(locked(Workflow, Workflow.name == arn.name, Workflow.deleted_at.is_null()), arn)


def _known(row: Workflow | None, arn: Arn) -> Workflow:
    """The row, if AWS's wire may know it. No ARN can hold the names of the workflows of flows and events.

    Raises StateMachineDoesNotExist.
    """
    if row is None or ":" in arn.name:
        raise does_not_exist(arn)
    return row


def found_version(arn: Arn) -> tuple[Workflow, Version]:
    """The revision that an ARN names. Raises StateMachineDoesNotExist."""
    workflow = live_workflow(arn)
    number = arn.version
    if arn.qualifier is not None and number is None:
        number = routes_of(workflow, arn)[0][0]
    if number is None:
        return workflow, newest_version(workflow)
    version = published_version(workflow, number)
    if version is None:
        raise does_not_exist(arn)
    return workflow, version


def newest_version(workflow: Workflow) -> Version:
    """The newest revision: a start without a qualifier runs it."""
    return Version.get(Version.workflow_id == workflow.id, Version.number == workflow.latest)


def published_version(workflow: Workflow, number: int) -> Version | None:
    """The revision with this version number, published since the state machine was last created; or None."""
    return Version.get_or_none(
        Version.workflow_id == workflow.id, Version.number >= workflow.first, Version.published == number
    )


def routes_of(workflow: Workflow, arn: Arn) -> list[tuple[int, int]]:
    """The versions behind the ARN's alias, with their weights. Raises StateMachineDoesNotExist."""
    alias = Alias.get_or_none(Alias.workflow_id == workflow.id, Alias.name == arn.qualifier)
    if alias is None:
        raise does_not_exist(arn)
    return [(version, weight) for version, weight in json.loads(alias.routes)]
