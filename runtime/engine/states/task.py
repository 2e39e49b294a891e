"""Task: has a function called by a worker, and goes on when its result or its error comes back."""

from __future__ import annotations

from typing import Any

from runtime.engine import dataflow, execution, invocations
from runtime.engine.commands import CompleteTask, DispatchTask
from runtime.engine.definition import TaskState
from runtime.engine.events import TaskFailed, TaskSucceeded
from runtime.engine.execution import Frame
from runtime.engine.fields import Field
from runtime.engine.resources import ACTIVITY, INVOKE, task_function
from runtime.engine.run import Run, number_of
from runtime.engine.standing import StateFault

Json = Any

TIMEOUTS = ("States.Timeout", "States.HeartbeatTimeout")


def enter(run: Run, frame: Frame, state: TaskState) -> None:
    """Hand the work out: for the first time, or again after a retry's delay."""
    number = number_of(state, frame)
    token = run.token(frame, number) if state.is_answered else None
    value = dataflow.arguments(run, frame, state, **({"Task": {"Token": token}} if token else {}))
    function, given = _call(state, value)
    run.check_size(given, frame)
    seconds = _seconds(run, frame, state, state.timeout_seconds)
    silence = _seconds(run, frame, state, state.heartbeat_seconds)
    limits = {"timeoutInSeconds": seconds, "heartbeatInSeconds": silence}
    called = function if state.call.kind == INVOKE else None
    run.record("TaskScheduled", frame, task=number, resource=state.resource, function=called, **limits)
    run.put(frame, waiting=execution.FOR_TASK, attempt=0)
    run.commands.append(
        DispatchTask(
            frame=frame.path,
            entry=frame.entry,
            number=number,
            step=frame.state,
            function=function,
            input=given,
            retry=sum(frame.retries),
            timeout_seconds=seconds,
            token=token,
            heartbeat_seconds=silence if token else None,
            is_polled=state.call.kind == ACTIVITY,
        )
    )


def _call(state: TaskState, value: Json) -> tuple[str, Json]:
    """The function to call, and what with."""
    if state.call.kind == ACTIVITY:
        return task_function(state.call.name), value
    if state.call.kind != INVOKE:
        return state.call.name, value
    call = invocations.called(value, state.aliases)
    if call is None:
        raise StateFault("States.Runtime", "The field 'FunctionName' must name a function")
    return call


def settle(run: Run, frame: Frame, event: TaskSucceeded | TaskFailed) -> None:
    """Take the outcome of an attempt."""
    state = run.state_of(frame)
    assert isinstance(state, TaskState), f"{frame.state} is no Task"
    number = number_of(state, frame)
    if isinstance(event, TaskFailed):
        kind = "TaskTimedOut" if event.error in TIMEOUTS else "TaskFailed"
        run.record(kind, frame, task=number, error=event.error, cause=event.cause)
        return run.fail(frame, event.error, event.cause)
    run.commands.append(CompleteTask(number, event.output))
    run.record("TaskSucceeded", frame, task=number)
    run.check_size(event.output, frame)
    is_wrapped = state.call.kind == INVOKE and not state.is_answered
    run.complete(frame, state, invocations.answer(event.output, run.before.id, number) if is_wrapped else event.output)


def _seconds(run: Run, frame: Frame, state: TaskState, field: Field | None) -> float | None:
    if field is None:
        return None
    scope = run.scope(frame, dataflow.effective_input(run, frame, state))
    seconds: float = dataflow.number(run, frame, field, scope, above=True)
    return seconds
