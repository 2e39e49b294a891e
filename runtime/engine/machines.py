"""What is wrong with a state machine: each state by the table of its type and language, and how they hang together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Any

from runtime.engine import rules
from runtime.engine.jsonata import is_expression
from runtime.engine.kinds import Fault, Table, check, cut, did_you_mean, named, shown
from runtime.engine.load import is_distributed
from runtime.engine.resources import ACTIVITY, FOREIGN, INVOKE, START, function_of, read

Json = Any


def faults(document: Json, functions: Collection[str], aliases: Mapping[str, str]) -> Iterator[Fault]:
    """The faults of a whole machine."""
    return chain(
        _Machine(functions, aliases, document).of(document, "$", rules.MACHINE),
        _named_twice(document, "$", {}),
        _assigned_twice(document, "$", {}),
    )


def known(function: str, path: str, functions: Collection[str]) -> Iterator[Fault]:
    """A step type must exist."""
    if function not in functions:
        yield Fault(path, f"there is no step type {shown(function)}", did_you_mean(function, functions))


def count(document: Json) -> int:
    """How many states a machine has, those inside others too."""
    own = list(_states_of(document).values())
    return len(own) + sum(count(inner) for state in own for _, inner in _inside(state))


class _Machine:
    """The check of a machine and of those inside it, with the functions that there are."""

    def __init__(self, functions: Collection[str], aliases: Mapping[str, str], whole: Json) -> None:
        self._functions = functions
        self._aliases = aliases
        self._language = whole.get("QueryLanguage", "JSONPath") if isinstance(whole, dict) else "JSONPath"

    def of(self, document: Json, path: str, table: Table) -> Iterator[Fault]:
        yield from check(document, path, table, "a state machine" if table is rules.MACHINE else "a branch")
        states = _states_of(document)
        if not isinstance(document, dict) or not isinstance(document.get("States"), dict):
            return
        for name, state in states.items():
            place = f"{path}.States.{cut(name)}"
            if not 1 <= len(name) <= 80:
                yield Fault(place, "a state's name has 1 to 80 characters")
            yield from self._state(state, place, states)
        yield from _target(document.get("StartAt"), f"{path}.StartAt", states)
        yield from _reach(document, path, states)

    def _state(self, state: Json, path: str, siblings: Mapping[str, Json]) -> Iterator[Fault]:
        kind = state.get("Type") if isinstance(state, dict) else None
        if not isinstance(kind, str) or kind not in rules.JSONPATH_STATES:
            yield from _bad_type(state, kind, path)
            return
        language = state.get("QueryLanguage", self._language)
        if language == "JSONPath" and self._language == "JSONata":
            yield Fault(f"{path}.QueryLanguage", "cannot be JSONPath where the whole state machine is JSONata")
        tables = rules.STATES.get(language) if isinstance(language, str) else None
        yield from check(state, path, (tables or rules.JSONPATH_STATES)[kind], f"a {kind} state")
        yield from _together(state, path, kind)
        yield from _exits(state, path, kind, siblings)
        if kind == "Task" and isinstance(state.get("Resource"), str):
            yield from self._resource(state, path, "Arguments" if language == "JSONata" else "Parameters")
        for field in ("Retry", "Catch"):
            yield from _wildcards(_listed(state, field), f"{path}.{field}")
        for place, inner in _inside(state):
            yield from self.of(inner, f"{path}.{place}", _table_of(place))

    def _resource(self, state: Mapping[str, Json], path: str, arguments: str) -> Iterator[Fault]:
        resource = read(state["Resource"], self._aliases)
        if resource.kind == FOREIGN:
            message = f"the integration {shown(resource.name)} does not run here: RESOURCE_ALIASES may name a function"
            yield Fault(f"{path}.Resource", message)
        elif resource.kind == INVOKE:
            yield from self._invocation(state.get(arguments, {}), f"{path}.{arguments}")
        elif resource.kind == START:
            yield from self._start(state.get(arguments, {}), f"{path}.{arguments}")
        elif resource.kind != ACTIVITY:
            yield from known(resource.name, f"{path}.Resource", self._functions)

    def _start(self, call: Json, place: str) -> Iterator[Fault]:
        """The start of an execution, as far as it is written down."""
        if isinstance(call, str) and is_expression(call):
            return
        yield from check(call, place, rules.START, "a call that starts an execution")
        if isinstance(call, dict) and ("StateMachineArn" in call) == ("StateMachineArn.$" in call):
            yield Fault(place, "a call that starts an execution needs the field 'StateMachineArn'")

    def _invocation(self, call: Json, place: str) -> Iterator[Fault]:
        """The call of a function by its name, as far as it is written down and not computed."""
        if isinstance(call, str) and is_expression(call):
            return
        yield from check(call, place, rules.INVOCATION, "a call of a function")
        if not isinstance(call, dict):
            return
        name = call.get("FunctionName")
        if ("FunctionName" in call) == ("FunctionName.$" in call):
            yield Fault(place, "a call of a function needs the field 'FunctionName'")
        elif isinstance(name, str) and not is_expression(name):
            yield from known(function_of(name), f"{place}.FunctionName", self._functions)


def _table_of(place: str) -> Table:
    return rules.BRANCH if place.startswith("Branches") else rules.PROCESSOR


def _states_of(document: Json) -> Mapping[str, Json]:
    states = document.get("States") if isinstance(document, dict) else None
    return states if isinstance(states, dict) else {}


def _inside(state: Json) -> Iterator[tuple[str, Json]]:
    """The machines inside a state, each with its place: branches, or a processor."""
    for index, branch in enumerate(_listed(state, "Branches")):
        yield f"Branches[{index}]", branch
    for field in ("ItemProcessor", "Iterator"):
        if isinstance(state, dict) and field in state:
            yield field, state[field]


def _together(state: Mapping[str, Json], path: str, kind: str) -> Iterator[Fault]:
    """Fields of which a state has exactly one, or at most one."""
    if kind == "Map" and not is_distributed(state):
        for name in rules.DISTRIBUTED_ONLY:
            if name in state:
                yield Fault(f"{path}.{name}", "only a Map in distributed mode has this field")
    for names in rules.ONE_OF.get(kind, ()):
        if sum(name in state for name in names) != 1:
            yield Fault(path, f"needs exactly one of {', '.join(names)}")
    for names in rules.AT_MOST_ONE.get(kind, ()):
        if sum(name in state for name in names) > 1:
            yield Fault(path, f"has at most one of {', '.join(names)}")


def _named_twice(document: Json, path: str, seen: dict[str, str]) -> Iterator[Fault]:
    """A state's name stands for one place only, also across branches."""
    for name, state in _states_of(document).items():
        place = f"{path}.States.{cut(name)}"
        if name in seen:
            yield Fault(place, f"the name {shown(name)} is taken by {seen[name]}")
        seen.setdefault(name, place)
        for inner_place, inner in _inside(state):
            yield from _named_twice(inner, f"{place}.{inner_place}", seen)


def _assigned_twice(document: Json, path: str, outer: Mapping[str, str]) -> Iterator[Fault]:
    """A variable belongs to one scope: what a machine assigns, no machine inside it may.

    Source: AWS Step Functions developer guide, "Passing data between states with variables", "Variable scope".
    """
    own: dict[str, str] = {}
    for place, variable in _assignments(document, path):
        if variable in outer:
            message = f"the variable {shown(variable)} is assigned outside already, at {outer[variable]}"
            yield Fault(f"{place}.{cut(variable)}", message)
        own.setdefault(variable, place)
    for name, state in _states_of(document).items():
        for place, inner in _inside(state):
            yield from _assigned_twice(inner, f"{path}.States.{cut(name)}.{place}", {**outer, **own})


def _assignments(document: Json, path: str) -> Iterator[tuple[str, str]]:
    """Where a machine's own states assign which variables: themselves, in their choices, in their catchers."""
    for name, state in _states_of(document).items():
        place = f"{path}.States.{cut(name)}"
        yield from _assigned(state, place)
        for field in ("Choices", "Catch"):
            for index, entry in enumerate(_listed(state, field)):
                yield from _assigned(entry, f"{place}.{field}[{index}]")


def _assigned(entry: Json, path: str) -> Iterator[tuple[str, str]]:
    variables = entry.get("Assign") if isinstance(entry, dict) else None
    for name in variables if isinstance(variables, dict) else ():
        yield f"{path}.Assign", name.removesuffix(".$")


def _listed(state: Json, field: str) -> list[Json]:
    """The list in a field of a state; an empty one when there is none."""
    found = state.get(field) if isinstance(state, dict) else None
    return found if isinstance(found, list) else []


def _bad_type(state: Json, kind: Json, path: str) -> Iterator[Fault]:
    if not isinstance(state, dict):
        yield Fault(path, f"a state must be an object, not {named(state)}")
    else:
        hint = did_you_mean(kind, rules.JSONPATH_STATES) if isinstance(kind, str) else None
        yield Fault(f"{path}.Type", f"must be one of {', '.join(rules.JSONPATH_STATES)}", hint)


def _exits(state: Mapping[str, Json], path: str, kind: str, siblings: Mapping[str, Json]) -> Iterator[Fault]:
    if kind not in ("Choice", "Succeed", "Fail") and ("Next" in state) == (state.get("End") is True):
        yield Fault(path, "needs either 'Next' or 'End': true")
    for field in ("Next", "Default"):
        yield from _target(state.get(field), f"{path}.{field}", siblings)
    for field in ("Catch", "Choices"):
        for index, entry in enumerate(_listed(state, field)):
            if isinstance(entry, dict):
                yield from _target(entry.get("Next"), f"{path}.{field}[{index}].Next", siblings)


def _wildcards(entries: list[Json], path: str) -> Iterator[Fault]:
    """``States.ALL`` stands alone in its list, and in the last entry: whatever followed would never be reached."""
    for index, entry in enumerate(entries):
        errors = _listed(entry, "ErrorEquals")
        if "States.ALL" in errors and (len(errors) > 1 or index < len(entries) - 1):
            yield Fault(f"{path}[{index}].ErrorEquals", "'States.ALL' must stand alone, and in the last entry")


def _target(name: Json, path: str, siblings: Mapping[str, Json]) -> Iterator[Fault]:
    if isinstance(name, str) and name not in siblings:
        yield Fault(path, f"there is no state {shown(name)} here", did_you_mean(name, siblings))


def _reach(document: Mapping[str, Json], path: str, states: Mapping[str, Json]) -> Iterator[Fault]:
    """States that nothing leads to; and a machine whose reached states all go on can never end."""
    reached: set[str] = set()
    waiting = [document.get("StartAt")]
    while waiting:
        name = waiting.pop()
        if not isinstance(name, str) or name in reached or not isinstance(states.get(name), dict):
            continue
        reached.add(name)
        waiting.extend(_following(states[name]))
    for name in sorted(states.keys() - reached):
        yield Fault(f"{path}.States.{cut(name)}", "no state leads here")
    if reached and all(_goes_on(states[name]) for name in reached):
        yield Fault(path, "no state ends this machine")


def _following(state: Mapping[str, Json]) -> Iterator[Json]:
    """Whatever a state says may come after it."""
    yield from (state.get("Next"), state.get("Default"))
    for entry in (*_listed(state, "Catch"), *_listed(state, "Choices")):
        if isinstance(entry, dict):
            yield entry.get("Next")


def _goes_on(state: Mapping[str, Json]) -> bool:
    goes = "Next" in state or bool(_listed(state, "Choices"))
    return goes and state.get("Type") not in ("Succeed", "Fail")
