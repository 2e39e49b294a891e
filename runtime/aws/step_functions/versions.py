"""Published versions of state machines, and the aliases that route to them."""

from __future__ import annotations

import json

from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Alias, Version, Workflow
from stepwell.db.queries import clock_sql
from stepwell.functions.contract import Page, page_of
from stepwell.functions.contract.arns import MACHINE, Arn
from stepwell.functions.contract.step_functions import AliasView, Machine, Routes
from stepwell.functions.errors.step_functions import ConflictException, ResourceNotFound, ServiceQuotaExceededException
from stepwell.runtime.aws.step_functions.machines import next_published, view
from stepwell.runtime.aws.step_functions.targets import (
    live_workflow,
    locked_workflow,
    newest_version,
    published_version,
)
from stepwell.runtime.engine.values import arns, jsontext

MOST_VERSIONS, MOST_ALIASES = 1000, 100
INITIAL = "INITIAL"
"""AWS's name for the first revision of a state machine, which has no id."""


class WireVersions:
    """The versions that ``functions.contract.step_functions`` promises."""

    def publish(self, arn: Arn, revision: str | None, description: str | None) -> Machine:
        with database.connection_context(), transaction():
            workflow = locked_workflow(arn)
            newest = newest_version(workflow)
            own = INITIAL if newest.number == workflow.first else newest.id
            if revision is not None and revision != own:
                raise ConflictException(
                    f"Failed to publish the State Machine version for revision {revision}. "
                    f"The current State Machine revision is {own}."
                )
            if newest.published is None:
                _check_room(workflow)
                changes = {"published": next_published(workflow), "published_at": clock_sql()}
                Version.update(**changes, description=description).where(Version.id == newest.id).execute()
                newest = Version.get_by_id(newest.id)
            return view(workflow, newest)

    def list(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[Machine]:
        with database.connection_context():
            workflow = Workflow.get_or_none(Workflow.name == arn.name, Workflow.deleted_at.is_null())
            if workflow is None:  # AWS documents no error for it
                return Page([])
            query = Version.select().where(
                Version.workflow_id == workflow.id, Version.number >= workflow.first, Version.published.is_null(False)
            )
            if cursor is not None:
                query = query.where(Version.published < int(cursor))
            found = list(query.order_by(Version.published.desc()).limit(limit + 1))
        return page_of(found, limit, lambda one: one.published, lambda one: view(workflow, one))

    def delete(self, arn: Arn) -> None:
        number = arn.version or 0
        with database.connection_context(), transaction():
            workflow = locked(Workflow, Workflow.name == arn.name, Workflow.deleted_at.is_null())
            version = workflow and published_version(workflow, number)
            if version is None:
                return
            for alias in Alias.select().where(Alias.workflow_id == workflow.id).order_by(Alias.name):
                if number in dict(json.loads(alias.routes)):
                    raise ConflictException(
                        f"Version to be deleted must not be referenced by an alias. Current list of aliases "
                        f"referencing this version: [{alias.name}]"
                    )
            nothing = {"published": None, "published_at": None, "description": None}
            Version.update(nothing).where(Version.id == version.id).execute()


class WireAliases:
    """The aliases that ``functions.contract.step_functions`` promises."""

    def create(self, machine: str, name: str, routes: Routes, description: str | None) -> AliasView:
        arn = Arn(arns.machine(machine, name), MACHINE, machine, (name,))
        with database.connection_context(), transaction():
            workflow = _locked(arn)
            _check_routes(workflow, routes)
            found = Alias.get_or_none(Alias.workflow_id == workflow.id, Alias.name == name)
            if found is not None:
                return _same(workflow, found, routes, description)
            if Alias.select().where(Alias.workflow_id == workflow.id).count() >= MOST_ALIASES:
                raise ServiceQuotaExceededException(f"A state machine has at most {MOST_ALIASES} aliases")
            now = clock_sql()
            own = {"workflow_id": workflow.id, "name": name, "routes": jsontext.write(routes)}
            Alias.insert(**own, description=description, created_at=now, updated_at=now).execute()
            return _found(workflow, arn)

    def update(self, arn: Arn, routes: Routes | None, description: str | None) -> AliasView:
        with database.connection_context(), transaction():
            workflow = _locked(arn)
            if not Alias.select().where(Alias.workflow_id == workflow.id, Alias.name == arn.qualifier).exists():
                raise ResourceNotFound("Request references a resource that does not exist.")
            _check_routes(workflow, routes or ())
            given = {"routes": routes and jsontext.write(routes), "description": description}
            changes = {column: value for column, value in given.items() if value is not None}
            Alias.update(**changes, updated_at=clock_sql()).where(
                Alias.workflow_id == workflow.id, Alias.name == arn.qualifier
            ).execute()
            return _found(workflow, arn)

    def get(self, arn: Arn) -> AliasView:
        with database.connection_context():
            workflow = Workflow.get_or_none(Workflow.name == arn.name, Workflow.deleted_at.is_null())
            if workflow is None:
                raise _not_found(arn)
            return _found(workflow, arn)

    def list(self, arn: Arn, *, limit: int, cursor: str | None) -> Page[AliasView]:
        with database.connection_context():
            workflow = live_workflow(arn)
            query = Alias.select().where(Alias.workflow_id == workflow.id, Alias.name > (cursor or ""))
            if arn.version is not None:
                query = query.where(Alias.routes.contains(f"[{arn.version},"))  # a route is [version,weight]
            found = list(query.order_by(Alias.name).limit(limit + 1))
        return page_of(found, limit, lambda one: one.name, lambda one: _view(workflow, one))

    def delete(self, arn: Arn) -> None:
        with database.connection_context(), transaction():
            workflow = _locked(arn)
            # One that is not there is deleted already.
            Alias.delete().where(Alias.workflow_id == workflow.id, Alias.name == arn.qualifier).execute()


def _check_room(workflow: Workflow) -> None:
    kept = Version.select().where(
        Version.workflow_id == workflow.id, Version.number >= workflow.first, Version.published.is_null(False)
    )
    if kept.count() >= MOST_VERSIONS:
        raise ServiceQuotaExceededException(f"A state machine has at most {MOST_VERSIONS} versions")


def _locked(arn: Arn) -> Workflow:
    workflow: Workflow | None = locked(Workflow, Workflow.name == arn.name, Workflow.deleted_at.is_null())
    if workflow is None:
        raise _not_found(arn)
    return workflow


def _check_routes(workflow: Workflow, routes: Routes) -> None:
    for version, _ in routes:
        if published_version(workflow, version) is None:
            raise ResourceNotFound(f"Request references a resource that does not exist: {workflow.name}:{version}")


def _same(workflow: Workflow, found: Alias, routes: Routes, description: str | None) -> AliasView:
    """The existing alias, if it equals the wanted one. Raises ConflictException."""
    if (_routes(found), found.description) != (routes, description):
        raise ConflictException(
            "Failed to create alias because an alias with the same name and a different routing configuration already "
            "exists."
        )
    return _view(workflow, found)


def _found(workflow: Workflow, arn: Arn) -> AliasView:
    row = Alias.get_or_none(Alias.workflow_id == workflow.id, Alias.name == arn.qualifier)
    if row is None:
        raise _not_found(arn)
    return _view(workflow, row)


def _not_found(arn: Arn) -> ResourceNotFound:
    return ResourceNotFound(f"Request references a resource that does not exist: {arn.text}")


def _view(workflow: Workflow, row: Alias) -> AliasView:
    routes = tuple((arns.machine(workflow.name, version), weight) for version, weight in _routes(row))
    arn = arns.machine(workflow.name, row.name)
    return AliasView(arn, row.name, row.description, routes, row.created_at, row.updated_at)


def _routes(row: Alias) -> Routes:
    return tuple((version, weight) for version, weight in json.loads(row.routes))
