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
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.locations import ROOT, Location
from stepwell.runtime.workflows import Workflows

NO_JSON = "INVALID_JSON_DESCRIPTION"
_NO_MACHINE = "a state machine needs the fields 'StartAt' and 'States', and has no field 'steps'"


def compiled(workflows: Workflows, text: str, kind: str) -> Compiled:
    """The compiled definition. Raises InvalidDefinition with all its faults."""
    document, found = judged(workflows, text, kind)
    if found:
        raise refusal(found)
    return workflows.compile(document)


def judged(workflows: Workflows, text: str, kind: str) -> tuple[Json, Sequence[DefinitionFault]]:
    """The document and its faults."""
    try:
        document = jsontext.read(text, workflows.limits.depth)
    except jsontext.NotJson as fault:
        return None, [DefinitionFault(NO_JSON, str(fault), "")]
    if isinstance(document, dict) and ("StartAt" not in document or validate.is_step_list(document)):
        return document, [DefinitionFault(SCHEMA, _NO_MACHINE, "/")]
    found = workflows.faults(document)
    if not found and kind == EXPRESS:
        found = list(_of_express(document, ROOT))
    return document, [as_aws(one) for one in found]


def refusal(faults: Sequence[DefinitionFault]) -> InvalidDefinition:
    """The error for these faults, in AWS's form."""
    text = ", ".join(f"{one.code}: {one.message} at {one.location or 'null'}" for one in faults)
    return InvalidDefinition(f"Invalid State Machine Definition: '{text}'")


def as_aws(fault: Fault) -> DefinitionFault:
    """A fault in AWS's form. AWS gives no location for a machine without an end."""
    nowhere = fault.code == NO_END and fault.where == ROOT
    return DefinitionFault(fault.code, fault.full_message, "" if nowhere else fault.where.aws_location)


def waits_outside(resource: str) -> bool:
    """Whether a Task with this resource waits for an answer from outside."""
    return ":activity:" in resource or resource.endswith((".waitForTaskToken", ".sync", ".sync:2"))


def _of_express(machine: Json, where: Location) -> Iterator[Fault]:
    """The faults of an Express workflow: it may neither wait for answers from outside nor have child executions."""
    for name, state in states_of(machine).items():
        place = where / "States" / name
        if waits_outside(state.get("Resource", "")):
            form = "." + state["Resource"].rpartition(".")[2] if "activity" not in state["Resource"] else "activity"
            yield Fault(place / "Resource", f"Express state machine does not support '{form}' service integration")
        if state["Type"] == "Map" and is_distributed(state):
            yield Fault(place, "Express state machine does not support a Map in distributed mode")
        for way, inner in inside(state):
            yield from _of_express(inner, place / way)
