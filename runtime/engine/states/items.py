"""The items of a Map, in either mode."""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.model import MapState
from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.fields import Field, Jsonata, Reference
from stepwell.runtime.engine.language.paths import Path
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.values.jsontext import Json


def items_of(view: View, frame: Frame, state: MapState, given: Json) -> list[Json]:
    """The list of items of an inline Map. Raises StateFault.

    It takes no object. Source: developer guide, "Using Map state in Inline mode".
    """
    items: list[Json] = collection_of(view, frame, state, given, takes_objects=False)
    return items


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
    if state.is_jsonata:
        raise view.evaluation_failed(frame, aws_messages.no_items(items))
    raise StateFault("States.Runtime", f'Reference path "{_shown(state.items)}" must point to array.')


def at_most(view: View, frame: Frame, concurrency: Field, scope: Scope) -> int:
    """How many items may run at a time; 0 if any number. Raises StateFault."""
    found: int = dataflow.number_or_text(view, frame, concurrency, scope, whole=True)
    if found < 0:
        raise dataflow.unfit(frame, concurrency, "a whole number from 0 on", found)
    return found


def tolerated(view: View, frame: Frame, state: MapState, scope: Scope) -> tuple[int | None, float | None]:
    """The number and the percentage of items that may fail; None without the field. Raises StateFault."""
    count = percentage = None
    if state.tolerated_count is not None:
        count = dataflow.number_or_text(view, frame, state.tolerated_count, scope, whole=True)
        if count < 0:
            raise StateFault("States.Runtime", aws_messages.NEGATIVE_COUNT)
    if state.tolerated_percentage is not None:
        percentage = dataflow.number_or_text(view, frame, state.tolerated_percentage, scope)
        if not 0 <= percentage <= 100:
            raise StateFault("States.Runtime", aws_messages.NO_PERCENTAGE)
    return count, percentage


def _shown(field: Field | None) -> str:
    """A path as AWS shows it: a path into the context object has one ``$`` only."""
    if not isinstance(field, Reference) or not isinstance(field.node, Path):
        return "$"
    return field.node.text[1:] if field.node.of_context else field.node.text
