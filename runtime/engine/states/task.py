"""Task: has a worker call a function, and goes on when the result or the error comes back."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow, execution, invocations, retry
from stepwell.runtime.engine.core.commands import CompleteTask, DispatchTask
from stepwell.runtime.engine.core.events import TaskFailed, TaskSucceeded
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.core.run import Run, number_of
from stepwell.runtime.engine.definition.model import TaskState
from stepwell.runtime.engine.definition.resources import ACTIVITY, FUNCTION, INVOKE, task_function
from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.fields import Field
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json


def enter(run: Run, frame: Frame, state: TaskState) -> None:
    """Dispatch the task: for the first time, or again after a retry's delay. Raises StateFault."""
    if state.call.kind == ACTIVITY and state.call.name in run.view.machine.absent:
        raise StateFault("States.Runtime", aws_messages.NO_ACTIVITY)
    number = number_of(state, frame)
    token = run.view.token(frame, number) if state.is_answered else None
    value = dataflow.arguments(run.view, frame, state, **({"Task": {"Token": token}} if token else {}))
    function = _function(state, value)
    is_event = state.may_send and invocations.is_event(value)
    run.view.check_size(value, frame)
    timeout = _seconds(run, frame, state, state.timeout_seconds)
    heartbeat = _seconds(run, frame, state, state.heartbeat_seconds)
    limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
    is_invoked = state.call.kind == INVOKE
    call = invocations.kept_call(value) if is_invoked else {}
    role = _role(run, frame, state)
    run.ledger.record("TaskScheduled", frame, task=number, resource=state.resource, role=role, **call, **limits)
    try:
        given = invocations.event_of(value) if is_invoked else value
    except jsontext.NotJson as fault:
        run.ledger.record("TaskStarted", frame, task=number)
        cause = invocations.unreadable(fault, run.view.before.id, number)
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
            timeout_seconds=timeout,
            visit=run.view.visit(frame),
            token=token,
            heartbeat_seconds=heartbeat if token else None,
            is_polled=state.call.kind == ACTIVITY,
        )
    )


def settle(run: Run, frame: Frame, event: TaskSucceeded | TaskFailed) -> None:
    """Take the outcome of an attempt. Raises StateFault of the state's own fields."""
    state = run.view.state_of(frame)
    assert isinstance(state, TaskState), f"{frame.state} is no Task"
    if isinstance(event, TaskFailed):
        is_told_anew = state.call.kind == INVOKE and not state.is_answered
        cause = invocations.compact(event.cause) if is_told_anew else event.cause
        return _fail(run, frame, state, event.error, cause)
    number = number_of(state, frame)
    wrapping = _wrapping(run, frame, state)
    identity = run.view.before.id
    result = invocations.result(event.output, wrapping, identity, number) if wrapping else event.output
    try:
        run.view.check_size(result, frame)
    except StateFault as fault:
        return _fail(run, frame, state, fault.error, fault.cause_in(frame))
    run.commands.append(CompleteTask(number, event.output))
    run.ledger.record("TaskSucceeded", frame, task=number, **wrapping)
    run.complete(frame, state, result)


def _function(state: TaskState, value: Json) -> str:
    """The function to call. Raises StateFault."""
    if state.call.kind == ACTIVITY:
        return task_function(state.call.name)
    if state.call.kind != INVOKE:
        return state.call.name
    called = invocations.function_called(value, state.aliases)
    if called is None:
        raise StateFault("States.Runtime", "The field 'FunctionName' must name a function")
    return called


def _wrapping(run: Run, frame: Frame, state: TaskState) -> dict[str, Json]:
    """The details from which the result of ``lambda:invoke`` wraps the function's return value; {} for other tasks."""
    if state.call.kind != INVOKE or state.is_answered:
        return {}
    is_event = state.may_send and invocations.is_event(dataflow.arguments(run.view, frame, state))
    return {"at": run.event.at, **({"accepted": True} if is_event else {})}


def _fail(run: Run, frame: Frame, state: TaskState, error: str, cause: str | None) -> None:
    """Let the task fail: its function failed, or the state cannot use its result."""
    if error == retry.TOO_LARGE and state.call.kind in (FUNCTION, INVOKE) and not state.is_answered:
        cause = aws_messages.too_large(_named(state.resource))
    reported = retry.reported(error)
    kind = "TaskTimedOut" if reported == retry.TIMEOUT else "TaskFailed"
    run.ledger.record(kind, frame, task=number_of(state, frame), error=reported, cause=cause)
    run.fail(frame, error, cause)


def _named(resource: str) -> str:
    """The name of a resource in a cause: an integration's service, or else the resource itself."""
    return resource.partition(":states:::")[2].partition(":")[0] or resource


def _role(run: Run, frame: Frame, state: TaskState) -> Json:
    """The role that Credentials name. Only the history shows it."""
    if state.credentials is None:
        return None
    scope = run.view.scope(frame, dataflow.effective_input(run.view, frame, state))
    credentials = run.view.evaluate(state.credentials, frame, scope)
    return credentials.get("RoleArn") if isinstance(credentials, dict) else None


def _seconds(run: Run, frame: Frame, state: TaskState, field: Field | None) -> float | None:
    if field is None:
        return None
    scope = run.view.scope(frame, dataflow.effective_input(run.view, frame, state))
    seconds: float = dataflow.number(run.view, frame, field, scope, above=True)
    return seconds
