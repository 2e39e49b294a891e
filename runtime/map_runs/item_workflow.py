"""Stores the item processor of a Map in distributed mode as a hidden workflow, which the API does not list."""

from __future__ import annotations

import json
from uuid import UUID, uuid5

from peewee import fn

from stepwell.db.models import Execution, Version, Workflow
from stepwell.db.queries import clock_sql
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.ids import new_id


def version_of(row: Execution, state: str, label: str) -> Version:
    """The hidden workflow version used by the child executions of this Map Run. It is stored when there is none yet."""
    # The id follows from the version and the state: two pumps that store it at the same time write the same row.
    identity = str(uuid5(UUID(str(row.version_id)), state))
    found = Version.get_or_none(Version.id == identity)
    return _made(row, state, label, identity) if found is None else found


def _made(row: Execution, state: str, label: str, identity: str) -> Version:
    whole = Version.get_by_id(row.version_id)
    compiled = json.loads(whole.compiled)
    processor = {**_processor(compiled["machine"], state)}
    config = processor.pop("ProcessorConfig")
    if "QueryLanguage" in compiled["machine"]:
        processor["QueryLanguage"] = compiled["machine"]["QueryLanguage"]
    own = {**compiled, "machine": processor, "plan": [], "kind": config.get("ExecutionType", "STANDARD")}
    name = f"{row.workflow}/{label}"
    # It counts as deleted from its beginning: no listing shows it, and its versions stay for their executions.
    Workflow.insert(
        id=new_id(), name=name, latest=1, created_at=clock_sql(), deleted_at=clock_sql()
    ).on_conflict_ignore().execute()
    workflow = Workflow.get(Workflow.name == name)
    number = (Version.select(fn.MAX(Version.number)).where(Version.workflow_id == workflow.id).scalar() or 0) + 1
    Version.insert(
        id=identity,
        workflow_id=workflow.id,
        number=number,
        definition=jsontext.write(processor),
        compiled=json.dumps(own),
        options=whole.options,
        created_at=clock_sql(),
    ).on_conflict_ignore().execute()
    return Version.get_by_id(identity)


def _processor(machine: Json, state: str) -> Json:
    """The item processor of the Map with this name, at any depth. State names are unique in a machine."""
    waiting = [machine]
    while waiting:
        states = waiting.pop()["States"]
        if state in states:
            found = states[state]
            return found.get("ItemProcessor") or found["Iterator"]
        for one in states.values():
            inside = (one.get("ItemProcessor"), one.get("Iterator"), *one.get("Branches", ()))
            waiting += [machine for machine in inside if machine is not None]
    raise AssertionError(f"there is no state {state}")
