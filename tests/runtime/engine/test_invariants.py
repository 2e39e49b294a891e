"""The invariants that hold after every transition, for any machine and any events in any order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from stepwell.runtime.engine.core import commands, events
from stepwell.runtime.engine.core.commands import CompleteTask, DispatchTask, FailTask, HoldTask, SetTimer
from stepwell.runtime.engine.core.execution import (
    ENDED,
    FOR_CHILDREN,
    FOR_TURN,
    Execution,
    Frame,
    branch_of,
    child_path,
    is_below,
    parent_of,
)
from stepwell.runtime.engine.definition import flow, steplist, validate
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import MapState, ParallelState, StateMachine
from stepwell.runtime.engine.transition import FramesMissing, Transition, transition
from stepwell.runtime.engine.values.limits import LIMITS, EngineLimits
from stepwell.runtime.engine.values.statuses import Status
from tests.runtime.engine.driver import Driver, Play
from tests.runtime.engine.random_machines import FUNCTIONS, Maker, unnamed_twice

Json = Any

TIGHT = EngineLimits(payload=4000, history=150)


def state_machine(maker: Maker) -> StateMachine:
    document = {**maker.machine(), **({"TimeoutSeconds": 8} if maker.likely(0.2) else {})}
    assert validate.workflow(document, FUNCTIONS) == []
    return load(document)


def crowd(maker: Maker) -> StateMachine:
    document = maker.crowd()
    assert validate.workflow(document, FUNCTIONS) == []
    return load(document)


def step_list(maker: Maker) -> StateMachine:
    definition = next(one for one in iter(maker.step_list, None) if unnamed_twice(one))
    assert validate.workflow(definition, FUNCTIONS) == []
    compiled = steplist.compile(definition, {})
    return load(compiled.machine, compiled.plan)


def job_tree(maker: Maker) -> StateMachine:
    tree = maker.flow()
    assert validate.flow(tree, FUNCTIONS) == []
    compiled = flow.compile(tree, {})
    return load(compiled.machine, compiled.plan)


class Checked:
    """``transition``, with a check of all its promises at every call."""

    def __init__(self) -> None:
        self.past: list[events.Event] = []
        self.moves = 0

    def __call__(
        self, machine: StateMachine, before: Execution, event: events.Event, limits: EngineLimits
    ) -> Transition:
        given = repr(before)
        move = transition(machine, before, event, limits)
        assert repr(before) == given, "what was given is not written to"
        assert repr(transition(machine, before, event, limits)) == repr(move), "the same event gives the same result"
        if move.execution is before:
            assert not move.commands and not move.history
            return move
        check_ledger(before, move)
        check_commands(move)
        check_frames(machine, move.execution)
        check_cut(machine, before, event, limits, move)
        self.check_repeats(machine, move.execution, event, limits)
        self.moves += 1
        return move

    def check_repeats(self, machine: StateMachine, after: Execution, event: events.Event, limits: EngineLimits) -> None:
        """An event changes nothing when it comes again, now or later."""
        self.past.append(event)
        for old in self.past[-12:]:
            assert transition(machine, after, old, limits).execution is after, f"{old} came twice"
            stale = replace(old, seed=1, at=event.at + 1)
            assert transition(machine, after, stale, limits).execution is after, f"{stale} came late"


def check_ledger(before: Execution, move: Transition) -> None:
    assert move.execution.history_count == before.history_count + len(move.history)
    ends = [one for one in move.history if one.type.startswith("Execution") and one.type != "ExecutionStarted"]
    assert len(ends) == (move.execution.status != Status.IN_PROGRESS)
    assert not ends or move.history[-1] is ends[0], "the end is the last line"


def check_commands(move: Transition) -> None:
    """Commands belong to frames that exist, and an ended execution begins nothing."""
    begun = [one for one in move.commands if isinstance(one, DispatchTask | SetTimer)]
    assert not begun or move.execution.status == Status.IN_PROGRESS
    for one in begun:
        if not (isinstance(one, SetTimer) and one.kind == commands.EXECUTION):
            assert move.execution.frames[one.frame].entry == one.entry
    for kind in (CompleteTask | FailTask | HoldTask, DispatchTask):
        numbers = [one.number for one in move.commands if isinstance(one, kind)]
        assert len(numbers) == len(set(numbers)), f"{kind} twice for one task"


def check_frames(machine: StateMachine, after: Execution) -> None:
    frames = after.frames
    assert all(parent_of(path) in frames for path in frames if path), "a frame below none"
    if after.status != Status.IN_PROGRESS:
        return
    for path, frame in frames.items():
        assert frame.path == path and (0 < frame.entry <= after.history_count or frame.waiting == FOR_TURN)
        children = children_of(frame, frames)
        assert frame.open == sum(child.waiting != ENDED for child in children)
        assert (frame.waiting == FOR_CHILDREN) == (frame.open > 0), "who has children open waits for them, no other"
        if frame.waiting == FOR_CHILDREN:
            assert len(children) == frame.children == branches_of(machine, frame, frames)
            check_turns(frame, frames)
        else:
            assert not any(is_below(other, path) for other in frames)
        assert frame.waiting != ENDED or frames[parent_of(path)].waiting == FOR_CHILDREN
    assert frames[""].waiting != ENDED


def check_turns(frame: Frame, frames: Any) -> None:
    """Children begin in order, and a child waits for its turn only while others run."""
    standing = [frames[child_path(frame.path, frame.entry, number)] for number in range(frame.children)]
    assert [one.waiting == FOR_TURN for one in standing] == [number >= frame.begun for number in range(frame.children)]
    assert any(one.waiting not in (ENDED, FOR_TURN) for one in standing)


def children_of(frame: Frame, frames: Any) -> list[Frame]:
    first = child_path(frame.path, frame.entry, 0)[:-1]
    return [one for path, one in frames.items() if path.startswith(first) and parent_of(path) == frame.path]


def branches_of(machine: StateMachine, frame: Frame, frames: Any) -> int:
    state = machine_at(machine, frame.path, frames).states[frame.state]
    assert isinstance(state, ParallelState | MapState)
    return len(state.branches) if isinstance(state, ParallelState) else frame.children


def machine_at(machine: StateMachine, path: str, frames: Any) -> StateMachine:
    if path == "":
        return machine
    parent = frames[parent_of(path)]
    state = machine_at(machine, parent.path, frames).states[parent.state]
    if isinstance(state, MapState) and state.processor is not None:
        return state.processor
    assert isinstance(state, ParallelState)
    return state.branches[branch_of(path)]


def check_cut(
    machine: StateMachine, before: Execution, event: events.Event, limits: EngineLimits, whole: Transition
) -> None:
    """The frames that the runtime loads are enough: the saved result is the same as from all frames."""
    cut, move = decided(machine, before, event, limits)
    assert repr((move.commands, move.history)) == repr((whole.commands, whole.history))
    assert repr(replace(move.execution, frames={})) == repr(replace(whole.execution, frames={}))
    if whole.execution.status != "COMPLETED":
        assert saved(before.frames, cut.frames, move) == whole.execution.frames


def decided(
    machine: StateMachine, before: Execution, event: events.Event, limits: EngineLimits
) -> tuple[Execution, Transition]:
    """The transition, with no more children loaded than it needs."""
    for children in (1, 2, 100, None):
        cut = replace(before, frames=loaded(before.frames, getattr(event, "frame", ""), children))
        with suppress(FramesMissing):
            return cut, transition(machine, cut, event, limits)
    raise AssertionError("a frame is missing that nobody has")


def loaded(frames: Any, path: str, count: int | None) -> dict[str, Frame]:
    """A frame, its ancestors, and of each ancestor the next children, or all of them once that few are open."""
    if count is None:
        return dict(frames)
    found = {other: one for other, one in frames.items() if other in ("", path) or is_below(path, other)}
    for parent in [one for one in found.values() if one.waiting == FOR_CHILDREN]:
        turns = range(parent.begun, min(parent.begun + count, parent.children))
        wanted = children_of(parent, frames)
        if parent.open > count:
            wanted = [frames[child_path(parent.path, parent.entry, number)] for number in turns]
        found.update({child.path: child for child in wanted})
    return found


def saved(rows: Any, given: Any, move: Transition) -> dict[str, Frame]:
    """The frames' rows after a transition is saved: without cancelled and removed frames, with the changed ones."""
    ended = [one.frame for one in move.commands if isinstance(one, commands.CancelFrames)]
    kept = {path: one for path, one in rows.items() if not any(is_below(path, frame) for frame in ended)}
    for path in given:
        kept.pop(path, None)
    return {**kept, **move.execution.frames}


@pytest.mark.parametrize("make", [state_machine, crowd, step_list, job_tree], ids=lambda make: make.__name__)
@pytest.mark.parametrize("in_order", [True, False], ids=["in order", "in any order"])
@pytest.mark.parametrize("first", range(0, 100, 20))
def test_the_promises_hold(make: Callable[[Maker], StateMachine], in_order: bool, first: int) -> None:
    moves = 0
    for seed in range(first, first + 20):
        maker, checked = Maker(seed), Checked()
        limits = TIGHT if seed % 4 == 0 else replace(LIMITS, history=1000)
        machine = make(maker)
        given = repr(machine)
        driver = Driver(
            machine, maker.value(), maker.answer, seed=seed, limits=limits, decide=checked, in_order=in_order
        )
        played = driver.run(cancel_after=4 if seed % 10 == 9 else None)
        assert repr(machine) == given, "a machine is not written to"
        check_end(played)
        moves += checked.moves
    assert moves > 20


def check_end(played: Play) -> None:
    """An execution without events to come has ended: none is forgotten."""
    assert played.execution.status != Status.IN_PROGRESS
    assert len(played.history) == played.execution.history_count
