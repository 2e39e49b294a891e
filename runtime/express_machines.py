"""Express versions: the rows of an Express execution hold one task, and that task is the whole state machine.

The *inner* machine is the definition as it was given; a worker plays it in memory (``in_memory``). The *outer* machine
is the one that the execution's rows follow. A lost worker means that the inner machine runs again from its beginning:
at least once, like AWS's Express workflows.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.runtime.engine.definition.model import StateMachine, TaskState
from stepwell.runtime.engine.definition.resources import FUNCTION, Resource
from stepwell.runtime.engine.language.fields import Constant

EXPRESS = "EXPRESS"
"""The kind of a workflow, as AWS calls it."""
EXPRESS_STATE, EXPRESS_FUNCTION = "Express", ":express"
"""The one state of the outer machine, and the function of its task: no file can have this name."""
EXPRESS_SECONDS = 300.0
"""The longest time that AWS lets an Express execution run."""


@dataclass(frozen=True)
class MachinePair:
    """The machines that a version runs as. For a Standard version both are the same."""

    outer: StateMachine
    inner: StateMachine


def machines_of(machine: StateMachine, is_express: bool) -> MachinePair:
    """The machines of a version with this definition."""
    return MachinePair(_outer(machine) if is_express else machine, machine)


def _outer(inner: StateMachine) -> StateMachine:
    limit = min(inner.timeout_seconds or EXPRESS_SECONDS, EXPRESS_SECONDS)
    seconds = Constant("TimeoutSeconds", limit)
    call = Resource(FUNCTION, EXPRESS_FUNCTION)
    only = TaskState(EXPRESS_STATE, resource=EXPRESS_FUNCTION, call=call, timeout_seconds=seconds)
    return StateMachine(EXPRESS_STATE, {EXPRESS_STATE: only})
