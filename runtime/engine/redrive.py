"""Redrive of an execution that has ended without success: which frames go on, and how.

The frames are kept as they were at the end. A frame goes on if it had not ended: its state does its work again, with
its retries counted from 0. Of a Parallel or a Map only the failed and the aborted branches and items go on. A state
whose children were not all kept does its work again as a whole, since it could not join their results. Source: AWS Step
Functions developer guide, "Restarting state machine executions with redrive".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from stepwell.runtime.engine.core import execution
from stepwell.runtime.engine.core.execution import Frame, branch_of, child_path, parent_of
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.states import distributed
from stepwell.runtime.engine.values import entries


def unfinished(frames: Mapping[str, Frame]) -> Iterator[Frame]:
    """The frames that go on by themselves.

    ``frames`` must be complete. A frame with open children goes on with them.
    """
    children = _children(frames)
    waiting = [frames[""]]
    while waiting:
        frame = waiting.pop()
        below = children.get(frame.path, [])
        if frame.waiting != execution.FOR_CHILDREN or len(below) < frame.children:
            yield frame
        else:
            waiting += reversed([child for child in below if _goes_on(frame, child)])


def go_on(run: Run, frame: Frame, number: int) -> Frame | None:
    """Let a frame go on. The frame to be entered again, or None when there is nothing more to do.

    ``number`` is this redrive's number for the frame: the frame's entry holds it from now on.
    """
    fresh = None
    if frame.waiting == execution.FOR_ENTRY:
        run.enter(frame)
    elif frame.waiting == execution.FOR_TURN:
        parent = run.frames[parent_of(frame.path)]
        with run.faults_of(parent):
            run.begin(parent, frame)
    else:
        run.cancel_children(frame)
        entry = entries.redriven(frame.entry, number)
        fresh = run.put(frame, entry=entry, entered_at=run.event.at, retries=(), open=0, begun=0, children=0)
        if frame.waiting == execution.FOR_RUN:
            distributed.ask_for_run(run, fresh)
            fresh = None
    return fresh


def _children(frames: Mapping[str, Frame]) -> dict[str, list[Frame]]:
    """The children of each frame in its present state, in order."""
    found = defaultdict(list)
    for path, child in frames.items():
        parent = frames.get(parent_of(path)) if path else None
        if parent is not None and path == child_path(parent.path, parent.entry, branch_of(path)):
            found[parent.path].append(child)
    return {path: sorted(below, key=lambda one: branch_of(one.path)) for path, below in found.items()}


def _goes_on(parent: Frame, child: Frame) -> bool:
    """True if a child has begun and not ended, or should have begun and could not."""
    is_early = child.waiting == execution.FOR_TURN and branch_of(child.path) >= parent.begun
    return child.waiting != execution.ENDED and not is_early
