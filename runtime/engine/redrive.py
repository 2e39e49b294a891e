"""Where an execution goes on that has ended without success: what of it is kept, and what is done once more.

What stood when it ended stands still, and whatever has no end yet goes on: states do their work again, of a Parallel or
a Map the branches and items that failed or were aborted, their retries counted anew. What cannot go on in its parts,
since its results could not be joined, is done again as a whole. Source: AWS Step Functions developer guide, "Restarting
state machine executions with redrive".
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
    """The frames that go on by themselves, all of the frames given; who waits for children goes on with these."""
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
    """Let a frame go on, by a number of its own; the frame, where its state is to do its work once more."""
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
            distributed.go_on(run, fresh)
            fresh = None
    return fresh


def _children(frames: Mapping[str, Frame]) -> dict[str, list[Frame]]:
    """What stands below each frame in the state that it is in, in order."""
    found = defaultdict(list)
    for path, child in frames.items():
        parent = frames.get(parent_of(path)) if path else None
        if parent is not None and path == child_path(parent.path, parent.entry, branch_of(path)):
            found[parent.path].append(child)
    return {path: sorted(below, key=lambda one: branch_of(one.path)) for path, below in found.items()}


def _goes_on(parent: Frame, child: Frame) -> bool:
    """Whether a child has begun and not ended; one that could not be begun is to begin."""
    is_early = child.waiting == execution.FOR_TURN and branch_of(child.path) >= parent.begun
    return child.waiting != execution.ENDED and not is_early
