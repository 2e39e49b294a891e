"""The faults of a state machine: those of each state, by the table for its type and language, and those of links."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from stepwell.runtime.engine.definition import rules
from stepwell.runtime.engine.definition.field_kinds import (
    BAD_NAME,
    NO_END,
    RESOURCE,
    TARGET,
    TWICE,
    Fault,
    Table,
    check,
    cut,
    did_you_mean,
    named,
    shown,
)
from stepwell.runtime.engine.definition.load import is_distributed
from stepwell.runtime.engine.definition.map_rules import DISTRIBUTED, TOLERATED
from stepwell.runtime.engine.definition.resources import ACTIVITY, ANSWER, FOREIGN, INVOKE, START, function_of, read
from stepwell.runtime.engine.language.jsonata.expressions import is_expression
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import ROOT, Location, Steps


def faults(document: Json, functions: Collection[str] | None, aliases: Mapping[str, str]) -> Iterator[Fault]:
    """The faults of a whole machine.

    ``functions`` are the step types that exist, ``aliases`` has the function for each resource that has one. Without
    ``functions`` nothing that a Task calls is looked into.
    """
    return chain(
        _Machine(functions, aliases, document).of(document, ROOT, rules.MACHINE),
        _named_twice(document, ROOT, {}),
        _assigned_twice(document, ROOT, {}),
    )


def known(function: str, where: Location, functions: Collection[str]) -> Iterator[Fault]:
    """The fault of a step type that does not exist."""
    if function not in functions:
        yield Fault(where, f"there is no step type {shown(function)}", did_you_mean(function, functions))


def count(document: Json) -> int:
    """The number of states of a machine and of all machines inside it."""
    own = list(states_of(document).values())
    return len(own) + sum(count(inner) for state in own for _, inner in inside(state))


_ONE_LANGUAGE = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"


class _Machine:
    """Checks a machine and the machines inside it. ``whole`` is the outermost one: it sets the query language."""

    def __init__(self, functions: Collection[str] | None, aliases: Mapping[str, str], whole: Json) -> None:
        self._checks_calls = functions is not None
        self._functions = () if functions is None else functions
        self._aliases = aliases
        self._language = whole.get("QueryLanguage", "JSONPath") if isinstance(whole, dict) else "JSONPath"

    def of(self, document: Json, where: Location, table: Table) -> Iterator[Fault]:
        yield from check(document, where, table, "a state machine" if table is rules.MACHINE else "a branch")
        states = states_of(document)
        if not isinstance(document, dict) or not isinstance(document.get("States"), dict):
            return
        for name, state in states.items():
            place = where / "States" / name
            if not 1 <= len(name) <= 80:
                yield Fault(place, "a state's name has 1 to 80 characters", code=BAD_NAME)
            yield from self._state(state, place, states)
        yield from _target(document.get("StartAt"), where / "StartAt", states)
        yield from _reach(document, where, states)

    def _state(self, state: Json, where: Location, siblings: Mapping[str, Json]) -> Iterator[Fault]:
        kind = state.get("Type") if isinstance(state, dict) else None
        if not isinstance(kind, str) or kind not in rules.JSONPATH_STATES:
            yield from _bad_type(state, kind, where)
            return
        language = state.get("QueryLanguage", self._language)
        if language == "JSONPath" and self._language == "JSONata":
            message = "cannot be JSONPath where the whole state machine is JSONata"
            yield Fault(where / "QueryLanguage", message, on_aws=(_ONE_LANGUAGE, where))
        spoken = language if isinstance(language, str) and language in rules.STATES else "JSONPath"
        yield from check(state, where, rules.STATES[spoken][kind], f"a {kind} state", rules.ELSEWHERE[spoken][kind])
        yield from _together(state, where, kind, spoken == "JSONata")
        yield from _exits(state, where, kind, siblings)
        if kind == "Task" and self._checks_calls and isinstance(state.get("Resource"), str):
            yield from self._resource(state, where, "Arguments" if language == "JSONata" else "Parameters")
        for field in ("Retry", "Catch"):
            yield from _wildcards(_listed(state, field), where / field)
        for way, inner in inside(state):
            yield from self.of(inner, where / way, _table_of(way))

    def _resource(self, state: Mapping[str, Json], where: Location, arguments: str) -> Iterator[Fault]:
        resource = read(state["Resource"], self._aliases)
        if resource.kind == FOREIGN:
            message = f"the integration {shown(resource.name)} does not run here"
            yield Fault(where / "Resource", message, _mapping(state["Resource"], "this call"), RESOURCE)
        elif resource.kind == INVOKE:
            yield from self._invocation(state.get(arguments, {}), where / arguments)
        elif resource.kind == START:
            yield from _call(state.get(arguments, {}), where / arguments, rules.START, "StateMachineArn")
        elif resource.kind == ANSWER:
            yield from _call(state.get(arguments, {}), where / arguments, rules.ANSWER, "TaskToken")
        elif resource.kind != ACTIVITY:
            yield from self._callable(state["Resource"], where / "Resource")

    def _invocation(self, call: Json, place: Location) -> Iterator[Fault]:
        """The faults of a call of ``lambda:invoke``. A function's name that is computed is not checked."""
        if isinstance(call, str) and is_expression(call):
            return
        yield from check(call, place, rules.INVOCATION, "a call of a function")
        if not isinstance(call, dict):
            return
        name = call.get("FunctionName")
        if ("FunctionName" in call) == ("FunctionName.$" in call):
            yield Fault(place, "a call of a function needs the field 'FunctionName'")
        elif isinstance(name, str) and not is_expression(name):
            yield from self._callable(name, place / "FunctionName")

    def _callable(self, text: str, where: Location) -> Iterator[Fault]:
        """The fault of a function, by name or ARN, that neither exists nor has an alias."""
        name = function_of(text, self._aliases)
        for fault in known(name, where, self._functions):
            yield fault if name == text else replace(fault, hint=fault.hint or _mapping(name, "it"))


_CALLS = {"StateMachineArn": "a call that starts an execution", "TaskToken": "a call that answers a task"}


def _call(call: Json, place: Location, table: Table, needed: str) -> Iterator[Fault]:
    """The faults of a call of Step Functions itself. Expressions are not looked into."""
    if isinstance(call, str) and is_expression(call):
        return
    yield from check(call, place, table, _CALLS[needed])
    if isinstance(call, dict) and (needed in call) == (f"{needed}.$" in call):
        yield Fault(place, f"{_CALLS[needed]} needs the field {needed!r}")


def _mapping(name: str, what: str) -> str:
    """The hint how to replace a resource that does not run here with a function."""
    return f'map {what} to a function of yours: RESOURCE_ALIASES={{"{cut(name)}": "your_function"}}'


def _table_of(way: Steps) -> Table:
    return rules.BRANCH if way[0] == "Branches" else rules.PROCESSOR


def states_of(document: Json) -> Mapping[str, Json]:
    """The states of a machine; none when the document is no machine."""
    states = document.get("States") if isinstance(document, dict) else None
    return states if isinstance(states, dict) else {}


def inside(state: Json) -> Iterator[tuple[Steps, Json]]:
    """The machines inside a state, each with the steps to it: branches, or a processor."""
    for index, branch in enumerate(_listed(state, "Branches")):
        yield ("Branches", index), branch
    for field in ("ItemProcessor", "Iterator"):
        if isinstance(state, dict) and field in state:
            yield (field,), state[field]


def _together(state: Mapping[str, Json], where: Location, kind: str, is_jsonata: bool) -> Iterator[Fault]:
    """Faults of fields that exclude or require each other."""
    if kind == "Map" and not is_distributed(state):
        # AWS was seen to take these two in an inline JSONata Map, where they do nothing.
        known = TOLERATED if is_jsonata else ()
        for name in DISTRIBUTED:
            if name in state and name not in known:
                yield Fault(where / name, "only a Map in distributed mode has this field")
    if kind == "Task" and _beats_too_late(state):
        yield Fault(where / "HeartbeatSeconds", "must be smaller than 'TimeoutSeconds'")
    for names in rules.ONE_OF.get(kind, ()):
        if sum(name in state for name in names) != 1:
            yield Fault(where, f"needs exactly one of {', '.join(names)}")
    for names in rules.AT_MOST_ONE.get(kind, ()):
        if sum(name in state for name in names) > 1:
            yield Fault(where, f"has at most one of {', '.join(names)}")


def _beats_too_late(state: Mapping[str, Json]) -> bool:
    """True if a Task's heartbeat and its time-out are both given as numbers, and the heartbeat is not the smaller one.

    Source: developer guide, "Task workflow state".
    """
    heartbeat, timeout = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
    are_numbers = all(isinstance(one, int | float) for one in (heartbeat, timeout))
    return are_numbers and heartbeat >= timeout  # type: ignore[operator]


def _named_twice(document: Json, where: Location, seen: dict[str, Location]) -> Iterator[Fault]:
    """Faults of names that two states have, be it in different branches. ``seen`` collects the names."""
    for name, state in states_of(document).items():
        place = where / "States" / name
        if name in seen:
            yield Fault(place, f"the name {shown(name)} is taken by {seen[name]}", code=TWICE)
        seen.setdefault(name, place)
        for way, inner in inside(state):
            yield from _named_twice(inner, place / way, seen)


def _assigned_twice(document: Json, where: Location, outer: Mapping[str, Location]) -> Iterator[Fault]:
    """Faults of variables that a machine assigns and a machine inside it assigns again. ``outer`` has those from
    outside.

    Source: AWS Step Functions developer guide, "Passing data between states with variables", "Variable scope".
    """
    own: dict[str, Location] = {}
    for place, variable in _assignments(document, where):
        if variable in outer:
            message = f"the variable {shown(variable)} is assigned outside already, at {outer[variable]}"
            yield Fault(place / variable, message)
        own.setdefault(variable, place)
    for name, state in states_of(document).items():
        for way, inner in inside(state):
            yield from _assigned_twice(inner, where / "States" / name / way, {**outer, **own})


def _assignments(document: Json, where: Location) -> Iterator[tuple[Location, str]]:
    """The variables that a machine's own states assign, each with its location: in the state, a choice or a catcher."""
    for name, state in states_of(document).items():
        place = where / "States" / name
        yield from _assigned(state, place)
        for field in ("Choices", "Catch"):
            for index, entry in enumerate(_listed(state, field)):
                yield from _assigned(entry, place / field / index)


def _assigned(entry: Json, where: Location) -> Iterator[tuple[Location, str]]:
    variables = entry.get("Assign") if isinstance(entry, dict) else None
    for name in variables if isinstance(variables, dict) else ():
        yield where / "Assign", name.removesuffix(".$")


def _listed(state: Json, field: str) -> list[Json]:
    """The list in a field of a state; an empty list when there is none."""
    found = state.get(field) if isinstance(state, dict) else None
    return found if isinstance(found, list) else []


def _bad_type(state: Json, kind: Json, where: Location) -> Iterator[Fault]:
    if not isinstance(state, dict):
        yield Fault(where, f"a state must be an object, not {named(state)}")
    else:
        hint = did_you_mean(kind, rules.TYPES) if isinstance(kind, str) else None
        types, place = ", ".join(rules.TYPES), where / "Type"
        on_aws = f"The field 'Type' should have one of these values: [{types}]"
        yield Fault(place, f"must be one of {types}", hint, on_aws=(on_aws, place))


def _exits(state: Mapping[str, Json], where: Location, kind: str, siblings: Mapping[str, Json]) -> Iterator[Fault]:
    if kind not in ("Choice", "Succeed", "Fail") and ("Next" in state) == (state.get("End") is True):
        yield Fault(where, "needs either 'Next' or 'End': true")
    for field in ("Next", "Default"):
        yield from _target(state.get(field), where / field, siblings)
    for field in ("Catch", "Choices"):
        for index, entry in enumerate(_listed(state, field)):
            if isinstance(entry, dict):
                yield from _target(entry.get("Next"), where / field / index / "Next", siblings)


def _wildcards(entries: list[Json], where: Location) -> Iterator[Fault]:
    """Faults of ``States.ALL``. It must be alone in its list, and in the last entry: nothing behind it can match."""
    for index, entry in enumerate(entries):
        errors = _listed(entry, "ErrorEquals")
        if "States.ALL" in errors and (len(errors) > 1 or index < len(entries) - 1):
            yield Fault(where / index / "ErrorEquals", "'States.ALL' must stand alone, and in the last entry")


def _target(name: Json, where: Location, siblings: Mapping[str, Json]) -> Iterator[Fault]:
    if isinstance(name, str) and name not in siblings:
        yield Fault(where, f"there is no state {shown(name)} here", did_you_mean(name, siblings), TARGET)


def _reach(document: Mapping[str, Json], where: Location, states: Mapping[str, Json]) -> Iterator[Fault]:
    """Faults of states that no state leads to. A machine that cannot end has that one fault instead.

    AWS does the same: github.com/floci-io/floci/pull/2786 has answers of its ValidateStateMachineDefinition.
    """
    if states and all(_goes_on(one) for one in states.values()):
        yield Fault(where, "no state ends this machine", code=NO_END)
        return
    reached: set[str] = set()
    waiting = [document.get("StartAt")]
    while waiting:
        name = waiting.pop()
        if not isinstance(name, str) or name in reached or not isinstance(states.get(name), dict):
            continue
        reached.add(name)
        waiting.extend(_following(states[name]))
    for name in sorted(states.keys() - reached):
        yield Fault(where / "States" / name, "no state leads here", code=TARGET)


def _following(state: Mapping[str, Json]) -> Iterator[Json]:
    """The names of the states that may follow a state."""
    yield from (state.get("Next"), state.get("Default"))
    for entry in (*_listed(state, "Catch"), *_listed(state, "Choices")):
        if isinstance(entry, dict):
            yield entry.get("Next")


def _goes_on(state: Json) -> bool:
    """True if a state leads to another state and does not end its machine."""
    if not isinstance(state, dict):
        return False
    goes = "Next" in state or bool(_listed(state, "Choices"))
    return goes and state.get("Type") not in ("Succeed", "Fail")
