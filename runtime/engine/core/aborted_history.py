"""AWS's further lines of history when a frame fails: which states are left failed, and which aborted.

Nothing else depends on them: the core would run the same without. Source: AWS's recorded histories, as in the cases
under ``tests/runtime/engine/cases``.
"""

from __future__ import annotations

from collections.abc import Container

from stepwell.runtime.engine.core import execution
from stepwell.runtime.engine.core.execution import Frame, branch_of
from stepwell.runtime.engine.core.ledger import Ledger
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.model import MapState, ParallelState, TaskState, WaitState, WorkState


def record_failed_child(view: View, parent: Frame, failed: Frame, entering: Container[str]) -> None:
    """Record that a child has failed, and that its open siblings are aborted, all as results of the last line.

    ``entering`` has the paths of the frames that have not yet entered their state. Raises FramesMissing.
    """
    of, ledger = view.ledger.count, view.ledger
    if isinstance(view.state_of(parent), MapState):
        ledger.record("MapIterationFailed", parent, name=parent.state, index=branch_of(failed.path), of=of)
    if isinstance(view.state_of(failed), TaskState):  # it has failed, but was not left
        ledger.record("TaskStateAborted", failed, of=of)
    if parent.open > 1:
        _record_aborted(view, parent, of, entering, failed.path)


def _record_aborted(view: View, parent: Frame, of: int, entering: Container[str], failed: str = "") -> None:
    """Record the unfinished states below a frame, each before those inside it.

    ``failed`` is the path of the child that has failed itself.
    """
    for child in [view.child(parent, number) for number in range(parent.begun)]:
        has_yet_to_enter = child.path in entering
        if child.path == failed or (child.waiting == execution.ENDED and not has_yet_to_enter):
            continue
        if isinstance(view.state_of(parent), MapState):
            view.ledger.record("MapIterationAborted", parent, name=parent.state, index=branch_of(child.path), of=of)
        if has_yet_to_enter:
            continue
        if isinstance(state := view.state_of(child), TaskState | WaitState | ParallelState | MapState):
            view.ledger.record(f"{type(state).__name__}Aborted", child, of=of)
        if child.waiting == execution.FOR_CHILDREN:
            _record_aborted(view, child, of, entering)


def is_own_failure(ledger: Ledger, frame: Frame, state: WorkState) -> bool:
    """True if the Map itself failed (its Map Run, or an expression evaluated before any item), not one of its items."""
    above = ledger.last.type if ledger.last else None
    is_new = frame.waiting in (execution.FOR_WORK, execution.FOR_RETRY)
    return isinstance(state, MapState) and (above == "MapRunFailed" or (above == "EvaluationFailed" and is_new))


def is_input_above(ledger: Ledger, frame: Frame) -> bool:
    """True if the last line already holds the frame's input, as the output of the state that the frame has left."""
    last = ledger.last
    return last is not None and last.frame == frame.path and last.details.get("output", last) is frame.input
