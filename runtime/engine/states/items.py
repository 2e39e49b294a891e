"""The items of a Map, in either mode."""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.model import MapState
from stepwell.runtime.engine.language.fields import Field, Jsonata, Reference
from stepwell.runtime.engine.language.paths import Path
from stepwell.runtime.engine.values.jsontext import Json


def items_of(view: View, frame: Frame, state: MapState, given: Json) -> list[Json]:
    """The list of items. In JSONata an object gives the list of its members. Raises StateFault."""
    items = collection_of(view, frame, state, given, takes_objects=state.is_jsonata)
    return members_of(items) if isinstance(items, dict) else items


def members_of(items: Mapping[str, Json]) -> list[Json]:
    """The members of an object, as items."""
    return [{"Key": key, "Value": value} for key, value in items.items()]


def collection_of(view: View, frame: Frame, state: MapState, given: Json, *, takes_objects: bool) -> Json:
    """The list of items, or with ``takes_objects`` an object with the items as members. Raises StateFault."""
    items = given if state.items is None else view.evaluate(state.items, frame, view.scope(frame, given))
    if isinstance(items, list) or (takes_objects and isinstance(items, dict)):
        return items
    if isinstance(state.items, Jsonata):
        with view.evaluating(frame, state.items.name):
            state.items.expected("array", items)
    raise StateFault("States.Runtime", f'Reference path "{_shown(state.items)}" must point to array.')


def _shown(field: Field | None) -> str:
    """A path as AWS shows it: a path into the context object has one ``$`` only."""
    if not isinstance(field, Reference) or not isinstance(field.node, Path):
        return "$"
    return field.node.text[1:] if field.node.of_context else field.node.text
