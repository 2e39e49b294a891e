"""The closed set of state types, each with the function that enters it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stepwell.runtime.engine.definition import model as d
from stepwell.runtime.engine.states import choice, fail, map_, parallel, pass_, succeed, task, wait

ENTER: Mapping[type[d.State], Callable[[Any, Any, Any], None]] = {
    d.PassState: pass_.enter,
    d.TaskState: task.enter,
    d.ChoiceState: choice.enter,
    d.WaitState: wait.enter,
    d.ParallelState: parallel.enter,
    d.MapState: map_.enter,
    d.SucceedState: succeed.enter,
    d.FailState: fail.enter,
}
"""Each function takes the run, the frame and the state. It is called on entry, and again after a retry's delay."""
