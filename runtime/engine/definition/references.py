"""The variables that the states of a machine read, as AWS lists them: ``variableReferences``.

Source: AWS Step Functions API reference, "DescribeStateMachine"; which fields count was seen in its answers. A variable
that a state assigns does not count, nor does a text that only looks like a path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.runtime.engine.definition.graph import inside, states_of
from stepwell.runtime.engine.language.intrinsics import IntrinsicCall
from stepwell.runtime.engine.language.jsonata.expressions import JsonataSyntax, compile_template
from stepwell.runtime.engine.language.paths import Path
from stepwell.runtime.engine.language.templates import expression
from stepwell.runtime.engine.values.jsontext import Json

_ELSEWHERE = frozenset({"Branches", "ItemProcessor", "Iterator", "Result"})
"""The machines inside a state, and the value of a Pass: nothing in them is read by the state itself."""
_TEMPLATES = frozenset({"Parameters", "ResultSelector", "ItemSelector", "Assign", "BatchInput", "Credentials"})


def variables_read(machine: Json) -> dict[str, list[str]]:
    """For each state of a valid machine that reads variables its name and theirs, sorted.

    States of the machines inside it stand beside the others.
    """
    known = set(_assigned(machine))
    language = machine.get("QueryLanguage", "JSONPath")
    found = ((name, sorted(_of_state(state, language, known))) for name, state in _states(machine))
    return {name: names for name, names in found if names}


def _states(machine: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for name, state in states_of(machine).items():
        yield name, state
        for _, inner in inside(state):
            yield from _states(inner)


def _of_state(state: Mapping[str, Json], language: str, known: set[str]) -> set[str]:
    own = {name: value for name, value in state.items() if name not in _ELSEWHERE}
    if state.get("QueryLanguage", language) == "JSONata":
        return set(_in_jsonata(own)) & known  # its own functions are written as variables are
    return set(_in_fields(own))


def _in_fields(value: Json) -> Iterator[str]:
    """The variables in the fields of a state, and of what it is made of: choice rules, catchers, readers."""
    if isinstance(value, list):
        for one in value:
            yield from _in_fields(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in _TEMPLATES:
                yield from _in_template(inner)
            elif isinstance(inner, dict | list):
                yield from _in_fields(inner)
            elif isinstance(inner, str) and (name.endswith("Path") or name == "Variable"):
                yield from _in_text(inner)


def _in_template(value: Json) -> Iterator[str]:
    """The variables in the members of a payload template whose names end in ``.$``."""
    members = value.items() if isinstance(value, dict) else ()
    for name, inner in members:
        yield from _in_text(inner) if name.endswith(".$") else _in_template(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _in_template(inner)


def _in_text(text: Json) -> Iterator[str]:
    try:
        waiting = [expression(text)]
    except ValueError:
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, Path) and one.variable is not None:
            yield one.variable
        elif isinstance(one, IntrinsicCall):
            waiting += [argument for argument in one.arguments if isinstance(argument, Path | IntrinsicCall)]


def _in_jsonata(value: Json) -> Iterator[str]:
    try:
        found = compile_template(value).expressions()
    except JsonataSyntax:
        return
    for _, one in found:
        yield from one.variables


def _assigned(machine: Json) -> Iterator[str]:
    """The variables that any state of a machine assigns."""
    for _, state in _states(machine):
        for one in (state, *state.get("Choices", ()), *state.get("Catch", ())):
            yield from (name.removesuffix(".$") for name in one.get("Assign", ()))
