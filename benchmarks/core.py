"""``python -m benchmarks.core``: microseconds that the pure core takes for one state, on one processor core.

Pass: one event runs through a chain of Pass states; the time is one state's share. Task: one event reports a success;
ResultPath stores the result, and the next Task is entered and dispatched with the input from its Parameters.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from stepwell.runtime.engine.core import events
from stepwell.runtime.engine.core.commands import DispatchTask
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.transition import transition
from stepwell.runtime.engine.values.jsontext import Json

STATES = 100
REPEATS = 200
INPUT = {"order": {"id": 17, "items": [{"sku": "a", "count": 2}, {"sku": "b", "count": 1}]}, "customer": "c-1"}
PARAMETERS = {"id.$": "$.order.id", "first.$": "$.order.items[0].sku", "who.$": "$.customer", "mode": "fast"}
STARTED = events.ExecutionStarted(0, 0)


def main() -> None:
    measured: dict[str, Callable[[StateMachine], Iterator[float]]] = {"Pass": passes, "Task": tasks}
    fields = {"Pass": {}, "Task": {"Resource": "step1", "Parameters": PARAMETERS, "ResultPath": "$.last"}}
    for kind, measure in measured.items():
        machine = load(chain({"Type": kind, **fields[kind]}))
        took = sorted(seconds for _ in range(REPEATS) for seconds in measure(machine))
        print(f"{kind}: median {statistics.median(took) * 1e6:.1f} microseconds, best {took[0] * 1e6:.1f}")


def chain(state: Json, states: int = STATES) -> Json:
    """A chain of ``states`` states like this one."""
    names = [f"S{number}" for number in range(states)]
    following = [{"Next": name} for name in names[1:]] + [{"End": True}]
    return {"StartAt": names[0], "States": {name: state | then for name, then in zip(names, following, strict=True)}}


def passes(machine: StateMachine) -> Iterator[float]:
    """Yields one figure: the seconds for a state, measured over the whole chain."""
    began = time.perf_counter()
    transition(machine, fresh(), STARTED)
    yield (time.perf_counter() - began) / STATES


def tasks(machine: StateMachine) -> Iterator[float]:
    """Yields the seconds for each success, without the last one, which enters no state."""
    move = transition(machine, fresh(), STARTED)
    for _ in range(STATES - 1):
        dispatch = next(one for one in move.commands if isinstance(one, DispatchTask))
        root = replace(move.execution.frames[""], attempt=1)
        claimed = replace(move.execution, frames={"": root})
        event = events.TaskSucceeded(1, 1, "", dispatch.entry, 1, {"paid": True})
        began = time.perf_counter()
        move = transition(machine, claimed, event)
        yield time.perf_counter() - began


def fresh() -> Execution:
    return Execution("e-1", "e-1", "w", INPUT, 0)


if __name__ == "__main__":
    main()
