"""The context object of TestState: checked if the request gives one, or else made up.

The words are AWS's answers. Source of the members: developer guide, "Accessing execution data from the Context object".
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from stepwell.functions.contract import Json
from stepwell.functions.errors.step_functions import ValidationException
from stepwell.runtime.engine.trial import ALONE
from stepwell.runtime.engine.values import arns
from stepwell.runtime.engine.values.times import timestamp

_TYPES: Mapping[str, tuple[type, ...]] = {
    "a string": (str,),
    "a number": (int, float),
    "an object": (dict,),
    "any": (object,),
}
_MEMBERS: Mapping[str, Mapping[str, str]] = {
    "Execution": {
        "Id": "a string",
        "Input": "any",
        "Name": "a string",
        "RoleArn": "a string",
        "StartTime": "a string",
    },
    "State": {"EnteredTime": "a string", "Name": "a string", "RetryCount": "a number"},
    "StateMachine": {"Id": "a string", "Name": "a string"},
    "Task": {"Token": "a string"},
}
"""The members of a context object that may be given, and of each of them."""


def check(context: Json, resource: str) -> Mapping[str, Json]:
    """The context object that a request gives. ``resource`` is the state's; "" for a state that is no Task.

    Raises ValidationException.
    """
    if not isinstance(context, dict):
        raise _fault("Context must be an object")
    for name, given in context.items():
        if name == "Map":
            raise _fault("'Map' field is not supported when mocking a Context object")
        if name not in _MEMBERS:
            raise _fault(f"Field '{name}' is not allowed")
        _check_type(name, given, "an object")
        for member, value in given.items():
            if member not in _MEMBERS[name]:
                raise _fault(f"Field '{member}' is not allowed")
            _check_type(f"{name}.{member}", value, _MEMBERS[name][member])
    if "Task" in context and not resource.endswith((".sync", ".sync:2", ".waitForTaskToken")):
        raise _fault(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
            "service integration pattern"
        )
    return context


def made_up(given: Json, retries: int, role: str | None, at: int, resource: str) -> dict[str, Json]:
    """The context object of a request that gives none: that of an Express execution, with new names.

    ``given`` is the state's input; ``at``, in milliseconds since the epoch, is the time of start and entry.
    """
    machine, name, time = str(uuid.uuid4()), str(uuid.uuid4()), timestamp(at)
    token = {"Task": {"Token": str(uuid.uuid4())}} if resource.endswith(".waitForTaskToken") else {}
    return {
        "Execution": {
            "Id": arns.tested(machine, name),
            "Input": given,
            "Name": name,
            "RoleArn": role,
            "StartTime": time,
        },
        "StateMachine": {"Id": arns.machine(machine), "Name": machine},
        "State": {"Name": ALONE, "EnteredTime": time, "RetryCount": retries},
        **token,
    }


def _check_type(path: str, value: Json, wanted: str) -> None:
    if not isinstance(value, _TYPES[wanted]) or (wanted == "a number" and isinstance(value, bool)):
        raise _fault(f"{path} must be {wanted}")


def _fault(what: str) -> ValidationException:
    return ValidationException(f"Invalid Context object provided: {what}")
