"""The list that a Map goes through, in either mode."""

from __future__ import annotations

from typing import Any

from runtime.engine import dataflow
from runtime.engine.definition import MapState
from runtime.engine.execution import Frame
from runtime.engine.fields import Field, Reference
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
    if state.is_jsonata and state.items is not None:
        raise dataflow.unfit(frame, state.items, "a list or an object", items)
    raise StateFault("States.Runtime", f'Reference path "{_shown(state.items)}" must point to array.')


def _shown(field: Field | None) -> str:
    """A path as AWS shows it: into the context object with one ``$`` only."""
    if not isinstance(field, Reference) or not isinstance(field.node, Path):
        return "$"
    return field.node.text[1:] if field.node.of_context else field.node.text
