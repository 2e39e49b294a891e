"""Visits: a name for one visit of a state. It stays the same until the state has ended, whatever happens meanwhile.

The attempts, the losses, the retries and the redrives of a visit share its name; that of a Parallel or a Map that does
its work again gives the states inside their names again. Two items of a Map, and two rounds of a loop, have different
ones. So it is made of counts alone, and of no history id: a second run has other ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from stepwell.runtime.engine.core.execution import Frame, branch_of
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.values.entries import entered

Visits = Mapping[str, tuple[int, int]]
"""For each state in a loop that a frame has entered: how often, and the history id of the last entry."""


def counted(machine: StateMachine, frame: Frame, entry: int) -> Visits:
    """The visits of a frame that enters its state at this history id."""
    if frame.state not in machine.loops:
        return frame.visits
    before, _ = frame.visits.get(frame.state, (0, 0))
    return {**frame.visits, frame.state: (before + 1, entry)}


def name_of(lineage: Iterable[tuple[StateMachine, Frame]]) -> str:
    """The name of a frame's visit. ``lineage`` are the frame and its ancestors, the innermost first, with the machines
    that they run.

    A step list and a flow enter each step once: there it is the step's own name.
    """
    found = [(machine, frame) for machine, frame in lineage]
    state = found[0][1].state
    if found[-1][0].plan:
        return state
    places = [_place(machine, frame) for machine, frame in reversed(found)]
    return blake2b("/".join([*places, state]).encode(), digest_size=8).hexdigest()


def key_of(execution: str, visit: str) -> str:
    """The idempotency key of a visit of an execution."""
    return f"{execution}/{visit}"


def _place(machine: StateMachine, frame: Frame) -> str:
    """Which of its parent's children a frame is, and which visit of its state it makes."""
    number = _number(machine, frame)
    return f"{branch_of(frame.path)}.{number}" if frame.path else number


def _number(machine: StateMachine, frame: Frame) -> str:
    if frame.state not in machine.loops:
        return "1"
    number, entry = frame.visits.get(frame.state, (0, 0))
    # Stepwell 0.1.0 has entered the state, which counts no visits: its history id is in no other visit's name.
    return str(number) if entry == entered(frame.entry) else f"at {entered(frame.entry)}"
