"""Checks the mock of a TestState call: whether the state takes one, and whether its form is right.

AWS checks a mocked result against the model of its API. Here the models of ``lambda:invoke`` and
``states:startExecution`` are known; a result of another service is not checked. The words are AWS's answers, as they
are publicly recorded in localstack/localstack (``tests/aws/services/stepfunctions/v2/test_state``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.functions.contract import Json
from stepwell.functions.contract.state_tests import StateTest
from stepwell.functions.errors.step_functions import InvalidDefinition, ValidationException
from stepwell.runtime.aws.step_functions.definitions import waits_outside
from stepwell.runtime.engine.trial import Failure, Result, names_inside

CONTAINERS = ("Parallel", "Map")
STRICT, NONE = "STRICT", "NONE"
_KINDS: Mapping[str, tuple[type, ...]] = {"a string": (str,), "a number": (int, float)}


@dataclass(frozen=True)
class Shape:
    """The form of a call's answer: the types of its members, and the required ones among them."""

    members: Mapping[str, str]
    required: tuple[str, ...] = ()


_INVOKED = Shape(
    {"StatusCode": "a number", "ExecutedVersion": "a string", "FunctionError": "a string", "LogResult": "a string"}
)
_STARTED = Shape({"ExecutionArn": "a string", "StartDate": "a string"}, ("ExecutionArn", "StartDate"))
_DESCRIBED = Shape(
    dict.fromkeys(("ExecutionArn", "StateMachineArn", "Name", "Status", "Error", "Cause"), "a string"),
    ("ExecutionArn", "StateMachineArn", "Status"),
)
SHAPES: Mapping[str, Shape] = {
    "lambda:invoke": _INVOKED,
    "states:startExecution": _STARTED,
    "states:startExecution.sync": _DESCRIBED,
    "states:startExecution.sync:2": _DESCRIBED,
}


def check(state: Mapping[str, Json], wanted: StateTest) -> None:
    """Raises InvalidDefinition or ValidationException for a state that cannot be tested in the wanted way."""
    kind, mock, inside = state.get("Type"), wanted.mock, state.get("Type") in CONTAINERS
    if mock is None:
        _check_unmocked(state, wanted)
    elif kind not in ("Task", *CONTAINERS):
        raise ValidationException(f"State type '{kind}' is not supported when a mock is specified")
    elif wanted.reveals_secrets:
        raise ValidationException("TestState does not support RevealSecrets when a mock is specified.")
    if wanted.caused_by is not None and not (inside and mock and wanted.caused_by in names_inside(state)):
        raise ValidationException("errorCausedByState must name a state inside the Map or Parallel state of a mock")
    if (wanted.failures is not None or wanted.reader_data is not None) and kind != "Map":
        raise ValidationException("mapIterationFailureCount and mapItemReaderData can only be set for a Map state")
    if wanted.reader_data is not None and "ItemReader" not in state:
        raise ValidationException("mapItemReaderData can only be set for a Map state with an ItemReader")


def _check_unmocked(state: Mapping[str, Json], wanted: StateTest) -> None:
    if state.get("Type") in CONTAINERS:
        raise InvalidDefinition(
            "TestState API does not support Map or Parallel states. "
            "Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
        )
    if waits_outside(str(state.get("Resource", ""))):
        raise ValidationException("A mock is needed for activities, and for .sync and .waitForTaskToken")
    if wanted.context is not None:
        raise ValidationException("The context can only be specified when a mock is specified")


def failure_of(mock: Mapping[str, Json]) -> Failure | None:
    """The error in a mock; None if it has a result. Raises ValidationException."""
    if ("result" in mock) == ("errorOutput" in mock):
        raise ValidationException("A test mock should have only one of the following fields: [result, errorOutput].")
    if "errorOutput" not in mock:
        return None
    output = mock["errorOutput"]
    return Failure(output.get("error", "States.TaskFailed"), output.get("cause"))


def result_of(state: Mapping[str, Json], mock: Mapping[str, Json], value: Json) -> Result:
    """The result in a mock. Raises ValidationException for a result that the state's work cannot have."""
    mode = mock.get("fieldValidationMode", STRICT)
    if state["Type"] in CONTAINERS:
        _check_joined(state, value)
    elif mode != NONE:
        _check_shape(str(state.get("Resource", "")), value, is_strict=mode == STRICT)
    return Result(value)


def _check_joined(state: Mapping[str, Json], value: Json) -> None:
    if "ResultWriter" in state:
        if not isinstance(value, dict):
            raise ValidationException("Mocked result must be a JSON object.")
    elif not isinstance(value, list):
        raise ValidationException("Mocked result must be an array.")
    elif state["Type"] == "Parallel" and len(value) != len(state.get("Branches", ())):
        raise ValidationException("Mocked result must contain the same number of items as number of Parallel branches.")


def _check_shape(resource: str, value: Json, is_strict: bool) -> None:
    shape = SHAPES.get(resource.partition(":states:::")[2])
    if shape is None:
        return
    if not isinstance(value, dict):
        raise _schema_fault("Mocked result must be a JSON object.")
    for name in shape.required if is_strict else ():
        if name not in value:
            raise _schema_fault(f"Required field '{name}' is missing")
    for name, kind in shape.members.items():
        if name in value and (not isinstance(value[name], _KINDS[kind]) or isinstance(value[name], bool)):
            raise _schema_fault(f"Field '{name}' must be {kind}")


def _schema_fault(what: str) -> ValidationException:
    return ValidationException(f"Mock result schema validation error: {what}")
