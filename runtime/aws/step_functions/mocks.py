"""Checks a TestState call: whether its state takes the mock and the configuration, and whether the mock has their form.

A mocked result of a service is held against the model of the API that gives it. The words are AWS's answers, as they
are publicly recorded in localstack/localstack (``tests/aws/services/stepfunctions/v2/test_state``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepwell.functions.contract import Json
from stepwell.functions.contract.state_tests import StateTest
from stepwell.functions.errors.step_functions import InvalidDefinition, ValidationException
from stepwell.runtime.aws.response_models import response_model
from stepwell.runtime.aws.step_functions.definitions import waits_outside
from stepwell.runtime.engine.trial import Failure, Result, names_inside

CONTAINERS = ("Parallel", "Map")
STRICT, NONE = "STRICT", "NONE"
_DESCRIBED, _TIMES = "states:describeExecution", ("StartDate", "StopDate", "RedriveDate")


@dataclass(frozen=True)
class _Answer:
    """The call whose response is the result of an integration, and the members that the integration changes."""

    call: str
    changed: tuple[str, ...] = ()


_OTHER_ANSWERS: Mapping[str, _Answer] = {
    "lambda:invoke": _Answer("lambda:invoke", ("Payload",)),
    "states:startExecution.sync": _Answer(_DESCRIBED, _TIMES),
    "states:startExecution.sync:2": _Answer(_DESCRIBED, (*_TIMES, "Input", "Output")),
}
"""The integrations whose result is not the response of the API that they name. A payload, an input or an output is any
JSON there, and a time is a number."""


def check(state: Mapping[str, Json], wanted: StateTest) -> None:
    """Raises InvalidDefinition or ValidationException for a valid state that cannot be tested in the wanted way."""
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
    if wanted.failures is not None:
        raise ValidationException("TestState does not support MapIterationFailureCount when a mock is not specified.")
    if state.get("Type") in CONTAINERS:
        raise InvalidDefinition(
            "TestState API does not support Map or Parallel states. "
            "Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
        )
    if waits_outside(str(state.get("Resource", ""))):
        raise ValidationException("A mock is needed for activities, and for .sync and .waitForTaskToken")
    if wanted.context is not None:
        raise ValidationException("The context can only be specified when a mock is specified")
    if state.get("Type") == "Task" and wanted.role is None:
        raise ValidationException("RoleArn must be specified when testing a Task state")


def check_failures(failures: int | None, items: Sequence[Json] | None) -> None:
    """Raises ValidationException for more failed iterations than a Map has items, where these are known."""
    if failures is not None and items is not None and failures > len(items):
        raise ValidationException(
            "Map iteration failure count must be less than or equal to the number of Map iterations"
        )


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
        _check_response(str(state.get("Resource", "")), value, is_strict=mode == STRICT)
    return Result(value)


def _check_joined(state: Mapping[str, Json], value: Json) -> None:
    if "ResultWriter" in state:
        if not isinstance(value, dict):
            raise ValidationException("Mocked result must be a JSON object.")
    elif not isinstance(value, list):
        raise ValidationException("Mocked result must be an array.")
    elif state["Type"] == "Parallel" and len(value) != len(state.get("Branches", ())):
        raise ValidationException("Mocked result must contain the same number of items as number of Parallel branches.")


def _check_response(resource: str, value: Json, is_strict: bool) -> None:
    """Raises ValidationException for a response that its model does not allow.

    No model is known of a function, an activity, and a call that waits for a job's end or for an answer from outside.
    """
    integration = resource.partition(":states:::")[2]
    answer = _OTHER_ANSWERS.get(integration, _Answer(integration.removeprefix("aws-sdk:")))
    service, _, action = answer.call.partition(":")
    model = response_model(service, action)
    faults = model.faults(value, is_strict=is_strict, changed=answer.changed) if model is not None else ()
    for fault in faults:
        raise ValidationException(f"Mock result schema validation error: {fault}")
