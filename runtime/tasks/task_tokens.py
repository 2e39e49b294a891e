"""The work of ``arn:aws:states:::aws-sdk:sfn:sendTask...``: answers the task that a token names.

It needs no sandbox. Source: AWS Step Functions API reference, "SendTaskSuccess" and its neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from stepwell.functions import errors
from stepwell.functions.errors import StepwellError
from stepwell.runtime.engine.core import invocations
from stepwell.runtime.engine.definition.resources import ANSWERS, SEND_FAILURE, SEND_HEARTBEAT, SEND_SUCCESS
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.executions import Executions
from stepwell.runtime.invoke.call import TaskCall
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.moves.guards import TaskAnswer

FUNCTIONS = ANSWERS


class TaskTokens:
    """Answers tasks by their tokens, for the tasks of state machines."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._acts: dict[str, Callable[[str, Json], None]] = {
            SEND_SUCCESS: self._succeed,
            SEND_FAILURE: self._fail,
            SEND_HEARTBEAT: lambda token, _: self._executions.heartbeat(token),
        }

    def run(self, call: TaskCall) -> Outcome:
        """Answer the task that a call names. The result is an empty object, as AWS's is."""
        arguments = json.loads(call.event)
        token = arguments.get("TaskToken") if isinstance(arguments, dict) else None
        try:
            self._acts[call.function](token if isinstance(token, str) else "", arguments)
        except errors.InvalidToken:
            return self._refused(call, "InvalidToken", "Invalid Token: 'Invalid token'")
        except errors.TaskClosed:
            gone = "Task Timed Out: 'Provided task does not exist anymore'"
            return self._refused(call, "TaskTimedOut", gone)
        except jsontext.NotJson as fault:
            return self._refused(call, "InvalidOutput", f"Invalid Output: '{fault}'")
        except StepwellError as fault:
            return self._refused(call, "Validation", fault.message)
        return Outcome(result="{}")

    def _succeed(self, token: str, arguments: Json) -> None:
        """Raises NotJson, InvalidToken, TaskClosed."""
        output = arguments.get("Output")
        if isinstance(output, str):
            output = jsontext.read(output, self._executions.limits.depth)
        self._executions.answer(token, TaskAnswer(output))

    def _fail(self, token: str, arguments: Json) -> None:
        """Raises InvalidToken, TaskClosed."""
        error, cause = (arguments.get(name) for name in ("Error", "Cause"))
        answer = TaskAnswer(error=_text(error) or "States.TaskFailed", cause=_text(cause))
        self._executions.answer(token, answer)

    def _refused(self, call: TaskCall, code: str, message: str) -> Outcome:
        request = invocations.request_of(call.claim.execution_id, call.claim.number) if call.claim else call.request_id
        return Outcome(error=f"Sfn.{code}Exception", cause=invocations.refused_sdk(message, "Sfn", 400, request))


def _text(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else jsontext.write(value)
