"""The data of a state: its input, its work's arguments, its output. Fields are applied in AWS's order.

JSONPath: InputPath, Parameters, the work, ResultSelector, Assign, ResultPath, OutputPath. JSONata: Arguments, the
work, Assign and Output. Assign sees the variables as they were before the state. Source: AWS Step Functions developer
guide, "Processing input and output" and "Passing data between states with variables".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.core.view import View
from stepwell.runtime.engine.definition.field_kinds import LARGEST_ON_AWS
from stepwell.runtime.engine.definition.model import Catcher, MapState, PassState, State, WorkState
from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.fields import Field, Jsonata, PayloadTemplate, Reference
from stepwell.runtime.engine.language.paths import Path, PathMissing
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.values.jsontext import Json

Assigned = Mapping[str, Json]

_SMALL = 100

FROM_STATE: Mapping[str, Json] = MappingProxyType({"Source": "STATE_DATA"})
"""The member of ``$$.Map.Item`` for an item of the state's own data. Source: developer guide, "Context object"."""


class EndFields(Protocol):
    """The fields that say how a state ends. The state itself has them, and each of its choices."""

    @property
    def output(self) -> Field | None: ...
    @property
    def assign(self) -> Field | None: ...


def effective_input(view: View, frame: Frame, state: State) -> Json:
    """The input after InputPath; in JSONata the input itself. Raises StateFault."""
    return frame.input if state.is_jsonata else view.select(state.input_path, frame, frame.input, "InputPath")


def arguments(view: View, frame: Frame, state: WorkState | PassState, **context: Json) -> Json:
    """The arguments of the work: Parameters or Arguments, or else the effective input. Raises StateFault.

    ``context`` adds members to the context object.
    """
    value = effective_input(view, frame, state)
    if state.parameters is None:
        return value
    if value is None and isinstance(state.parameters, PayloadTemplate) and state.parameters.template.reads_input():
        raise StateFault("States.Runtime", aws_messages.NO_INPUT)
    scope = view.scope(frame, value)
    if context:
        scope = scope.with_context(context)
    return view.evaluate(state.parameters, frame, scope)


def item_input(
    view: View, frame: Frame, state: MapState, index: int, item: Json, more: Mapping[str, Json] = FROM_STATE
) -> Json:
    """The input of a Map's processor for one item. ``more`` adds members to ``$$.Map.Item``. Raises StateFault."""
    if state.selector is None:
        return item
    scope = view.scope(frame, effective_input(view, frame, state))
    context = {"Map": {"Item": {"Index": index, "Value": item, **more}}}
    selected = view.evaluate(state.selector, frame, scope.with_context(context))
    view.check_size(selected, frame)
    return selected


def number(
    view: View,
    frame: Frame,
    field: Field,
    scope: Scope,
    *,
    above: bool = False,
    whole: bool = False,
    most: float = LARGEST_ON_AWS,
) -> Any:
    """The number that a field gives: from 0 up to ``most``, with ``above`` more than 0, with ``whole`` an integer.

    Raises StateFault.
    """
    value: Any = view.evaluate(field, frame, scope, "integer" if whole else "number")
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if is_number and (value > 0 or (value == 0 and not above)):
        _check_most(frame, field, value, most)
        return value
    if whole and not is_number and isinstance(field, Reference):
        raise StateFault("States.Runtime", aws_messages.no_integer(field.name, field.node.text, value))
    wanted = f"a {'whole ' if whole else ''}number {'above 0' if above else 'from 0 on'}"
    raise unfit(frame, field, wanted, value)


def number_or_text(view: View, frame: Frame, field: Field, scope: Scope, *, whole: bool = False) -> Any:
    """The number that a field gives, up to 99999999 and be it below 0. At a path it may be a text, as on AWS.

    Raises StateFault.
    """
    value: Any = view.evaluate(field, frame, scope, "integer" if whole else "number")
    if isinstance(value, str) and isinstance(field, Reference) and _WRITTEN.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, int if whole else int | float) and not isinstance(value, bool):
        _check_most(frame, field, value, LARGEST_ON_AWS)
        return value
    if isinstance(field, Reference):
        missing = aws_messages.no_integer if whole else aws_messages.no_number
        raise StateFault("States.Runtime", missing(field.name, field.node.text, value))
    raise unfit(frame, field, f"a {'whole ' if whole else ''}number", value)


def _check_most(frame: Frame, field: Field, value: float, most: float) -> None:
    if value > most:
        raise unfit(frame, field, f"a number of at most {most}", value)


_WRITTEN = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")


def unfit(frame: Frame, field: Field, wanted: str, value: Json) -> StateFault:
    """The fault for a field with a value of the wrong kind. ``wanted`` describes a right value."""
    error = "States.QueryEvaluationError" if isinstance(field, Jsonata) else "States.Runtime"
    return StateFault(error, f"The field '{field.name}' must give {wanted}, not {aws_messages.shown(value)[:100]}")


def passed(view: View, frame: Frame, state: State, value: Json, ending: EndFields) -> tuple[Json, Assigned]:
    """The output and the new variables of a state without a result: it passes its effective input on.

    Raises StateFault.
    """
    if ending.output is None and ending.assign is None:
        return (value if state.is_jsonata else view.select(state.output_path, frame, value, "OutputPath")), {}
    scope = view.scope(frame, value)
    assigned = _assigned(view, ending.assign, frame, scope)
    if state.is_jsonata:
        return (value if ending.output is None else view.evaluate(ending.output, frame, scope)), assigned
    return view.select(state.output_path, frame, value, "OutputPath"), assigned


def finished(view: View, frame: Frame, state: WorkState | PassState, result: Json) -> tuple[Json, Assigned]:
    """The output and the new variables of a state with a result. Raises StateFault."""
    if state.is_jsonata:
        scope = view.scope(frame, frame.input, result=result)
        output = result if state.output is None else view.evaluate(state.output, frame, scope)
        return output, _assigned(view, state.assign, frame, scope)
    assigned: Assigned = {}
    if state.assign is not None:
        assigned = _assigned(view, state.assign, frame, view.scope(frame, result))
    if isinstance(state, WorkState) and state.result_selector is not None:
        result = view.evaluate(state.result_selector, frame, view.scope(frame, result))
    output = frame.input if state.result_path is None else _placed(view, frame, state.result_path, result)
    return view.select(state.output_path, frame, output, "OutputPath"), assigned


def caught(view: View, frame: Frame, state: State, catcher: Catcher, error: Json) -> tuple[Json, Assigned]:
    """The output and the new variables of a state whose error a catcher takes. Raises StateFault."""
    if state.is_jsonata:
        scope = view.scope(frame, frame.input, errorOutput=error)
        output = error if catcher.output is None else view.evaluate(catcher.output, frame, scope)
        return output, _assigned(view, catcher.assign, frame, scope)
    assigned = _assigned(view, catcher.assign, frame, view.scope(frame, error))
    path = catcher.result_path
    return (frame.input if path is None else _placed(view, frame, path, error)), assigned


def placed(path: Path, document: Json, value: Json) -> Json:
    """The document with a value at ResultPath. Raises StateFault."""
    try:
        return path.put(document, value)
    except PathMissing:
        raise StateFault("States.ResultPathMatchFailure", aws_messages.no_step(path, document)) from None


def _placed(view: View, frame: Frame, path: Path, value: Json) -> Json:
    """The input with a value at ResultPath. A large one is charged: its members are copied. Raises StateFault."""
    document = frame.input
    if path.steps and isinstance(document, dict | list) and len(document) > _SMALL:
        with view.evaluating(frame, "ResultPath"):
            view.budget.element(len(document) >> 1)
    return placed(path, document, value)


def _assigned(view: View, field: Field | None, frame: Frame, scope: Scope) -> Assigned:
    if field is None:
        return {}
    values = view.evaluate(field, frame, scope)
    view.check_size(values, frame)
    return dict(values)
