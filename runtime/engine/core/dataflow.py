"""What a state works on, and what becomes of its result: the fields for data, in the order in which AWS takes them.

JSONPath: InputPath, Parameters, the work, ResultSelector, Assign, ResultPath, OutputPath. JSONata: Arguments, the
work, Assign and Output. Assign sees the variables as they were before. Source: AWS Step Functions developer guide,
"Processing input and output" and "Passing data between states with variables".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.view import Standing, StateFault
from stepwell.runtime.engine.definition.model import Catcher, MapState, PassState, State, WorkState
from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.fields import Field, Jsonata, PayloadTemplate, Reference
from stepwell.runtime.engine.language.scope import Scope

Json = Any
Assigned = Mapping[str, Json]

FROM_STATE: Mapping[str, Json] = MappingProxyType({"Source": "STATE_DATA"})
"""What ``$$.Map.Item`` tells of an item of the state's own data. Source: developer guide, "Context object"."""


class Ending(Protocol):
    """What may say how a state ends: the state itself, or one of its choices."""

    @property
    def output(self) -> Field | None: ...
    @property
    def assign(self) -> Field | None: ...


def effective_input(run: Standing, frame: Frame, state: State) -> Json:
    """JSONPath's input after InputPath; JSONata's input."""
    return frame.input if state.is_jsonata else run.taken(state.input_path, frame, frame.input, "InputPath")


def arguments(run: Standing, frame: Frame, state: WorkState | PassState, **context: Json) -> Json:
    """What the work is given: Parameters or Arguments, or else the effective input."""
    value = effective_input(run, frame, state)
    if state.parameters is None:
        return value
    if value is None and isinstance(state.parameters, PayloadTemplate) and state.parameters.template.reads_input():
        raise StateFault("States.Runtime", aws_messages.NO_INPUT)
    scope = run.scope(frame, value)
    if context:
        scope = scope.with_context(context)
    return run.evaluate(state.parameters, frame, scope)


def item_input(
    run: Standing, frame: Frame, state: MapState, index: int, item: Json, told: Mapping[str, Json] = FROM_STATE
) -> Json:
    """What an item of a Map is handed to its processor as. ``told`` is what ``$$.Map.Item`` has beside it."""
    if state.selector is None:
        return item
    scope = run.scope(frame, effective_input(run, frame, state))
    context = {"Map": {"Item": {"Index": index, "Value": item, **told}}}
    selected = run.evaluate(state.selector, frame, scope.with_context(context))
    run.check_size(selected, frame)
    return selected


def number(run: Standing, frame: Frame, field: Field, scope: Scope, *, above: bool = False, whole: bool = False) -> Any:
    """A field's number, from 0 on (``above``: above it). Raises StateFault."""
    value: Any = run.evaluate(field, frame, scope, "integer" if whole else "number")
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if is_number and (value > 0 or (value == 0 and not above)):
        return value
    if whole and not is_number and isinstance(field, Reference):
        raise StateFault("States.Runtime", aws_messages.no_integer(field.name, field.node.text, value))
    wanted = f"a {'whole ' if whole else ''}number {'above 0' if above else 'from 0 on'}"
    raise unfit(frame, field, wanted, value)


def unfit(frame: Frame, field: Field, wanted: str, value: Json) -> StateFault:
    """A field gives what it must not."""
    error = "States.QueryEvaluationError" if isinstance(field, Jsonata) else "States.Runtime"
    return StateFault(error, f"The field '{field.name}' must give {wanted}, not {aws_messages.shown(value)[:100]}")


def passed(run: Standing, frame: Frame, state: State, value: Json, ending: Ending) -> tuple[Json, Assigned]:
    """The output and the variables of a state without a result: its effective input goes on."""
    if ending.output is None and ending.assign is None:
        return (value if state.is_jsonata else run.taken(state.output_path, frame, value, "OutputPath")), {}
    scope = run.scope(frame, value)
    assigned = _assigned(run, ending.assign, frame, scope)
    if state.is_jsonata:
        return (value if ending.output is None else run.evaluate(ending.output, frame, scope)), assigned
    return run.taken(state.output_path, frame, value, "OutputPath"), assigned


def finished(run: Standing, frame: Frame, state: WorkState | PassState, result: Json) -> tuple[Json, Assigned]:
    """The output and the variables of a state that has a result."""
    if state.is_jsonata:
        scope = run.scope(frame, frame.input, result=result)
        output = result if state.output is None else run.evaluate(state.output, frame, scope)
        return output, _assigned(run, state.assign, frame, scope)
    assigned: Assigned = {}
    if state.assign is not None:
        assigned = _assigned(run, state.assign, frame, run.scope(frame, result))
    if isinstance(state, WorkState) and state.result_selector is not None:
        result = run.evaluate(state.result_selector, frame, run.scope(frame, result))
    output = frame.input if state.result_path is None else run.placed(state.result_path, frame.input, result)
    return run.taken(state.output_path, frame, output, "OutputPath"), assigned


def caught(run: Standing, frame: Frame, state: State, catcher: Catcher, error: Json) -> tuple[Json, Assigned]:
    """The output and the variables of a state whose error a catcher takes."""
    if state.is_jsonata:
        scope = run.scope(frame, frame.input, errorOutput=error)
        output = error if catcher.output is None else run.evaluate(catcher.output, frame, scope)
        return output, _assigned(run, catcher.assign, frame, scope)
    assigned = _assigned(run, catcher.assign, frame, run.scope(frame, error))
    path = catcher.result_path
    return (frame.input if path is None else run.placed(path, frame.input, error)), assigned


def _assigned(run: Standing, field: Field | None, frame: Frame, scope: Scope) -> Assigned:
    if field is None:
        return {}
    values = run.evaluate(field, frame, scope)
    run.check_size(values, frame)
    return dict(values)
