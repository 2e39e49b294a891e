"""Map, distributed: its items are executions of their own, under a map run that whoever drives the core keeps.

The core says what the run is to be (:func:`plan`) and what each execution is handed (:func:`inputs`); it learns how the
run has ended. Source: AWS Step Functions developer guide, "Using Map state in Distributed mode".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stepwell.runtime.engine.core import commands, dataflow, execution
from stepwell.runtime.engine.core.commands import SetTimer
from stepwell.runtime.engine.core.events import MapRunEnded
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.retry import TOO_LARGE
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.core.view import Standing, StateFault
from stepwell.runtime.engine.definition.model import Distribution, MapState
from stepwell.runtime.engine.language.fields import Field
from stepwell.runtime.engine.states.items import collection_of, members_of
from stepwell.runtime.engine.values import jsontext

Json = Any

MOST_AT_ONCE = 10_000
"""How many executions of a run go on at a time at most: AWS's own number."""
MOST_BATCH_BYTES = 256 << 10


@dataclass(frozen=True)
class Plan:
    """A map run as its state wants it. ``items`` is None when ``reader`` says where they are."""

    label: str
    items: list[Json] | None
    reader: Json
    lists_objects: bool
    reader_config: Json
    most_items: int | None
    writer: Json
    concurrency: int
    batch_items: int | None
    batch_bytes: int | None
    batch_input: Json
    is_batched: bool
    tolerated_count: int | None
    tolerated_percentage: float | None
    writer_config: Json = field(default_factory=dict)
    is_keyed: bool = False
    """Whether the items are an object's members."""


def enter(run: Run, frame: Frame, state: MapState) -> None:
    """Have the run begun, by a timer that is due at once: on entry, or again when the state is retried."""
    _, mode = _state(run, frame)
    length = 0  # what a reader has is not read as yet
    if mode.reader is None:
        given = dataflow.effective_input(run, frame, state)
        length = len(collection_of(run, frame, state, given, takes_objects=True))
    run.record("MapStateStarted", frame, length=length, again=frame.entry if frame.retries else None)
    go_on(run, frame)


def go_on(run: Run, frame: Frame) -> None:
    """Have the run redriven, which keeps the entry that it was begun with in mind; or begun, if it never was."""
    run.put(frame, waiting=execution.FOR_RUN)
    run.commands.append(SetTimer(commands.WAKE_RUN, frame.path, frame.entry, 0, 0))


def end(run: Run, frame: Frame, event: MapRunEnded) -> None:
    """The run has ended."""
    state = run.state_of(frame)
    assert isinstance(state, MapState)
    if event.error is not None:
        run.record("MapRunFailed", frame, error=event.error, cause=event.cause)
        return run.fail(frame, event.error, event.cause, is_terminal=event.error == TOO_LARGE)
    run.record("MapRunSucceeded", frame)
    run.record("MapStateSucceeded", frame)
    run.complete(frame, state, event.output)


def plan(standing: Standing, frame: Frame) -> Plan:
    """What a frame's Map wants. Raises StateFault."""
    state, mode = _state(standing, frame)
    given = dataflow.effective_input(standing, frame, state)
    scope = standing.scope(frame, given)

    def number(field: Field | None, **rule: bool) -> Any:
        return None if field is None else dataflow.number(standing, frame, field, scope, **rule)

    def value(field: Field | None) -> Json:
        return None if field is None else standing.evaluate(field, frame, scope)

    items, is_keyed = None, False
    if mode.reader is None:
        items = collection_of(standing, frame, state, given, takes_objects=True)
        is_keyed = isinstance(items, dict)
    assert state.concurrency is not None
    percentage = number(mode.tolerated_percentage)
    if percentage is not None and percentage > 100:
        raise StateFault("States.Runtime", "ToleratedFailurePercentage must be at most 100")
    return Plan(
        label=mode.label,
        items=members_of(items) if isinstance(items, dict) else items,
        is_keyed=is_keyed,
        reader=value(mode.reader),
        lists_objects=mode.lists_objects,
        reader_config=dict(mode.reader_config),
        most_items=number(mode.most_items, above=True, whole=True),
        writer=value(mode.writer),
        writer_config=dict(mode.writer_config),
        concurrency=min(number(state.concurrency, whole=True) or MOST_AT_ONCE, MOST_AT_ONCE),
        batch_items=number(mode.batch_items, above=True, whole=True),
        batch_bytes=number(mode.batch_bytes, above=True, whole=True),
        batch_input=value(mode.batch_input),
        is_batched=mode.is_batched,
        tolerated_count=number(mode.tolerated_count, whole=True),
        tolerated_percentage=percentage,
    )


def inputs(
    standing: Standing, frame: Frame, wanted: Plan, first: int, items: Sequence[tuple[Json, Mapping[str, Json]]]
) -> list[tuple[Json, int]]:
    """What executions are handed that take these items, the first of which has this index; and how many each takes.

    With each item comes what ``$$.Map.Item`` has beside it. Raises StateFault.
    """
    state, _ = _state(standing, frame)
    selected = [
        dataflow.item_input(standing, frame, state, index, item, told)
        for index, (item, told) in enumerate(items, start=first)
    ]
    if not wanted.is_batched:
        return [(one, 1) for one in selected]
    base = {} if wanted.batch_input is None else {"BatchInput": wanted.batch_input}
    return [({**base, "Items": batch}, len(batch)) for batch in _batches(wanted, base, selected)]


def _batches(wanted: Plan, base: Json, items: Sequence[Json]) -> list[list[Json]]:
    most = min(wanted.batch_bytes or MOST_BATCH_BYTES, MOST_BATCH_BYTES)
    overhead = jsontext.size(jsontext.write({**base, "Items": []}))
    batches: list[list[Json]] = []
    size = 0
    for item in items:
        own = jsontext.size(jsontext.write(item)) + 1
        is_full = batches and (len(batches[-1]) == wanted.batch_items or size + own > most)
        if not batches or is_full:
            batches.append([])
            size = overhead
        batches[-1].append(item)
        size += own
    return batches


def _state(standing: Standing, frame: Frame) -> tuple[MapState, Distribution]:
    state = standing.state_of(frame)
    assert isinstance(state, MapState) and state.distribution is not None
    return state, state.distribution
