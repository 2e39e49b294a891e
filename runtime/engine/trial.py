"""TestState: one state tried by itself, in a machine made for it, and the verdict on it.

Source: TestState in AWS Step Functions' API reference, and "Testing state machines with TestState" in its guide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from stepwell.runtime.engine.core import commands, dataflow, events, execution, invocations, retry
from stepwell.runtime.engine.core.execution import Execution, Frame, HistoryEvent
from stepwell.runtime.engine.core.faults import QuotaExceeded, StateFault
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.graph import inside, states_of
from stepwell.runtime.engine.definition.model import (
    MapState,
    ParallelState,
    PassState,
    State,
    StateMachine,
    TaskState,
    WorkState,
)
from stepwell.runtime.engine.states.items import at_most, collection_of, members_of, tolerated
from stepwell.runtime.engine.transition import transition
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits

Work = Callable[[commands.DispatchTask], "Result | Failure"]

SUCCEEDED, FAILED, RETRIABLE, CAUGHT = "SUCCEEDED", "FAILED", "RETRIABLE", "CAUGHT_ERROR"
ENTRY = 2
"""The history id of the state's entry: line 1 is the start of the execution."""
ALONE = "StateName"
"""The name of a state that has none of its own, and of any state in the context object that AWS makes up."""
AGAIN = "\0"
"""The target of a state that leads to itself: a trial ends there. No definition can hold this name: JSON with it is
refused."""
_LEADS = ("Next", "Default")
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


@dataclass(frozen=True)
class MapFields:
    """What a Map makes of its fields before its work.

    ``data`` has it by AWS's names. ``items`` is None when they are not known. ``failure`` is the first fault of a
    field: the Map fails of it, whatever its work would give.
    """

    data: Mapping[str, Json]
    items: list[Json] | None = None
    failure: Failure | None = None


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


def found(definition: Json, name: str) -> Json:
    """The state of this name in a machine or in the machines inside it; None when there is none."""
    return next((state for own, state in _states(definition) if own == name), None)


def alone(state: Mapping[str, Json], name: str, language: str | None, stand_in: str | None) -> dict[str, Json]:
    """A machine of this state and of its targets, as Succeed states.

    ``stand_in`` names a function that replaces the work of a Task, a Parallel or a Map.
    """
    if stand_in is not None and state.get("Type") in ("Task", "Parallel", "Map"):
        state = _mocked(state, stand_in)
    lists = {key: [_led_away(entry, name) for entry in entries] for key, entries in _lists(state)}
    own = {**_led_away(state, name), **lists}
    targets = {target: {"Type": "Succeed"} for target in _targets(own)}
    top = {} if language is None else {"QueryLanguage": language}
    return {**top, "StartAt": name, "States": {name: own, **targets}}


def tried(
    machine: StateMachine, played: StateMachine, before: Execution, given: Given, work: Work, limits: EngineLimits
) -> Verdict:
    """The verdict on the machine's first state.

    ``played`` is the machine that runs: the same one, or one with a function in place of the state's work. ``work``
    answers the tasks that it dispatches.
    """
    results: list[Json] = []

    def recorded(task: commands.DispatchTask) -> Result | Failure:
        outcome = work(task)
        results.extend([outcome.value] if isinstance(outcome, Result) else [])
        return outcome

    state = machine.states[machine.start_at]
    frame = _frame(state, given, before.started_at)
    lines, issued, ended = _moved(played, before, frame, recorded, limits)
    verdict = _judged(state, lines, issued, ended)
    view = _view(machine, before, frame, limits)
    shown = dict(_data(view, frame, state, [_as_answered(one, lines, before) for one in results]))
    if frame.variables:
        exited = _exit_of(state, lines)
        shown["variables"] = {**frame.variables, **(exited.details.get("assigned", {}) if exited else {})}
    return replace(verdict, data=shown, details=_details(state, verdict, issued))


def names_inside(state: Mapping[str, Json]) -> set[str]:
    """The names of the states inside a Map or Parallel state."""
    return {name for _, machine in inside(state) for name, _ in _states(machine)}


def map_fields(machine: StateMachine, before: Execution, given: Given, read: Json, limits: EngineLimits) -> MapFields:
    """What the machine's first state, a Map, makes of its fields. ``read`` is the data from its reader."""
    state = machine.states[machine.start_at]
    assert isinstance(state, MapState)
    frame = _frame(state, given, before.started_at)
    view = _view(machine, before, frame, limits)
    shown: dict[str, Json] = {}
    items = None
    try:
        items = _pointed(state, read) if read is not None else _listed(view, frame, state)
        shown |= {} if state.is_jsonata or items is None else _item_data(state, items, read is not None)
        shown |= dict(_bounds(view, frame, state))
        if items is not None and state.selector is not None:
            shown["afterItemSelector"] = [
                dataflow.item_input(view, frame, state, index, item) for index, item in enumerate(items)
            ]
    except StateFault as fault:
        return MapFields(shown, items, Failure(fault.error, fault.cause))
    except QuotaExceeded as fault:
        return MapFields(shown, items, Failure(retry.BY_NOTHING, str(fault)))
    return MapFields(shown, items)


def is_too_much(fields: MapFields, failures: int) -> bool:
    """True if a Map does not tolerate this number of failures. A Map without a tolerated number tolerates any."""
    percentage, items = fields.data.get("toleratedFailurePercentage"), fields.items or []
    is_over_share = percentage is not None and bool(items) and 100 * failures / len(items) > percentage
    return is_over_share or failures > int(fields.data.get("toleratedFailureCount", failures))


def _view(machine: StateMachine, before: Execution, frame: Frame, limits: EngineLimits) -> View:
    return View(machine, replace(before, frames={"": frame}), events.ExecutionStarted(before.started_at, 0), limits)


def _bounds(view: View, frame: Frame, state: MapState) -> Iterator[tuple[str, Json]]:
    scope = view.scope(frame, dataflow.effective_input(view, frame, state))
    assert state.concurrency is not None
    yield "maxConcurrency", at_most(view, frame, state.concurrency, scope)
    count, percentage = tolerated(view, frame, state, scope)
    if count is not None:
        yield "toleratedFailureCount", count
    if percentage is not None:
        yield "toleratedFailurePercentage", percentage


def _listed(view: View, frame: Frame, state: MapState) -> list[Json] | None:
    """The items that a Map takes from its own data; None when it has a reader. Only in distributed mode are they of an
    object, too."""
    if state.distribution is not None and state.distribution.reader is not None:
        return None
    given = dataflow.effective_input(view, frame, state)
    items = collection_of(view, frame, state, given, takes_objects=state.distribution is not None)
    return members_of(items) if isinstance(items, dict) else items


def _pointed(state: MapState, read: Json) -> list[Json] | None:
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


def _states(machine: Json) -> Iterator[tuple[str, Json]]:
    for name, state in states_of(machine).items():
        yield name, state
        for _, inner in inside(state):
            yield from _states(inner)


def _mocked(state: Mapping[str, Json], stand_in: str) -> dict[str, Json]:
    """The state as a Task of another function. The fields that apply before and after its work stay."""
    dropped = {*_OF_CONTAINERS, *(("Parameters",) if state["Type"] == "Map" else ())}
    kept = {name: value for name, value in state.items() if name not in dropped}
    return {**kept, "Type": "Task", "Resource": stand_in}


def _led_away(entry: Json, name: str) -> Json:
    """A state, a catcher or a choice. Where it leads to the state of this name, it leads to AGAIN instead."""
    if not isinstance(entry, Mapping):
        return entry
    return {**entry, **{key: AGAIN for key in _LEADS if entry.get(key) == name}}


def _lists(state: Mapping[str, Json]) -> Iterator[tuple[str, list[Json]]]:
    """The fields of a state that are lists of catchers or choices."""
    return ((key, state[key]) for key in ("Catch", "Choices") if isinstance(state.get(key), list))


def _targets(state: Mapping[str, Json]) -> Iterator[str]:
    for entry in (state, *(entry for _, entries in _lists(state) for entry in entries)):
        for key in _LEADS:
            if isinstance(entry, Mapping) and isinstance(entry.get(key), str):
                yield entry[key]


def _frame(state: State, given: Given, at: int) -> Frame:
    """The frame of the state's visit. Any retrier that matches has granted the given retries."""
    retriers = state.retriers if isinstance(state, WorkState) else ()
    return Frame(
        path="",
        state=state.name,
        input=given.input,
        entry=ENTRY,
        entered_at=at,
        waiting=execution.FOR_RETRY,
        retries=tuple(given.retries for _ in retriers) if given.retries else (),
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
    exited = _exit_of(state, lines)
    if exited is None:
        return Verdict(FAILED, error=ended.error, cause=ended.cause)
    entered = next((line.step for line in lines if line.type.endswith("StateEntered")), None)
    following = state.name if entered == AGAIN else entered
    return Verdict(CAUGHT if fault else SUCCEEDED, exited.details["output"], error, cause, following)


def _exit_of(state: State, lines: Sequence[HistoryEvent]) -> HistoryEvent | None:
    return next((line for line in lines if line.step == state.name and line.type.endswith("StateExited")), None)


def _as_answered(value: Json, lines: Sequence[HistoryEvent], before: Execution) -> Json:
    """The result of the work as the service answers it: ``lambda:invoke`` wraps what the function returned."""
    details = next((line.details for line in lines if line.type == "TaskSucceeded"), {})
    return invocations.result(value, details, before.id, details["task"]) if "at" in details else value


def _details(state: State, verdict: Verdict, issued: Sequence[commands.Command]) -> dict[str, Json]:
    """The index of the Retry or Catch that the error matches, and the delay of a retry in whole seconds.

    A failure names the Retry that is used up.
    """
    if not isinstance(state, WorkState) or verdict.error is None:
        return {}
    takers = [one.error_equals for one in (state.catchers if verdict.status == CAUGHT else state.retriers)]
    index = next((n for n, names in enumerate(takers) if retry.matches(names, verdict.error)), None)
    if index is None:
        return {}
    if verdict.status != RETRIABLE:
        return {"catchIndex" if verdict.status == CAUGHT else "retryIndex": index}
    delay = next(one.delay_seconds for one in issued if isinstance(one, commands.SetTimer))
    return {"retryIndex": index, "retryBackoffIntervalSeconds": round(delay)}


Shown = Iterator[tuple[str, Json]]
"""The data of a state at each step, by AWS's names, up to the first field that faults."""


def _data(view: View, frame: Frame, state: State, result: Sequence[Json]) -> Shown:
    """The data of a state, but its variables and a Map's own fields. The verdict reports the fault of a field."""
    yield "input", frame.input
    with suppress(StateFault):
        if isinstance(state, TaskState):
            yield from _task_data(view, frame, state, result)
        elif not state.is_jsonata:
            yield from _jsonpath_data(view, frame, state, result)


def _task_data(view: View, frame: Frame, state: TaskState, result: Sequence[Json]) -> Shown:
    if not state.is_jsonata:
        yield "afterInputPath", dataflow.effective_input(view, frame, state)
        yield "afterParameters", dataflow.arguments(view, frame, state)
    elif state.parameters is not None:
        yield "afterArguments", dataflow.arguments(view, frame, state)
    if result:
        yield "result", result[0]
    if result and not state.is_jsonata:
        yield from _joined_data(view, frame, state, result[0])


def _jsonpath_data(view: View, frame: Frame, state: State, result: Sequence[Json]) -> Shown:
    """The data of a state in JSONPath that is no Task. AWS shows fewer fields than a Pass and a Parallel have."""
    if isinstance(state, PassState):
        yield from _pass_data(view, frame, state)
        return
    if not isinstance(state, ParallelState):
        yield "afterInputPath", dataflow.effective_input(view, frame, state)
    if isinstance(state, WorkState) and result:
        yield from _joined_data(view, frame, state, result[0])


def _pass_data(view: View, frame: Frame, state: PassState) -> Shown:
    if state.has_result:
        value = state.result
        yield "result", value
    else:
        yield "afterInputPath", dataflow.effective_input(view, frame, state)
        value = dataflow.arguments(view, frame, state)
        yield "afterParameters", value
    yield from _joined_data(view, frame, state, value)


def _joined_data(view: View, frame: Frame, state: WorkState | PassState, result: Json) -> Shown:
    """The result after ResultSelector and after ResultPath. Without the field it goes through as it is."""
    if isinstance(state, WorkState) and state.result_selector is not None:
        result = view.evaluate(state.result_selector, frame, view.scope(frame, result))
    yield "afterResultSelector", result
    placed = frame.input if state.result_path is None else dataflow.placed(state.result_path, frame.input, result)
    yield "afterResultPath", placed
