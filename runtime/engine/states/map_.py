"""Map, inline: opens a frame for each item, a bounded number at a time. Their outputs, in order, are the result."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame, child_path
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import MapState
from stepwell.runtime.engine.states import distributed
from stepwell.runtime.engine.states.items import at_most, items_of
from stepwell.runtime.engine.values.jsontext import Json

AT_ONCE = 40
"""How many items run at a time at most. Source: AWS's developer guide, "Using Map state in Inline mode"."""

LINES_AN_ITEM = 4
"""An item that has ended has at least this many lines of history. So the quota bounds how many items can ever begin."""


def enter(run: Run, frame: Frame, state: MapState) -> None:
    """Open the items: on entry, or again when the state is retried as a whole. Raises StateFault."""
    assert state.processor is not None
    if state.distribution is not None:
        return distributed.enter(run, frame, state)
    given = dataflow.effective_input(run.view, frame, state)
    items = items_of(run.view, frame, state, given)
    at_once = _at_once(run, frame, state, given)
    run.ledger.record("MapStateStarted", frame, length=len(items), again=frame.entry if frame.retries else None)
    can_begin = run.ledger.quota // LINES_AN_ITEM + AT_ONCE
    children = [
        Frame(child_path(frame.path, frame.entry, index), state.processor.start_at, None, item=item)
        for index, item in enumerate(items[:can_begin])
    ]
    run.open_children(frame, children, at_once, len(items))
    if not children:
        run.join(run.frames[frame.path])


def _at_once(run: Run, frame: Frame, state: MapState, given: Json) -> int:
    assert state.concurrency is not None
    scope = run.view.scope(frame, given)
    return min(at_most(run.view, frame, state.concurrency, scope) or AT_ONCE, AT_ONCE)
