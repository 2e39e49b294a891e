"""Parallel: opens a frame for each branch, and goes on with the list of their outputs when the last one has ended."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame, child_path
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import ParallelState


def enter(run: Run, frame: Frame, state: ParallelState) -> None:
    """Open the branches: on entry, or again when the state is retried as a whole."""
    value = dataflow.arguments(run, frame, state)
    run.check_size(value, frame)
    run.record("ParallelStateStarted", frame, again=frame.entry if frame.retries else None)
    children = [
        Frame(child_path(frame.path, frame.entry, number), branch.start_at, value)
        for number, branch in enumerate(state.branches)
    ]
    run.open_children(frame, children, len(children))
