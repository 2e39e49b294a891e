"""Parallel: opens a frame for each branch, and goes on with the list of their outputs when the last one has ended."""

from __future__ import annotations

from runtime.engine import execution
from runtime.engine.definition import ParallelState
from runtime.engine.execution import Frame, child_path
from runtime.engine.run import Run


def enter(run: Run, frame: Frame, state: ParallelState) -> None:
    begin(run, frame)


def begin(run: Run, frame: Frame) -> None:
    """Open the branches: on entry, or again when the state is retried as a whole."""
    state = run.state_of(frame)
    assert isinstance(state, ParallelState), f"{frame.state} is no Parallel"
    context = run.context(frame)
    value = run.taken(state.input_path, frame.input, context)
    if state.parameters is not None:
        value = run.render(state.parameters, value, context)
    run.check_size(value, frame, copies=len(state.branches))
    run.record("ParallelStateStarted", frame)
    run.put(frame, waiting=execution.FOR_CHILDREN, open=len(state.branches))
    for number, branch in enumerate(state.branches):
        run.enter(Frame(child_path(frame.path, frame.entry, number), branch.start_at, value))
