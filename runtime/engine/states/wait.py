"""Wait: sets a timer and goes on when it fires. A wait costs one timer row, however long it is."""

from __future__ import annotations

import math
import re

from stepwell.runtime.engine.core import commands, dataflow, execution
from stepwell.runtime.engine.core.commands import SetTimer
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import WaitState
from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.fields import Field, Reference
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.times import milliseconds

LONGEST_WAIT = 2_147_483_647
"""AWS waits for no more seconds than a signed number of 32 bits can hold."""
_LONG = re.compile(r"[+-]?[0-9]{1,18}")


def enter(run: Run, frame: Frame, state: WaitState) -> None:
    """Set the timer. A time in the past fires at once. Raises StateFault."""
    seconds = max(_seconds(run, frame, state), 0)
    if seconds > LONGEST_WAIT:
        raise StateFault("States.Runtime", aws_messages.TOO_LONG)
    run.commands.append(SetTimer(commands.WAIT, frame.path, frame.entry, 0, seconds))
    run.put(frame, waiting=execution.FOR_TIMER)


def end(run: Run, frame: Frame) -> None:
    """Leave the state: its timer has fired. Raises StateFault."""
    state = run.view.state_of(frame)
    value = dataflow.effective_input(run.view, frame, state)
    output, assigned = dataflow.passed(run.view, frame, state, value, state)
    run.leave(frame, output, None, assigned)


def _seconds(run: Run, frame: Frame, state: WaitState) -> float:
    scope = run.view.scope(frame, dataflow.effective_input(run.view, frame, state))
    if state.timestamp is not None:
        return (_due(run, frame, state.timestamp, scope) - run.event.at) / 1000
    assert state.seconds is not None, "a Wait says until when"
    if isinstance(state.seconds, Reference):
        return _long(run, frame, state.seconds, scope)
    return float(dataflow.number(run.view, frame, state.seconds, scope, most=math.inf))


def _due(run: Run, frame: Frame, field: Field, scope: Scope) -> int:
    """The timestamp that a field gives, in milliseconds since the epoch."""
    value = run.view.evaluate(field, frame, scope, "string")
    due = milliseconds(value)
    if due is not None:
        return due
    if isinstance(field, Reference):
        problem = "does not reference a valid ISO-8601 extended offset date-time format string"
        raise _unfit(field, problem, value)
    raise run.view.evaluation_failed(frame, aws_messages.no_timestamp(field.name, value), field.name)


def _long(run: Run, frame: Frame, field: Reference, scope: Scope) -> int:
    """The whole number at SecondsPath. A string of digits counts as one."""
    value = run.view.evaluate(field, frame, scope)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and _LONG.fullmatch(value)):
        raise _unfit(field, "cannot be parsed as a long value", value)
    if int(value) < 0:
        raise _unfit(field, "references a negative value", value)
    return int(value)


def _unfit(field: Reference, problem: str, value: Json) -> StateFault:
    return StateFault("States.Runtime", aws_messages.of_parameter(field.name, problem, field.node.text, value))
