"""The faults of a definition, all at once, each with its location. A definition without faults can run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain, islice

from stepwell.runtime.engine.definition import field_kinds, graph, rules
from stepwell.runtime.engine.definition.field_kinds import Fault, FieldRule, check, named, shown
from stepwell.runtime.engine.definition.resources import NO_ALIASES
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import ROOT, Location

MOST_FAULTS = 100
STATES_A_STEP = 3
"""A step list may be stored as a state machine too. It then has at most this many states for each step: the task, its
group, and the state that merges the group's results."""


def workflow(
    definition: Json, functions: Collection[str], steps: int = 1000, aliases: Mapping[str, str] = NO_ALIASES
) -> list[Fault]:
    """The faults of a definition in either notation, 100 at most.

    ``functions`` are the step types that exist, ``steps`` is the highest number of steps, ``aliases`` has the function
    for each resource that has one.
    """
    if isinstance(definition, dict) and "StartAt" in definition and "steps" not in definition:
        return machine(definition, functions, steps, aliases)
    return list(islice(_step_list(definition, functions, steps), MOST_FAULTS))


def machine(definition: Json, functions: Collection[str] | None, steps: int, aliases: Mapping[str, str]) -> list[Fault]:
    """The faults of a state machine, 100 at most.

    Without ``functions`` nothing that a Task calls is looked into; the other arguments are those of :func:`workflow`.
    """
    too_many = _too_many(graph.count(definition), steps * STATES_A_STEP, ROOT / "States", "states")
    return list(islice(chain(too_many, graph.faults(definition, functions, aliases)), MOST_FAULTS))


def flow(tree: Json, functions: Collection[str], steps: int = 1000) -> list[Fault]:
    """The faults of a BullMQ-style tree, 100 at most."""
    faults = list(islice(_node(tree, ROOT, functions), MOST_FAULTS))
    return faults or list(_too_many(_nodes(tree), steps, ROOT))


def is_step_list(definition: Mapping[str, Json]) -> bool:
    """True if a valid definition is a step list, false if it is a state machine."""
    return "steps" in definition


def _step_list(definition: Json, functions: Collection[str], most: int) -> Iterator[Fault]:
    if not isinstance(definition, dict):
        yield Fault(ROOT, f"a definition must be an object with steps, or a state machine, not {named(definition)}")
        return
    kind = field_kinds.list_of(lambda value, where: _step(value, where, functions), least=1)
    yield from check(definition, ROOT, {"steps": FieldRule(kind, required=True)}, "a step list")
    steps = list(_steps(definition.get("steps"), ROOT / "steps"))
    yield from _too_many(len(steps), most, ROOT / "steps")
    yield from _doubled(steps)


def _step(value: Json, where: Location, functions: Collection[str]) -> Iterator[Fault]:
    if isinstance(value, dict) and "parallel" in value:
        kind = field_kinds.list_of(lambda member, where: _step(member, where, functions), least=1)
        yield from check(value, where, {"parallel": FieldRule(kind, required=True)}, "a parallel group")
        return
    yield from check(value, where, rules.STEP, "a step")
    if isinstance(value, dict) and isinstance(value.get("taskName"), str):
        yield from graph.known(value["taskName"], where / "taskName", functions)


def _steps(value: Json, where: Location) -> Iterator[tuple[Location, Mapping[str, Json]]]:
    """All steps with their locations, also those inside groups. Values that are no steps are skipped."""
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict) and "parallel" in item:
            yield from _steps(item["parallel"], where / index / "parallel")
        elif isinstance(item, dict):
            yield where / index, item


def _doubled(steps: list[tuple[Location, Mapping[str, Json]]]) -> Iterator[Fault]:
    seen: dict[str, Location] = {}
    for where, step in steps:
        name = step.get("name")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Fault(where / "name", f"the name {shown(name)} is taken by {seen[name]}")
        seen.setdefault(name, where)


def _too_many(found: int, most: int, where: Location, of: str = "steps") -> Iterator[Fault]:
    if found > most:
        yield Fault(where, f"has {found} {of}; the limit is {most}")


def _node(value: Json, where: Location, functions: Collection[str]) -> Iterator[Fault]:
    table = {
        "name": FieldRule(field_kinds.text, required=True),
        "data": FieldRule(field_kinds.anything),
        "opts": FieldRule(field_kinds.object_of(rules.FLOW_OPTIONS, "opts")),
        "children": FieldRule(field_kinds.list_of(lambda child, where: _node(child, where, functions))),
    }
    yield from check(value, where, table, "a job")
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        yield from graph.known(value["name"], where / "name", functions)


def _nodes(tree: Mapping[str, Json]) -> int:
    return 1 + sum(_nodes(child) for child in tree.get("children") or ())
