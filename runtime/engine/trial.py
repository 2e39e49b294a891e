"""TestState: one state tried by itself, in a machine made for it, and the verdict on it.

Source: TestState in AWS Step Functions' API reference, and "Testing state machines with TestState" in its guide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from stepwell.runtime.engine.core import commands, dataflow, events, execution, retry
from stepwell.runtime.engine.core.execution import Execution, Frame, HistoryEvent
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.model import MapState, PassState, State, StateMachine, WorkState
from stepwell.runtime.engine.states.items import items_of
from stepwell.runtime.engine.transition import transition
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits

Work = Callable[[commands.DispatchTask], "Result | Failure"]

SUCCEEDED, FAILED, RETRIABLE, CAUGHT = "SUCCEEDED", "FAILED", "RETRIABLE", "CAUGHT_ERROR"
ENTRY = 2
"""The history id of the state's entry: line 1 is the start of the execution."""
ALONE = "State"
"""The name of a state that has none of its own."""
_FAULTS = ("TaskFailed", "TaskTimedOut", "EvaluationFailed")
_OF_CONTAINERS = (
    *("Branches", "ItemProcessor", "Iterator", "ItemSelector", "ItemsPath", "Items", "MaxConcurrency", "Label"),
    *("MaxConcurrencyPath", "ItemReader", "ItemBatcher", "ResultWriter", "ToleratedFailureCount"),
    *("ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
)


@dataclass(frozen=True)
class Result:
    value: Json


@dataclass(frozen=True)
class Failure:
    error: str
    cause: str | None = None


TOO_MANY = Failure("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")
"""The failure of a Map with more failed items than it tolerates."""


@dataclass(frozen=True)
class Given:
    """The input, the variables and the retries so far of the state to be tried."""

    input: Json
    variables: Mapping[str, Json] = field(default_factory=dict)
    retries: int = 0


@dataclass(frozen=True)
class Verdict:
    """The outcome of the state.

    ``data`` has its data at each step of processing, by AWS's names (``inspectionData``).
    """

    status: str
    output: Json = None
    error: str | None = None
    cause: str | None = None
    next: str | None = None
    data: Mapping[str, Json] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)


def found(definition: Mapping[str, Json], name: str) -> Json:
    """The state of this name in a machine or in the machines inside it; None when there is none."""
    return next((state for own, state in _states(definition) if own == name), None)


def alone(state: Mapping[str, Json], name: str, language: str | None, stand_in: str | None) -> dict[str, Json]:
    """A machine of this state and of its targets, as Succeed states.

    ``stand_in`` names a function that replaces the work of a Task, a Parallel or a Map.
    """
    if stand_in is not None and state.get("Type") in ("Task", "Parallel", "Map"):
        state = _mocked(state, stand_in)
    targets = {target: {"Type": "Succeed"} for target in _targets(state) if target != name}
    top = {} if language is None else {"QueryLanguage": language}
    return {**top, "StartAt": name, "States": {name: state, **targets}}


def tried(machine: StateMachine, before: Execution, given: Given, work: Work, limits: EngineLimits) -> Verdict:
    """The verdict on the machine's first state. ``work`` answers the tasks that it dispatches."""
    state = machine.states[machine.start_at]
    result: list[Json] = []

    def recorded(task: commands.DispatchTask) -> Result | Failure:
        outcome = work(task)
        result.extend([outcome.value] if isinstance(outcome, Result) else [])
        return outcome

    frame = _frame(state, given, before.started_at)
    lines, issued, ended = _moved(machine, before, frame, recorded, limits)
    verdict = _judged(state, lines, issued, ended)
    view = View(machine, replace(before, frames={"": frame}), events.ExecutionStarted(before.started_at, 0), limits)
    return replace(
        verdict, data=dict(_data(view, frame, state, result)), details=_details(state, frame, verdict, issued)
    )


def names_inside(state: Mapping[str, Json]) -> set[str]:
    """The names of the states inside a Map or Parallel state."""
    inner = (state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", ()))
    return {name for machine in inner for name, _ in _states(machine or {})}


def map_data(
    machine: StateMachine, before: Execution, given: Given, read: Json, limits: EngineLimits
) -> dict[str, Json]:
    """The data of a Map's fields, by AWS's names, up to the first that faults. ``read`` is the data from its reader."""
    state = machine.states[machine.start_at]
    assert isinstance(state, MapState) and state.concurrency is not None
    frame = _frame(state, given, before.started_at)
    view = View(machine, replace(before, frames={"": frame}), events.ExecutionStarted(before.started_at, 0), limits)
    found: dict[str, Json] = {}
    with suppress(StateFault):
        found |= _bounds(view, frame, state)
        items = _pointed(state, read) if read is not None else _listed(view, frame, state)
        found |= {} if state.is_jsonata or items is None else _item_data(state, items, read is not None)
        if items is not None and state.selector is not None:
            found["afterItemSelector"] = [
                dataflow.item_input(view, frame, state, index, item) for index, item in enumerate(items)
            ]
        found["items"] = items
    return found


def is_too_much(data: dict[str, Json], failures: int) -> bool:
    """True if a Map does not tolerate this number of failures. A Map without a tolerated number tolerates any.

    ``data`` is the result of :func:`map_data`; its member ``items`` is taken out.
    """
    items = data.pop("items", None) or []
    percentage = data.get("toleratedFailurePercentage")
    is_over_share = percentage is not None and bool(items) and 100 * failures / len(items) > percentage
    return is_over_share or failures > int(data.get("toleratedFailureCount", failures))


def _bounds(view: View, frame: Frame, state: MapState) -> Iterator[tuple[str, Json]]:
    scope = view.scope(frame, dataflow.effective_input(view, frame, state))
    assert state.concurrency is not None
    yield "maxConcurrency", dataflow.number(view, frame, state.concurrency, scope, whole=True)
    if state.distribution is not None:
        count, percentage = state.distribution.tolerated_count, state.distribution.tolerated_percentage
        if count is not None:
            yield "toleratedFailureCount", dataflow.number(view, frame, count, scope, whole=True)
        if percentage is not None:
            yield "toleratedFailurePercentage", dataflow.number(view, frame, percentage, scope)


def _listed(view: View, frame: Frame, state: MapState) -> Json:
    """The items that a Map takes from its own data; None when it has a reader."""
    if state.distribution is not None and state.distribution.reader is not None:
        return None
    return items_of(view, frame, state, dataflow.effective_input(view, frame, state))


def _pointed(state: MapState, read: Json) -> Json:
    """The items at ItemsPointer in the data from a reader; None when there is no list."""
    assert state.distribution is not None
    for name in state.distribution.reader_config.get("ItemsPointer", "").split("/")[1:]:
        member = name.replace("~1", "/").replace("~0", "~")
        read = read.get(member) if isinstance(read, dict) else None
    return read if isinstance(read, list) else None


def _item_data(state: MapState, items: Json, is_read: bool) -> dict[str, Json]:
    has_pointer = state.distribution is not None and "ItemsPointer" in state.distribution.reader_config
    if is_read:
        return {"afterItemsPointer": items} if has_pointer else {}
    return {"afterItemsPath": items}


def _states(machine: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for name, state in machine.get("States", {}).items():
        yield name, state
        for inner in (state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", ())):
            yield from _states(inner or {})


def _mocked(state: Mapping[str, Json], stand_in: str) -> dict[str, Json]:
    """The state as a Task of another function. The fields that apply before and after its work stay."""
    dropped = {*_OF_CONTAINERS, *(("Parameters",) if state["Type"] == "Map" else ())}
    kept = {name: value for name, value in state.items() if name not in dropped}
    return {**kept, "Type": "Task", "Resource": stand_in}


def _targets(state: Mapping[str, Json]) -> Iterator[str]:
    entries = [state, *state.get("Catch", ()), *state.get("Choices", ())]
    for entry in entries:
        for name in ("Next", "Default"):
            if isinstance(entry, Mapping) and isinstance(entry.get(name), str):
                yield entry[name]


def _frame(state: State, given: Given, at: int) -> Frame:
    retriers = state.retriers if isinstance(state, WorkState) else ()
    retries = (given.retries, *(0 for _ in retriers[1:])) if retriers and given.retries else ()
    return Frame(
        path="",
        state=state.name,
        input=given.input,
        entry=ENTRY,
        entered_at=at,
        waiting=execution.FOR_RETRY,
        retries=retries,
        variables=given.variables,
    )


def _moved(
    machine: StateMachine, before: Execution, frame: Frame, work: Work, limits: EngineLimits
) -> tuple[list[HistoryEvent], list[commands.Command], Execution]:
    """The lines of history, the commands and the execution in the end. Waits take no time.

    The first event is the timer of a retry: it lets the state do its work without a new entry.
    """
    lines: list[HistoryEvent] = []
    issued: list[commands.Command] = []
    value = replace(before, frames={"": frame}, history_count=ENTRY)
    event: events.Event | None = events.TimerFired(value.started_at, 0, "", ENTRY, sum(frame.retries))
    while event is not None:
        move = transition(machine, value, event, limits)
        value = move.execution
        lines += move.history
        issued += move.commands
        event = _following(move.commands, work, value.started_at)
    return lines, issued, value


def _following(issued: Sequence[commands.Command], work: Work, at: int) -> events.Event | None:
    for command in issued:
        if isinstance(command, commands.DispatchTask):
            outcome, place = work(command), (at, 0, command.frame, command.entry, 0)
            if isinstance(outcome, Failure):
                return events.TaskFailed(*place, outcome.error, outcome.cause)
            return events.TaskSucceeded(*place, outcome.value)
        if isinstance(command, commands.SetTimer) and command.kind == commands.WAIT:
            return events.TimerFired(at, 0, command.frame, command.entry, command.number)
    return None


def _judged(
    state: State, lines: Sequence[HistoryEvent], issued: Sequence[commands.Command], ended: Execution
) -> Verdict:
    fault = next((line.details for line in lines if line.type in _FAULTS), {})
    error, cause = fault.get("error"), fault.get("cause")
    if any(isinstance(one, commands.SetTimer) and one.kind == commands.RETRY for one in issued):
        return Verdict(RETRIABLE, error=error, cause=cause)
    left = next((line for line in lines if line.step == state.name and line.type.endswith("StateExited")), None)
    if left is None:
        return Verdict(FAILED, error=ended.error, cause=ended.cause)
    entered = (line.step for line in lines if line.type.endswith("StateEntered"))
    status = CAUGHT if fault else SUCCEEDED
    return Verdict(status, left.details["output"], error, cause, next(entered, None))


def _details(state: State, frame: Frame, verdict: Verdict, issued: Sequence[commands.Command]) -> dict[str, Json]:
    """The index of the Retry or Catch that took the error, and the retry's delay in whole seconds."""
    if not isinstance(state, WorkState) or verdict.error is None:
        return {}
    takers = [one.error_equals for one in (state.retriers if verdict.status == RETRIABLE else state.catchers)]
    index = next((n for n, names in enumerate(takers) if retry.matches(names, verdict.error)), None)
    if verdict.status == CAUGHT:
        return {"catchIndex": index}
    timers = (one.delay_seconds for one in issued if isinstance(one, commands.SetTimer))
    return {"retryIndex": index, "retryBackoffIntervalSeconds": round(next(timers))} if index is not None else {}


def _data(view: View, frame: Frame, state: State, result: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """The state's data at each step, up to the first field that faults; the verdict reports the fault."""
    yield "input", frame.input
    yield "variables", dict(frame.variables)
    try:
        if not state.is_jsonata:
            yield "afterInputPath", dataflow.effective_input(view, frame, state)
        if isinstance(state, WorkState | PassState) and state.parameters is not None:
            name = "afterArguments" if state.is_jsonata else "afterParameters"
            yield name, dataflow.arguments(view, frame, state)
        if result:
            yield from _after(view, frame, state, result[0])
    except StateFault:
        return


def _after(view: View, frame: Frame, state: State, result: Json) -> Iterator[tuple[str, Json]]:
    yield "result", result
    if not isinstance(state, WorkState) or state.is_jsonata:
        return
    if state.result_selector is not None:
        result = view.evaluate(state.result_selector, frame, view.scope(frame, result))
        yield "afterResultSelector", result
    placed = frame.input if state.result_path is None else dataflow.placed(state.result_path, frame.input, result)
    yield "afterResultPath", placed
