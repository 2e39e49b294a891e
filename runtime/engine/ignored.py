"""What a valid definition says that nothing comes of here: it runs all the same, and who stores it is told.

Source: AWS Step Functions developer guide, "Task workflow state" (Credentials) and "Invoke an AWS Lambda function".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from runtime.engine.kinds import Fault, cut
from runtime.engine.machines import inside, states_of
from runtime.engine.resources import INVOKE, NO_ALIASES, read

Json = Any

MOST = 100
_CREDENTIALS = "is read and ignored: functions run here without a role"
_IGNORED = {
    "ClientContext": "is read and ignored",
    "InvocationType": "is read and ignored: a function is always waited for",
    "LogType": "is read and ignored: a task's logs are with its attempts",
    "Qualifier": "is read and ignored: name the version in FunctionName",
}


def warnings(definition: Json, aliases: Mapping[str, str] = NO_ALIASES) -> list[Fault]:
    """What to tell of a valid definition, with the places; a step list has nothing of the kind."""
    return list(islice(_of_machine(definition, "$", aliases), MOST))


def _of_machine(machine: Json, path: str, aliases: Mapping[str, str]) -> Iterator[Fault]:
    for name, state in states_of(machine).items():
        place = f"{path}.States.{cut(name)}"
        if state["Type"] == "Task":
            yield from _of_task(state, place, aliases)
        for where, inner in inside(state):
            yield from _of_machine(inner, f"{place}.{where}", aliases)


def _of_task(state: Mapping[str, Json], path: str, aliases: Mapping[str, str]) -> Iterator[Fault]:
    if "Credentials" in state:
        yield Fault(f"{path}.Credentials", _CREDENTIALS)
    if read(state["Resource"], aliases).kind != INVOKE:
        return
    for field in ("Parameters", "Arguments"):
        call = state.get(field)
        for name in call if isinstance(call, dict) else ():
            if name.removesuffix(".$") in _IGNORED:
                yield Fault(f"{path}.{field}.{name}", _IGNORED[name.removesuffix(".$")])
