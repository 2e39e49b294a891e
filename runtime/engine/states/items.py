"""The list that a Map goes through, in either mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.view import Standing, StateFault
from stepwell.runtime.engine.definition.model import MapState
from stepwell.runtime.engine.language.fields import Field, Jsonata, Reference
from stepwell.runtime.engine.language.paths import Path

Json = Any


def items_of(run: Standing, frame: Frame, state: MapState, given: Json) -> list[Json]:
    """The list to go through. JSONata may give an object, too: a list of its members as key and value."""
    items = collection_of(run, frame, state, given, takes_objects=state.is_jsonata)
    return members_of(items) if isinstance(items, dict) else items


def members_of(items: Mapping[str, Json]) -> list[Json]:
    """The members of an object, as items."""
    return [{"Key": key, "Value": value} for key, value in items.items()]


def collection_of(run: Standing, frame: Frame, state: MapState, given: Json, *, takes_objects: bool) -> Json:
    """The list or the object to go through. Raises StateFault."""
    items = given if state.items is None else run.evaluate(state.items, frame, run.scope(frame, given))
    if isinstance(items, list) or (takes_objects and isinstance(items, dict)):
        return items
    if isinstance(state.items, Jsonata):
        with run.evaluating(frame, state.items.name):
            state.items.expected("array", items)
    raise StateFault("States.Runtime", f'Reference path "{_shown(state.items)}" must point to array.')


def _shown(field: Field | None) -> str:
    """A path as AWS shows it: into the context object with one ``$`` only."""
    if not isinstance(field, Reference) or not isinstance(field.node, Path):
        return "$"
    return field.node.text[1:] if field.node.of_context else field.node.text
