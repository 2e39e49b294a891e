"""Task tokens as AWS's wire answers them."""

from __future__ import annotations

from collections.abc import Callable

from stepwell.functions import errors
from stepwell.functions.errors.step_functions import InvalidOutput, InvalidToken, TaskTimedOut
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.executions import Executions
from stepwell.runtime.moves.guards import TaskAnswer


class WireTaskTokens:
    """The answers by token that ``functions.contract.step_functions`` promises."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    def succeed(self, token: str, output: str) -> None:
        limits = self._executions.limits
        try:
            value = jsontext.read(output, limits.depth)
        except jsontext.NotJson as fault:
            raise InvalidOutput(f"Invalid Output: '{fault}'") from None
        if jsontext.size(output) > limits.payload:
            raise InvalidOutput(f"Invalid Output: 'more than {limits.payload} bytes'")
        _worded(lambda: self._executions.answer(token, TaskAnswer(value)))

    def fail(self, token: str, error: str | None, cause: str | None) -> None:
        answer = TaskAnswer(error=error or "States.TaskFailed", cause=cause)
        _worded(lambda: self._executions.answer(token, answer))

    def heartbeat(self, token: str) -> None:
        _worded(lambda: self._executions.heartbeat(token))


def _worded(act: Callable[[], None]) -> None:
    """Do it, and raise AWS's error if it cannot be done. For AWS a task is closed with its execution."""
    try:
        act()
    except errors.InvalidToken as fault:
        raise InvalidToken(fault.message) from None
    except errors.TaskClosed:
        raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'") from None
