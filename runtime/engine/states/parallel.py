"""Parallel: opens a frame for each branch. When the last one has ended, their outputs, in order, are the result."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame, child_path
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import ParallelState


def enter(run: Run, frame: Frame, state: ParallelState) -> None:
    """Open the branches: on entry, or again when the state is retried as a whole. Raises StateFault."""
    value = dataflow.arguments(run.view, frame, state)
    run.view.check_size(value, frame)
    run.ledger.record("ParallelStateStarted", frame, again=frame.entry if frame.retries else None)
    children = [
        Frame(child_path(frame.path, frame.entry, number), branch.start_at, value)
        for number, branch in enumerate(state.branches)
    ]
    run.open_children(frame, children, len(children))
