"""What is wrong with a definition: the faults at once, each with its place. An empty list means it can be run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from runtime.engine import rules
from runtime.engine.definition import WITH_TOKEN, function_of
from runtime.engine.rules import Fault, check, cut, did_you_mean, named, shown

Json = Any

MOST_FAULTS = 100
STATES_A_STEP = 3
"""Room for a task, its group and the state that merges the group's results: a list may be stored as a machine too."""


def workflow(definition: Json, functions: Collection[str], steps: int = 1000) -> list[Fault]:
    """The faults of a definition in either notation. ``functions``: the step types that exist; ``steps``: the most."""
    if isinstance(definition, dict) and "StartAt" in definition and "steps" not in definition:
        faults = chain(
            _too_many(_states(definition), steps * STATES_A_STEP, "$.States", "states"),
            _machine(definition, "$", rules.MACHINE, functions),
            _named_twice(definition, "$", {}),
        )
    else:
        faults = chain(_step_list(definition, functions, steps))
    return list(islice(faults, MOST_FAULTS))


def flow(tree: Json, functions: Collection[str], steps: int = 1000) -> list[Fault]:
    """The faults of a BullMQ-style tree."""
    faults = list(islice(_node(tree, "$", functions), MOST_FAULTS))
    return faults or list(_too_many(_nodes(tree), steps, "$"))


def is_step_list(definition: Mapping[str, Json]) -> bool:
    """Which of the two notations a valid definition is written in."""
    return "steps" in definition


def _step_list(definition: Json, functions: Collection[str], most: int) -> Iterator[Fault]:
    if not isinstance(definition, dict):
        yield Fault("$", f"a definition must be an object with steps, or a state machine, not {named(definition)}")
        return
    kind = rules.list_of(lambda value, path: _step(value, path, functions), least=1)
    yield from check(definition, "$", {"steps": rules.Field(kind, required=True)}, "a step list")
    steps = list(_steps(definition.get("steps"), "$.steps"))
    yield from _too_many(len(steps), most, "$.steps")
    yield from _doubled(steps)


def _step(value: Json, path: str, functions: Collection[str]) -> Iterator[Fault]:
    if isinstance(value, dict) and "parallel" in value:
        kind = rules.list_of(lambda member, place: _step(member, place, functions), least=1)
        yield from check(value, path, {"parallel": rules.Field(kind, required=True)}, "a parallel group")
        return
    yield from check(value, path, rules.STEP, "a step")
    if isinstance(value, dict) and isinstance(value.get("taskName"), str):
        yield from _known(value["taskName"], f"{path}.taskName", functions)


def _steps(value: Json, path: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Every step with its path, those of groups too; what is no step is passed over."""
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict) and "parallel" in item:
            yield from _steps(item["parallel"], f"{path}[{index}].parallel")
        elif isinstance(item, dict):
            yield f"{path}[{index}]", item


def _doubled(steps: list[tuple[str, Mapping[str, Json]]]) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for path, step in steps:
        name = step.get("name")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Fault(f"{path}.name", f"the name {shown(name)} is taken by {seen[name]}")
        seen.setdefault(name, path)


def _too_many(found: int, most: int, path: str, of: str = "steps") -> Iterator[Fault]:
    if found > most:
        yield Fault(path, f"has {found} {of}; the limit is {most}")


def _known(function: str, path: str, functions: Collection[str]) -> Iterator[Fault]:
    if function not in functions:
        yield Fault(path, f"there is no step type {shown(function)}", did_you_mean(function, functions))


def _node(value: Json, path: str, functions: Collection[str]) -> Iterator[Fault]:
    table = {
        "name": rules.Field(rules.text, required=True),
        "data": rules.Field(rules.anything),
        "opts": rules.Field(rules.object_of(rules.FLOW_OPTIONS, "opts")),
        "children": rules.Field(rules.list_of(lambda child, place: _node(child, place, functions))),
    }
    yield from check(value, path, table, "a job")
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        yield from _known(value["name"], f"{path}.name", functions)


def _nodes(tree: Mapping[str, Json]) -> int:
    return 1 + sum(_nodes(child) for child in tree.get("children") or ())


def _machine(document: Json, path: str, table: rules.Table, functions: Collection[str]) -> Iterator[Fault]:
    yield from check(document, path, table, "a state machine" if table is rules.MACHINE else "a branch")
    states = document.get("States") if isinstance(document, dict) else None
    if not isinstance(states, dict):
        return
    for name, state in states.items():
        place = f"{path}.States.{cut(name)}"
        if not 1 <= len(name) <= 80:
            yield Fault(place, "a state's name has 1 to 80 characters")
        yield from _state(state, place, states, functions)
    yield from _target(document.get("StartAt"), f"{path}.StartAt", states)
    yield from _reach(document, path, states)


def _states(document: Json) -> int:
    """How many states a machine has, those of its branches too."""
    states = document.get("States") if isinstance(document, dict) else None
    own = list(states.values()) if isinstance(states, dict) else []
    return len(own) + sum(_states(branch) for state in own for branch in _listed(state, "Branches"))


def _named_twice(document: Json, path: str, seen: dict[str, str]) -> Iterator[Fault]:
    """A state's name stands for one place only, also across branches."""
    states = document.get("States") if isinstance(document, dict) else None
    for name, state in states.items() if isinstance(states, dict) else ():
        place = f"{path}.States.{cut(name)}"
        if name in seen:
            yield Fault(place, f"the name {shown(name)} is taken by {seen[name]}")
        seen.setdefault(name, place)
        for index, branch in enumerate(_listed(state, "Branches")):
            yield from _named_twice(branch, f"{place}.Branches[{index}]", seen)


def _listed(state: Json, field: str) -> list[Json]:
    """The list in a field of a state; an empty one when there is none."""
    found = state.get(field) if isinstance(state, dict) else None
    return found if isinstance(found, list) else []


def _state(state: Json, path: str, siblings: Mapping[str, Json], functions: Collection[str]) -> Iterator[Fault]:
    kind = state.get("Type") if isinstance(state, dict) else None
    if not isinstance(kind, str) or kind not in rules.STATES:
        yield from _bad_type(state, kind, path)
        return
    yield from check(state, path, rules.STATES[kind], f"a {kind} state")
    yield from _exits(state, path, kind, siblings)
    if kind == "Task" and isinstance(state.get("Resource"), str):
        yield from _resource(state, path, functions)
    for field in ("Retry", "Catch"):
        yield from _wildcards(_listed(state, field), f"{path}.{field}")
    if kind == "Parallel":
        for index, branch in enumerate(_listed(state, "Branches")):
            yield from _machine(branch, f"{path}.Branches[{index}]", rules.BRANCH, functions)


def _resource(state: Mapping[str, Json], path: str, functions: Collection[str]) -> Iterator[Fault]:
    if state["Resource"] != WITH_TOKEN:
        yield from _known(function_of(state["Resource"]), f"{path}.Resource", functions)
        return
    parameters = state.get("Parameters", {})
    yield from check(parameters, f"{path}.Parameters", rules.TOKEN_PARAMETERS, "a call with a task token")
    if isinstance(parameters, dict) and isinstance(parameters.get("FunctionName"), str):
        yield from _known(function_of(parameters["FunctionName"]), f"{path}.Parameters.FunctionName", functions)


def _bad_type(state: Json, kind: Json, path: str) -> Iterator[Fault]:
    if not isinstance(state, dict):
        yield Fault(path, f"a state must be an object, not {named(state)}")
    elif kind in rules.LATER:
        yield Fault(f"{path}.Type", f"{kind} states cannot be run yet")
    else:
        hint = did_you_mean(kind, rules.STATES) if isinstance(kind, str) else None
        yield Fault(f"{path}.Type", f"must be one of {', '.join(rules.STATES)}", hint)


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
