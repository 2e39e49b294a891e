"""What a Task's ``Resource`` asks for: a function, a service integration that runs here, an activity.

Source: AWS Step Functions developer guide, "Integrating services", "Invoke an Lambda function", "Activities".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

FUNCTION, INVOKE, START, ACTIVITY, FOREIGN = "function", "invoke", "start", "activity", "foreign"

NESTED_JSON = "states.startExecution.sync.2"
SYNC = ("states.startExecution.sync", NESTED_JSON)
NESTED = ("states.startExecution", "states.startExecution.waitForTaskToken", *SYNC)
"""What the tasks have for their function that start an execution; those of SYNC wait for its end."""

_INTEGRATION = re.compile(r"arn:[a-z-]+:states:::(.+?)(?:\.(sync(?::2)?|waitForTaskToken))?")
_ACTIVITY = re.compile(r"arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:activity:(.+)")
_FUNCTION = re.compile(r"(?:arn:[a-z-]+:lambda:[a-z0-9-]*:[0-9]*:|[0-9]{12}:)?function:([^:]+)(?::([^:]+))?")
_QUALIFIED = re.compile(r"([^:]+):([^:]+)")

QUALIFIED_BY = "::"
"""What stands between a function and the version or alias of it that is called; no name of ours has it."""


@dataclass(frozen=True)
class Resource:
    """``kind`` is one of those above; ``name`` the function's, the activity's or the integration's."""

    kind: str
    name: str
    waits_for_token: bool = False
    """Whether the handler's return ends nothing: whoever holds the task token answers later."""


def read(text: str, aliases: Mapping[str, str] | None = None) -> Resource:
    """What a resource is; ``aliases`` has functions that stand for resources."""
    integration = _INTEGRATION.fullmatch(text)
    waits = integration is not None and integration[2] == "waitForTaskToken"
    if aliases and text in aliases:
        return Resource(FUNCTION, aliases[text], waits)
    if integration is not None:
        return _integration(integration[1], integration[2])
    activity = _ACTIVITY.fullmatch(text)
    return Resource(FUNCTION, function_of(text)) if activity is None else Resource(ACTIVITY, activity[1])


def _integration(name: str, pattern: str | None) -> Resource:
    whole = (name if pattern is None else f"{name}.{pattern}").replace(":", ".")
    if whole in NESTED:  # a colon would begin a function's qualifier
        return Resource(START, whole, waits_for_token=pattern is not None)
    waits = pattern == "waitForTaskToken"
    runs_here = name == "lambda:invoke" and pattern in (None, "waitForTaskToken")
    return Resource(INVOKE if runs_here else FOREIGN, name, waits)


def function_of(text: str) -> str:
    """The function that a plain name names, or one with a qualifier, or a whole or partial ARN of Lambda's.

    ``name``, or ``name::qualifier``: without one ``$LATEST`` is meant. A function in a file is the same by each.
    """
    found = _FUNCTION.fullmatch(text) or _QUALIFIED.fullmatch(text)
    if found is None:
        return text
    name, qualifier = found.groups()
    return name if qualifier in (None, "$LATEST") else f"{name}{QUALIFIED_BY}{qualifier}"


def task_function(activity: str) -> str:
    """What the tasks of an activity have for their function: no worker of ours has one of this name."""
    return f"activity:{activity}"
