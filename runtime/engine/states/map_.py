"""Map, inline: opens a frame for each item, so many at a time, and goes on with the list of their outputs."""

from __future__ import annotations

from typing import Any

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame, child_path
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import MapState
from stepwell.runtime.engine.states import distributed
from stepwell.runtime.engine.states.items import items_of

Json = Any

AT_ONCE = 40
"""How many items run at a time at most. Source: AWS's developer guide, "Using Map state in Inline mode"."""

LINES_AN_ITEM = 4
"""How many lines of history an item has at least that has ended: so many items are more than one history can hold."""


def enter(run: Run, frame: Frame, state: MapState) -> None:
    """Open the items: on entry, or again when the state is retried as a whole."""
    assert state.processor is not None
    if state.distribution is not None:
        return distributed.enter(run, frame, state)
    given = dataflow.effective_input(run, frame, state)
    items = items_of(run, frame, state, given)
    at_once = _at_once(run, frame, state, given)
    run.record("MapStateStarted", frame, length=len(items), again=frame.entry if frame.retries else None)
    can_begin = run.limits.history // LINES_AN_ITEM + AT_ONCE
    children = [
        Frame(child_path(frame.path, frame.entry, index), state.processor.start_at, None, item=item)
        for index, item in enumerate(items[:can_begin])
    ]
    run.open_children(frame, children, at_once, len(items))
    if not children:
        run.join(run.frames[frame.path])


def _at_once(run: Run, frame: Frame, state: MapState, given: Json) -> int:
    assert state.concurrency is not None
    at_most = dataflow.number(run, frame, state.concurrency, run.scope(frame, given), whole=True)
    return min(at_most or AT_ONCE, AT_ONCE)
