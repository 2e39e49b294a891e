"""Task: has a function called by a worker, and goes on when its result or its error comes back."""

from __future__ import annotations

from typing import Any

from stepwell.runtime.engine.core import dataflow, execution, invocations, retry
from stepwell.runtime.engine.core.commands import CompleteTask, DispatchTask
from stepwell.runtime.engine.core.events import TaskFailed, TaskSucceeded
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.run import Run, number_of
from stepwell.runtime.engine.core.view import StateFault
from stepwell.runtime.engine.definition.model import TaskState
from stepwell.runtime.engine.definition.resources import ACTIVITY, FUNCTION, INVOKE, task_function
from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.fields import Field
from stepwell.runtime.engine.values import jsontext

Json = Any


def enter(run: Run, frame: Frame, state: TaskState) -> None:
    """Hand the work out: for the first time, or again after a retry's delay."""
    number = number_of(state, frame)
    token = run.token(frame, number) if state.is_answered else None
    value = dataflow.arguments(run, frame, state, **({"Task": {"Token": token}} if token else {}))
    function = _function(state, value)
    is_event = state.may_send and invocations.is_event(value)
    run.check_size(value, frame)
    seconds = _seconds(run, frame, state, state.timeout_seconds)
    silence = _seconds(run, frame, state, state.heartbeat_seconds)
    limits = {"timeoutInSeconds": seconds, "heartbeatInSeconds": silence}
    is_invoked = state.call.kind == INVOKE
    said = invocations.said(value) if is_invoked else {}
    role = _role(run, frame, state)
    run.record("TaskScheduled", frame, task=number, resource=state.resource, role=role, **said, **limits)
    try:
        given = invocations.event_of(value) if is_invoked else value
    except jsontext.NotJson as fault:
        run.record("TaskStarted", frame, task=number)
        cause = invocations.unreadable(fault, run.before.id, number)
        return _fail(run, frame, state, invocations.UNREADABLE, cause)
    run.put(frame, waiting=execution.FOR_TASK, attempt=0)
    run.commands.append(
        DispatchTask(
            frame=frame.path,
            entry=frame.entry,
            number=number,
            step=frame.state,
            function=invocations.EVENT if is_event else function,
            input={"function": function, "event": given} if is_event else given,
            retry=sum(frame.retries),
            timeout_seconds=seconds,
            token=token,
            heartbeat_seconds=silence if token else None,
            is_polled=state.call.kind == ACTIVITY,
        )
    )


def _function(state: TaskState, value: Json) -> str:
    """The function to call."""
    if state.call.kind == ACTIVITY:
        return task_function(state.call.name)
    if state.call.kind != INVOKE:
        return state.call.name
    called = invocations.function_called(value, state.aliases)
    if called is None:
        raise StateFault("States.Runtime", "The field 'FunctionName' must name a function")
    return called


def settle(run: Run, frame: Frame, event: TaskSucceeded | TaskFailed) -> None:
    """Take the outcome of an attempt."""
    state = run.state_of(frame)
    assert isinstance(state, TaskState), f"{frame.state} is no Task"
    if isinstance(event, TaskFailed):
        return _fail(run, frame, state, event.error, event.cause)
    number = number_of(state, frame)
    told = _told(run, frame, state)
    result = invocations.result(event.output, told, run.before.id, number) if told else event.output
    try:
        run.check_size(result, frame)
    except StateFault as fault:
        return _fail(run, frame, state, fault.error, fault.cause_in(frame))
    run.commands.append(CompleteTask(number, event.output))
    run.record("TaskSucceeded", frame, task=number, **told)
    run.complete(frame, state, result)


def _told(run: Run, frame: Frame, state: TaskState) -> dict[str, Json]:
    """What the result of a call of Lambda is made of besides what the function returned; nothing of other tasks."""
    if state.call.kind != INVOKE or state.is_answered:
        return {}
    is_event = state.may_send and invocations.is_event(dataflow.arguments(run, frame, state))
    return {"at": run.event.at, **({"accepted": True} if is_event else {})}


def _fail(run: Run, frame: Frame, state: TaskState, error: str, cause: str | None) -> None:
    """The task has failed: its function has, or what it gave cannot be taken."""
    if error == retry.TOO_LARGE and state.call.kind in (FUNCTION, INVOKE) and not state.is_answered:
        cause = aws_messages.too_large(_named(state.resource))
    told = retry.told(error)
    kind = "TaskTimedOut" if told == retry.TIMEOUT else "TaskFailed"
    run.record(kind, frame, task=number_of(state, frame), error=told, cause=cause)
    run.fail(frame, error, cause)


def _named(resource: str) -> str:
    """What a cause calls a resource: an integration by its service, others as they are."""
    return resource.partition(":states:::")[2].partition(":")[0] or resource


def _role(run: Run, frame: Frame, state: TaskState) -> Json:
    """The role that Credentials name, for the history alone."""
    if state.credentials is None:
        return None
    said = run.evaluate(state.credentials, frame, run.scope(frame, dataflow.effective_input(run, frame, state)))
    return said.get("RoleArn") if isinstance(said, dict) else None


def _seconds(run: Run, frame: Frame, state: TaskState, field: Field | None) -> float | None:
    if field is None:
        return None
    scope = run.scope(frame, dataflow.effective_input(run, frame, state))
    seconds: float = dataflow.number(run, frame, field, scope, above=True)
    return seconds
