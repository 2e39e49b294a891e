"""Map, distributed: its items are executions of their own, in a Map Run that the caller of the core keeps.

A transition only requests the run and takes its end. Between the two a :class:`DistributedMap` gives the caller the
plan of the run and the input of each child execution. Source: AWS Step Functions developer guide, "Using Map state
in Distributed mode".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stepwell.runtime.engine.core import commands, dataflow, execution, faults
from stepwell.runtime.engine.core.commands import SetTimer
from stepwell.runtime.engine.core.events import Event, MapRunEnded
from stepwell.runtime.engine.core.execution import Execution, Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.core.retry import TOO_LARGE
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.model import Distribution, MapState, StateMachine
from stepwell.runtime.engine.language.budget import Alarm, Budget
from stepwell.runtime.engine.language.fields import Field
from stepwell.runtime.engine.states.items import at_most, collection_of, members_of, tolerated
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits

MOST_AT_ONCE = 10_000
"""How many child executions of a run are in progress at a time at most: AWS's own number."""
MOST_BATCH_BYTES = 256 << 10


@dataclass(frozen=True)
class Plan:
    """A Map Run as the fields of its state want it. ``items`` is None when a ``reader`` reads them."""

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
    """Whether the items are the members of an object."""


def enter(run: Run, frame: Frame, state: MapState) -> None:
    """Request the Map Run: on entry, or again when the state is retried. Raises StateFault."""
    _, distribution = _distributed(run.view, frame)
    length = 0  # the items of a reader are not read yet
    if distribution.reader is None:
        given = dataflow.effective_input(run.view, frame, state)
        length = len(collection_of(run.view, frame, state, given, takes_objects=True))
    run.ledger.record("MapStateStarted", frame, length=length, again=frame.entry if frame.retries else None)
    _bounds(run.view, frame)  # a number that is unfit fails the state before there is a run
    ask_for_run(run, frame)


def ask_for_run(run: Run, frame: Frame) -> None:
    """Request that the Map Run is started, or redriven if this entry had one. A timer that is due at once does it."""
    run.put(frame, waiting=execution.FOR_RUN)
    run.commands.append(SetTimer(commands.WAKE_RUN, frame.path, frame.entry, 0, 0))


def end(run: Run, frame: Frame, event: MapRunEnded) -> None:
    """Take the end of the Map Run. Raises StateFault of the state's own fields."""
    state = run.view.state_of(frame)
    assert isinstance(state, MapState)
    if event.error is not None:
        run.ledger.record("MapRunFailed", frame, error=event.error, cause=event.cause)
        return run.fail(frame, event.error, event.cause, is_terminal=event.error == TOO_LARGE)
    run.ledger.record("MapRunSucceeded", frame)
    run.ledger.record("MapStateSucceeded", frame)
    run.complete(frame, state, event.output)


class DistributedMap:
    """A frame's Map in distributed mode, for the caller that keeps its Map Run.

    The expressions of one DistributedMap draw from ``event.seed``, one after the other: plan and inputs never draw the
    same number.
    """

    def __init__(
        self,
        machine: StateMachine,
        execution: Execution,
        event: Event,
        frame: Frame,
        limits: EngineLimits,
        alarm: Alarm | None = None,
    ) -> None:
        self.frame = frame
        self._alarm = alarm
        self._view = View(machine, execution, event, limits, alarm)

    def plan(self) -> Plan:
        """The plan of the Map Run. Raises StateFault."""
        return _plan(self._view, self.frame)

    def inputs(
        self, plan: Plan, first: int, items: Sequence[tuple[Json, Mapping[str, Json]]]
    ) -> list[tuple[Json, int]]:
        """The inputs of the child executions for these items, each with its item count. Raises StateFault.

        ``first`` is the index of the first item. Each item comes with the other members of ``$$.Map.Item``, and has a
        budget of its own.
        """
        selected = [self._selected(index, *one) for index, one in enumerate(items, start=first)]
        if not plan.is_batched:
            return [(one, 1) for one in selected]
        base = {} if plan.batch_input is None else {"BatchInput": plan.batch_input}
        return [({**base, "Items": batch}, len(batch)) for batch in _batches(plan, base, selected)]

    def _selected(self, index: int, item: Json, more: Mapping[str, Json]) -> Json:
        state, _ = _distributed(self._view, self.frame)
        self._view.budget = Budget(self._view.limits, self._alarm)
        self._view.budget.ask_alarm()
        return dataflow.item_input(self._view, self.frame, state, index, item, more)

    @property
    def spent(self) -> float:
        """The part of a move's budget that the last input has taken, from 0 to 1."""
        return self._view.budget.spent

    def too_large(self) -> StateFault:
        """The fault for a result of the Map Run above the payload limit."""
        return faults.too_large(self.frame)


def _plan(view: View, frame: Frame) -> Plan:
    state, distribution = _distributed(view, frame)
    given = dataflow.effective_input(view, frame, state)
    scope = view.scope(frame, given)

    def number(field: Field | None, **rule: bool) -> Any:
        return None if field is None else dataflow.number(view, frame, field, scope, **rule)

    def value(field: Field | None) -> Json:
        return None if field is None else view.evaluate(field, frame, scope)

    items, is_keyed = None, False
    if distribution.reader is None:
        items = collection_of(view, frame, state, given, takes_objects=True)
        is_keyed = isinstance(items, dict)
    concurrency, tolerated_count, tolerated_percentage = _bounds(view, frame)
    return Plan(
        label=distribution.label,
        items=members_of(items) if isinstance(items, dict) else items,
        is_keyed=is_keyed,
        reader=value(distribution.reader),
        lists_objects=distribution.lists_objects,
        reader_config=dict(distribution.reader_config),
        most_items=number(distribution.most_items, above=True, whole=True),
        writer=value(distribution.writer),
        writer_config=dict(distribution.writer_config),
        concurrency=concurrency,
        batch_items=number(distribution.batch_items, above=True, whole=True),
        batch_bytes=number(distribution.batch_bytes, above=True, whole=True),
        batch_input=value(distribution.batch_input),
        is_batched=distribution.is_batched,
        tolerated_count=tolerated_count,
        tolerated_percentage=tolerated_percentage,
    )


def _bounds(view: View, frame: Frame) -> tuple[int, int | None, float | None]:
    """How many executions run at a time, and the number and percentage of items that may fail. Raises StateFault."""
    state, _ = _distributed(view, frame)
    scope = view.scope(frame, dataflow.effective_input(view, frame, state))
    assert state.concurrency is not None
    at_once = min(at_most(view, frame, state.concurrency, scope) or MOST_AT_ONCE, MOST_AT_ONCE)
    count, percentage = tolerated(view, frame, state, scope)
    return at_once, count, percentage


def _batches(plan: Plan, base: Json, items: Sequence[Json]) -> list[list[Json]]:
    """The items in batches within the plan's bounds. ``base`` are the further members of each input."""
    most = min(plan.batch_bytes or MOST_BATCH_BYTES, MOST_BATCH_BYTES)
    overhead = jsontext.size(jsontext.write({**base, "Items": []}))
    batches: list[list[Json]] = []
    size = 0
    for item in items:
        own = jsontext.size(jsontext.write(item)) + 1
        is_full = batches and (len(batches[-1]) == plan.batch_items or size + own > most)
        if not batches or is_full:
            batches.append([])
            size = overhead
        batches[-1].append(item)
        size += own
    return batches


def _distributed(view: View, frame: Frame) -> tuple[MapState, Distribution]:
    state = view.state_of(frame)
    assert isinstance(state, MapState) and state.distribution is not None
    return state, state.distribution
