"""Choice: goes on where the first rule that holds leads to, or else to the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.engine.choice_rules import ConditionFault, Rule
from runtime.engine.definition import ChoiceState
from runtime.engine.execution import Frame
from runtime.engine.run import Run, StateFault

Json = Any


def enter(run: Run, frame: Frame, state: ChoiceState) -> None:
    context = run.context(frame)
    value = run.taken(state.input_path, frame.input, context)
    rule = chosen(state, value, context)
    following = state.default if rule is None else rule.next
    if following is None:
        raise StateFault(
            "States.NoChoiceMatched",
            "Failed to transition out of the state. The state does not point to a next state.",
        )
    run.leave(frame, run.taken(state.output_path, value, context), following)


def chosen(state: ChoiceState, document: Json, context: Mapping[str, Json]) -> Rule | None:
    """The first rule that holds; None when none does."""
    try:
        return next((rule for rule in state.rules if rule.condition(document, context)), None)
    except ConditionFault as fault:
        raise StateFault("States.Runtime", str(fault)) from None
