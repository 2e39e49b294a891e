"""What a Task's ``Resource`` asks for: a function, a service integration that runs here, an activity.

Source: AWS Step Functions developer guide, "Integrating services", "Invoke an Lambda function", "Activities".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

NO_ALIASES: Mapping[str, str] = MappingProxyType({})

FUNCTION, INVOKE, START, ACTIVITY, FOREIGN = "function", "invoke", "start", "activity", "foreign"

NESTED_JSON = "states.startExecution.sync.2"
SYNC = ("states.startExecution.sync", NESTED_JSON)
NESTED = ("states.startExecution", "states.startExecution.waitForTaskToken", *SYNC)
"""What the tasks have for their function that start an execution; those of SYNC wait for its end."""

_INTEGRATION = re.compile(r"arn:[a-z-]+:states:::(.+?)(?:\.(sync(?::2)?|waitForTaskToken))?")
_ACTIVITY = re.compile(r"arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:activity:(.+)")
_FUNCTION = re.compile(r"(?:arn:[a-z-]+:lambda:[a-z0-9-]*:[0-9]*:|[0-9]{12}:)?function:([^:]+)(?::([^:]+))?")
_QUALIFIED = re.compile(r"([^:]+):([^:]+)")

LATEST = "$LATEST"
QUALIFIED_BY = "::"
"""What stands between a function and the version or alias of it that is called; no name of ours has it."""


@dataclass(frozen=True)
class Resource:
    """``kind`` is one of those above; ``name`` the function's, the activity's or the integration's."""

    kind: str
    name: str
    waits_for_token: bool = False
    """Whether the handler's return ends nothing: whoever holds the task token answers later."""


def read(text: str, aliases: Mapping[str, str] = NO_ALIASES) -> Resource:
    """What a resource is; ``aliases`` has functions that stand for resources, and for functions of other names."""
    integration = _INTEGRATION.fullmatch(text)
    waits = integration is not None and integration[2] == "waitForTaskToken"
    if text in aliases:
        return Resource(FUNCTION, aliases[text], waits)
    if integration is not None:
        return _integration(integration[1], integration[2])
    activity = _ACTIVITY.fullmatch(text)
    return Resource(FUNCTION, function_of(text, aliases)) if activity is None else Resource(ACTIVITY, activity[1])


def _integration(name: str, pattern: str | None) -> Resource:
    whole = (name if pattern is None else f"{name}.{pattern}").replace(":", ".")
    if whole in NESTED:  # a colon would begin a function's qualifier
        return Resource(START, whole, waits_for_token=pattern is not None)
    waits = pattern == "waitForTaskToken"
    runs_here = name == "lambda:invoke" and pattern in (None, "waitForTaskToken")
    return Resource(INVOKE if runs_here else FOREIGN, name, waits)


def function_of(text: str, aliases: Mapping[str, str] = NO_ALIASES) -> str:
    """The function that a plain name names, or one with a qualifier, or a whole or partial ARN of Lambda's.

    ``name``, or ``name::qualifier``: without one ``$LATEST`` is meant. A function in a file is the same by each.
    An alias may be of the text as it stands, or of the name in it; it stands for every version.
    """
    found = _FUNCTION.fullmatch(text) or _QUALIFIED.fullmatch(text)
    name, qualifier = (text, None) if found is None else found.groups()
    stands = aliases.get(text) or aliases.get(name)
    if stands is not None:
        return stands
    return qualified(name, qualifier or LATEST)


def qualified(function: str, qualifier: str) -> str:
    """The function of this version or alias."""
    return function if qualifier == LATEST else f"{function}{QUALIFIED_BY}{qualifier}"


def aliases_for(resources: Iterable[str], aliases: Mapping[str, str]) -> dict[str, str]:
    """Of the aliases those that a machine with these resources may need.

    Where it invokes functions, their names may be computed: then all aliases of functions.
    """
    used = set(resources)
    invokes = any(read(one).kind == INVOKE for one in used)
    used |= {function_of(one).partition(QUALIFIED_BY)[0] for one in used}
    return {name: to for name, to in aliases.items() if name in used or (invokes and read(name).kind == FUNCTION)}


def task_function(activity: str) -> str:
    """What the tasks of an activity have for their function: no worker of ours has one of this name."""
    return f"activity:{activity}"
