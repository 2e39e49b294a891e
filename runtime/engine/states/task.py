"""Task: has a function called by a worker, and goes on when its result or its error comes back."""

from __future__ import annotations

from runtime.engine import dataflow, execution
from runtime.engine.commands import CompleteTask, DispatchTask
from runtime.engine.definition import TaskState
from runtime.engine.events import TaskFailed, TaskSucceeded
from runtime.engine.execution import Frame
from runtime.engine.run import Run, number_of


def enter(run: Run, frame: Frame, state: TaskState) -> None:
    """Hand the work out: for the first time, or again after a retry's delay."""
    number = number_of(state, frame)
    token = run.token(frame, number) if state.waits_for_token else None
    value = dataflow.arguments(run, frame, state, **({"Task": {"Token": token}} if token else {}))
    run.check_size(value, frame)
    seconds = _timeout(run, frame, state)
    run.record("TaskScheduled", frame, task=number, resource=state.resource, timeoutInSeconds=seconds)
    run.put(frame, waiting=execution.FOR_TASK, attempt=0)
    run.commands.append(
        DispatchTask(
            frame=frame.path,
            entry=frame.entry,
            number=number,
            step=frame.state,
            function=state.function,
            input=value,
            retry=sum(frame.retries),
            timeout_seconds=seconds,
            token=token,
        )
    )


def settle(run: Run, frame: Frame, event: TaskSucceeded | TaskFailed) -> None:
    """Take the outcome of an attempt."""
    state = run.state_of(frame)
    assert isinstance(state, TaskState), f"{frame.state} is no Task"
    number = number_of(state, frame)
    if isinstance(event, TaskFailed):
        kind = "TaskTimedOut" if event.error == "States.Timeout" else "TaskFailed"
        run.record(kind, frame, task=number, error=event.error, cause=event.cause)
        return run.fail(frame, event.error, event.cause)
    run.commands.append(CompleteTask(number, event.output))
    run.record("TaskSucceeded", frame, task=number)
    run.check_size(event.output, frame)
    run.complete(frame, state, event.output)


def _timeout(run: Run, frame: Frame, state: TaskState) -> float | None:
    if state.timeout_seconds is None:
        return None
    scope = run.scope(frame, dataflow.effective_input(run, frame, state))
    seconds: float = dataflow.number(run, frame, state.timeout_seconds, scope, above=True)
    return seconds
