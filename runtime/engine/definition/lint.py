"""Warnings for a valid definition: fields that have no effect here, and values that are probably mistakes.

Sources: AWS Step Functions developer guide, "Task workflow state" (Credentials) and "Invoke an AWS Lambda function";
its API reference, "ValidateStateMachineDefinitionDiagnostic" (NO_DOLLAR, PASS_RESULT_IS_STATIC).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from stepwell.runtime.engine.definition.field_kinds import Fault, cut
from stepwell.runtime.engine.definition.graph import inside, states_of
from stepwell.runtime.engine.definition.resources import INVOKE, NO_ALIASES, read
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import ROOT, Location

MOST = 100
IGNORED, NO_DOLLAR, STATIC = "IGNORED", "NO_DOLLAR", "PASS_RESULT_IS_STATIC"
"""AWS's codes, except IGNORED, which is our own."""
_TEMPLATES = ("Parameters", "ItemSelector", "ResultSelector")
_PATH = re.compile(r"\${1,2}(\.[^\W\d]|\[['0-9*?])|States\.[A-Z]\w+\(")
JSONPATH = "JSONPath"
_CREDENTIALS = "is read and ignored: functions run here without a role"
_IGNORED = {
    "ClientContext": "is read and ignored",
    "LogType": "is read and ignored: a task's logs are with its attempts",
}


def warnings(definition: Json, aliases: Mapping[str, str] = NO_ALIASES) -> list[Fault]:
    """The warnings for a valid definition, with their locations: 100 at most. A step list has none."""
    language = definition.get("QueryLanguage", JSONPATH)
    return list(islice(_of_machine(definition, ROOT, language, aliases), MOST))


def _of_machine(machine: Json, where: Location, language: str, aliases: Mapping[str, str]) -> Iterator[Fault]:
    for name, state in states_of(machine).items():
        place = where / "States" / name
        if state["Type"] == "Task":
            yield from _of_task(state, place, aliases)
        if state.get("QueryLanguage", language) == JSONPATH:
            yield from _taken_as_written(state, place)
        for way, inner in inside(state):
            yield from _of_machine(inner, place / way, language, aliases)


def _of_task(state: Mapping[str, Json], where: Location, aliases: Mapping[str, str]) -> Iterator[Fault]:
    if "Credentials" in state:
        yield Fault(where / "Credentials", _CREDENTIALS, code=IGNORED)
    if read(state["Resource"], aliases).kind != INVOKE:
        return
    for field in ("Parameters", "Arguments"):
        call = state.get(field)
        for name in call if isinstance(call, dict) else ():
            if name.removesuffix(".$") in _IGNORED:
                yield Fault(where / field / name, _IGNORED[name.removesuffix(".$")], code=IGNORED)


def _taken_as_written(state: Mapping[str, Json], where: Location) -> Iterator[Fault]:
    """Warnings for strings that look like a path in members whose names do not end in ``.$``."""
    for field in _TEMPLATES:
        for place in _paths_in(state.get(field), where / field):
            yield Fault(place, "looks like a path and is taken as it is written", _meant(place), NO_DOLLAR)
    if state["Type"] == "Pass":
        for place in _paths_in(state.get("Result"), where / "Result"):
            yield Fault(place, "looks like a path, but Result is taken as it is written", "use Parameters", STATIC)


def _paths_in(value: Json, where: Location) -> Iterator[Location]:
    if isinstance(value, str) and _PATH.match(value):
        yield where
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in members:
        if not (isinstance(step, str) and step.endswith(".$")):
            yield from _paths_in(one, where / step)


def _meant(place: Location) -> str | None:
    name = place.steps[-1]
    return f"name the field '{cut(name)}.$'" if isinstance(name, str) else None
