"""Stores and shows workflows for the REST endpoints."""

from __future__ import annotations

from stepwell.db.database import database
from stepwell.db.models import Version, Workflow
from stepwell.functions.contract import Json, Page, page_of
from stepwell.functions.contract.rest import (
    WorkflowRow,
    WorkflowView,
)
from stepwell.functions.errors import InvalidCursor
from stepwell.runtime.api import views
from stepwell.runtime.api.listing import newest_first
from stepwell.runtime.engine.values import names
from stepwell.runtime.workflows import Workflows, machine_document


class WorkflowsApi:
    """The workflows as ``functions.contract.rest`` promises them."""

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows

    def create(self, name: str, definition: Json) -> WorkflowView:
        stored = self._workflows.create(name, definition)
        return views.workflow_view(name, stored, self._workflows.warnings(definition))

    def get(self, name: str) -> WorkflowView:
        return views.workflow_view(name, self._workflows.newest(name))

    def machine(self, name: str) -> Json:
        return machine_document(self._workflows.newest(name))

    def list(self, *, limit: int, cursor: str | None) -> Page[WorkflowRow]:
        query = (
            Version.select(*views.WORKFLOW_COLUMNS, Workflow.name.alias("named"))
            .join(Workflow, on=(Workflow.id == Version.workflow_id))
            .where(Workflow.deleted_at.is_null(), Version.number == Workflow.latest)
        )
        if cursor is not None:
            query = query.where(Workflow.name > _workflow_cursor(cursor))
        with database.connection_context():
            rows = list(query.order_by(Workflow.name).limit(limit + 1).objects())
        return page_of(rows, limit, lambda row: row.named, lambda row: views.workflow_row(row.named, row))

    def versions(self, name: str, *, limit: int, cursor: str | None) -> Page[WorkflowView]:
        newest = self._workflows.newest(name)
        query = Version.select(*views.WORKFLOW_COLUMNS, Version.definition).where(
            Version.workflow_id == newest.workflow_id
        )
        with database.connection_context():
            return newest_first(query, Version.number, limit, cursor, lambda row: views.workflow_view(name, row))

    def delete(self, name: str) -> None:
        self._workflows.delete(name)


def _workflow_cursor(cursor: str) -> str:
    """A workflow's name, maybe with the prefix of a flow or of a function's events. Raises InvalidCursor."""
    if names.fault_of(cursor.rpartition(":")[2]):
        raise InvalidCursor()
    return cursor
