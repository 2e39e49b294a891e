"""The list that a Map goes through, in either mode."""

from __future__ import annotations

from typing import Any

from runtime.engine.definition import MapState
from runtime.engine.execution import Frame
from runtime.engine.fields import Jsonata, Reference
from runtime.engine.paths import Path
from runtime.engine.standing import Standing, StateFault

Json = Any


def items_of(run: Standing, frame: Frame, state: MapState, given: Json) -> list[Json]:
    """The list to go through. JSONata may give an object, too: a list of its members as key and value."""
    items = given if state.items is None else run.evaluate(state.items, frame, run.scope(frame, given))
    if state.is_jsonata and isinstance(items, dict):
        return [{"Key": key, "Value": value} for key, value in items.items()]
    if isinstance(items, list):
        return items
    if isinstance(state.items, Jsonata):
        with run.evaluating(frame, state.items.name):
            state.items.expected("array", items)
    path = state.items.node.text if isinstance(state.items, Reference) and isinstance(state.items.node, Path) else "$"
    raise StateFault("States.Runtime", f'Reference path "{path}" must point to array.')
