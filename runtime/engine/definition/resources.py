"""A Task's ``Resource``: a function, a service integration, or an activity.

Source: AWS Step Functions developer guide, "Integrating services", "Invoke an AWS Lambda function", "Activities".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

NO_ALIASES: Mapping[str, str] = MappingProxyType({})

FUNCTION, INVOKE, START, ANSWER = "function", "invoke", "start", "answer"
ACTIVITY, FOREIGN = "activity", "foreign"

NESTED_JSON = "states.startExecution.sync.2"
SYNC = ("states.startExecution.sync", NESTED_JSON)
NESTED = ("states.startExecution", "states.startExecution.waitForTaskToken", *SYNC)
"""The functions of tasks that start an execution. Those of SYNC wait for its end."""

SDK_START = "aws-sdk.sfn.startExecution"
"""The function of tasks that start an execution as the SDK does: the answer is the service's, and nothing else."""
SEND_SUCCESS, SEND_FAILURE = "aws-sdk.sfn.sendTaskSuccess", "aws-sdk.sfn.sendTaskFailure"
SEND_HEARTBEAT = "aws-sdk.sfn.sendTaskHeartbeat"
ANSWERS = (SEND_SUCCESS, SEND_FAILURE, SEND_HEARTBEAT)
"""The functions of tasks that answer another task by its token."""

_INTEGRATION = re.compile(r"arn:[a-z-]+:states:::(.+?)(?:\.(sync(?::2)?|waitForTaskToken))?")
_ACTIVITY = re.compile(r"arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:activity:(.+)")
_FUNCTION = re.compile(r"(?:arn:[a-z-]+:lambda:[a-z0-9-]*:[0-9]*:|[0-9]{12}:)?function:([^:]+)(?::([^:]+))?")
_QUALIFIED = re.compile(r"([^:]+):([^:]+)")

LATEST = "$LATEST"
QUALIFIED_BY = "::"
"""The separator between a function and its version or alias. No name of ours contains it."""


@dataclass(frozen=True)
class Resource:
    """``kind`` is one of FUNCTION, INVOKE, START, ANSWER, ACTIVITY and FOREIGN: an integration that does not run here.

    ``name`` is the name of the function, the activity or the integration.
    """

    kind: str
    name: str
    waits_for_token: bool = False
    """True if the handler's return does not end the task: an answer with its task token does."""


def read(text: str, aliases: Mapping[str, str] = NO_ALIASES) -> Resource:
    """The resource of a ``Resource`` field.

    ``aliases`` has the function that replaces a resource, or a function of another name.
    """
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
    if whole in NESTED:  # its name has dots: a colon would begin a function's qualifier
        return Resource(START, whole, waits_for_token=pattern is not None)
    if whole == SDK_START:
        return Resource(START, whole)
    if whole in ANSWERS:
        return Resource(ANSWER, whole)
    waits = pattern == "waitForTaskToken"
    runs_here = name == "lambda:invoke" and pattern in (None, "waitForTaskToken")
    return Resource(INVOKE if runs_here else FOREIGN, name, waits)


def function_of(text: str, aliases: Mapping[str, str] = NO_ALIASES) -> str:
    """The function of a plain name, a name with a qualifier, or a whole or partial ARN of Lambda.

    It is written ``name`` for ``$LATEST``, else ``name::qualifier``. An alias replaces the whole text, or the name in
    it with every qualifier.
    """
    found = _FUNCTION.fullmatch(text) or _QUALIFIED.fullmatch(text)
    name, qualifier = (text, None) if found is None else found.groups()
    stands = aliases.get(text) or aliases.get(name)
    if stands is not None:
        return stands
    return qualified(name, qualifier or LATEST)


def qualified(function: str, qualifier: str) -> str:
    """The name of a function with its version or alias."""
    return function if qualifier == LATEST else f"{function}{QUALIFIED_BY}{qualifier}"


def aliases_for(resources: Iterable[str], aliases: Mapping[str, str]) -> dict[str, str]:
    """The aliases that a machine with these resources may need.

    A machine that uses ``lambda:invoke`` may compute the function's name, so it needs all aliases of functions.
    """
    used = set(resources)
    invokes = any(read(one).kind == INVOKE for one in used)
    used |= {function_of(one).partition(QUALIFIED_BY)[0] for one in used}
    return {name: to for name, to in aliases.items() if name in used or (invokes and read(name).kind == FUNCTION)}


def task_function(activity: str) -> str:
    """The function of an activity's tasks. No function of ours can have this name, so no worker claims them."""
    return f"activity:{activity}"
