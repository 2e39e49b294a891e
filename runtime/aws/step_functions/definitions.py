"""Checks and compiles definitions in AWS's form: they come as texts, faults are reported in AWS's categories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stepwell.functions.contract import Json
from stepwell.functions.contract.step_functions import EXPRESS, DefinitionFault
from stepwell.functions.errors.step_functions import InvalidDefinition
from stepwell.runtime.engine.definition import validate
from stepwell.runtime.engine.definition.field_kinds import NO_END, SCHEMA, Fault
from stepwell.runtime.engine.definition.graph import inside, states_of
from stepwell.runtime.engine.definition.load import is_distributed
from stepwell.runtime.engine.definition.steplist import Compiled
from stepwell.runtime.engine.values import json_faults, jsontext
from stepwell.runtime.engine.values.locations import ROOT, Location
from stepwell.runtime.workflows import Workflows

NO_JSON = "INVALID_JSON_DESCRIPTION"
_NO_OBJECT = "Definition must be a valid JSON object"
_REQUIRED = ("States", "StartAt")


def compiled(workflows: Workflows, text: str, kind: str) -> Compiled:
    """The compiled definition. Raises InvalidDefinition with all its faults."""
    document, found = judged(workflows, text, kind)
    if found:
        raise refusal(found)
    return workflows.compile(document)


def judged(workflows: Workflows, text: str, kind: str) -> tuple[Json, Sequence[DefinitionFault]]:
    """The document and its faults."""
    document, unread = read(workflows, text)
    if unread:
        return document, unread
    if missing := [name for name in _REQUIRED if name not in document]:
        return document, [DefinitionFault(SCHEMA, f"These fields are required: [{', '.join(missing)}]", "/")]
    if validate.is_step_list(document):
        return document, [DefinitionFault(SCHEMA, "Field is not supported", "/steps")]
    found = workflows.faults(document)
    if kind == EXPRESS:
        found = _before_others(list(_of_express(document, ROOT)), found)
    return document, [as_aws(one) for one in found]


def read(workflows: Workflows, text: str) -> tuple[Json, Sequence[DefinitionFault]]:
    """The document in a text; the fault of a text that holds no object."""
    try:
        document = jsontext.read(text, workflows.limits.depth)
    except jsontext.NotJson as fault:
        return None, [no_json(text, fault)]
    return document, [] if isinstance(document, dict) else [DefinitionFault(SCHEMA, _NO_OBJECT, "")]


def no_json(text: str, fault: jsontext.NotJson) -> DefinitionFault:
    """The fault of a definition that is no JSON: in Jackson's words where they are known, else in ours."""
    if not text.strip():
        return DefinitionFault(SCHEMA, _NO_OBJECT, "")
    known = json_faults.fault_of(text)
    if known is None:
        return DefinitionFault(NO_JSON, str(fault), "")
    return DefinitionFault(NO_JSON, f"{known.message}\n at {known.location}", known.location)


def refusal(faults: Sequence[DefinitionFault]) -> InvalidDefinition:
    """The error for these faults, in AWS's form."""
    text = ", ".join(f"{one.code}: {one.message}{_at(one)}" for one in faults)
    return InvalidDefinition(f"Invalid State Machine Definition: '{text}'")


def as_aws(fault: Fault) -> DefinitionFault:
    """A fault in AWS's form. AWS gives no location for a machine without an end."""
    nowhere = fault.code == NO_END and fault.where == ROOT
    message, where = fault.on_aws or (fault.full_message, fault.where)
    return DefinitionFault(fault.code, message, "" if nowhere else where.aws_location)


def _at(fault: DefinitionFault) -> str:
    """The location behind a message; a message that is Jackson's has it already."""
    return "" if fault.location and fault.message.endswith(fault.location) else f" at {fault.location or 'null'}"


def waits_outside(resource: str) -> bool:
    """Whether a Task with this resource waits for an answer from outside."""
    return ":activity:" in resource or resource.endswith((".waitForTaskToken", ".sync", ".sync:2"))


def _of_express(machine: Json, where: Location) -> Iterator[Fault]:
    """The faults of an Express workflow: it may neither wait for answers from outside nor have child executions."""
    for name, state in states_of(machine).items():
        place = where / "States" / name
        resource = state.get("Resource") if isinstance(state, dict) else None
        if isinstance(resource, str) and waits_outside(resource):
            yield Fault(place / "Resource", f"Express state machine does not support {_waiting(resource)}")
        if isinstance(state, dict) and state.get("Type") == "Map" and is_distributed(state):
            yield Fault(place, "Express state machine does not support a Map in distributed mode")
        for way, inner in inside(state):
            yield from _of_express(inner, place / way)


def _waiting(resource: str) -> str:
    """What a resource waits for, as AWS names it. One of its names ends in a blank."""
    if ":activity:" in resource:
        return "Activity ARN"
    pattern = resource.rpartition(".")[2]
    return f"'.{pattern}' service integration" + (" " if pattern == "waitForTaskToken" else "")


def _before_others(express: list[Fault], others: Sequence[Fault]) -> list[Fault]:
    """What an Express workflow may not do, and then the other faults of other fields.

    AWS knows each service, so it says of such a call only that: not that it does not run here.
    """
    places = [one.where.steps for one in express]
    return express + [one for one in others if one.where.steps not in places]
