"""Map, inline: opens a frame for each item, so many at a time, and goes on with the list of their outputs."""

from __future__ import annotations

from typing import Any

from runtime.engine import dataflow
from runtime.engine.definition import MapState
from runtime.engine.execution import Frame, child_path
from runtime.engine.run import Run
from runtime.engine.standing import StateFault

Json = Any

AT_ONCE = 40
"""How many items run at a time at most. Source: AWS's developer guide, "Using Map state in Inline mode"."""


def enter(run: Run, frame: Frame, state: MapState) -> None:
    """Open the items: on entry, or again when the state is retried as a whole."""
    assert state.processor is not None
    given = dataflow.effective_input(run, frame, state)
    items = _items(run, frame, state, given)
    at_once = _at_once(run, frame, state, given)
    run.record("MapStateStarted", frame, length=len(items))
    children = [
        Frame(child_path(frame.path, frame.entry, index), state.processor.start_at, None, item=item)
        for index, item in enumerate(items)
    ]
    run.open_children(frame, children, at_once)
    if not children:
        run.join(run.frames[frame.path])


def _items(run: Run, frame: Frame, state: MapState, given: Json) -> list[Json]:
    """The list to go through. JSONata may give an object, too: a list of its members as key and value."""
    items = given if state.items is None else run.evaluate(state.items, frame, run.scope(frame, given))
    if state.is_jsonata and isinstance(items, dict):
        return [{"Key": key, "Value": value} for key, value in items.items()]
    if not isinstance(items, list):
        where = "the input" if state.items is None else f"the field '{state.items.name}'"
        raise StateFault("States.Runtime", f"Reference path must point to array: {where} of '{frame.state}' does not.")
    return items


def _at_once(run: Run, frame: Frame, state: MapState, given: Json) -> int:
    assert state.concurrency is not None
    value = run.evaluate(state.concurrency, frame, run.scope(frame, given))
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise StateFault("States.Runtime", f"MaxConcurrency must be a whole number from 0 on, not {value!r:.80}")
    return min(value or AT_ONCE, AT_ONCE)
