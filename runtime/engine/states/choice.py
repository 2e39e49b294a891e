"""Choice: goes to the target of the first rule that holds, or else to the default."""

from __future__ import annotations

from stepwell.runtime.engine.core import dataflow
from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.core.run import Run
from stepwell.runtime.engine.definition.model import ChoiceState
from stepwell.runtime.engine.language.choice_rules import ConditionFault, Rule
from stepwell.runtime.engine.language.scope import Scope


def enter(run: Run, frame: Frame, state: ChoiceState) -> None:
    """Leave the state for the chosen target. Raises StateFault."""
    scope = run.view.scope(frame, dataflow.effective_input(run.view, frame, state))
    with run.view.evaluating(frame, ""):
        rule = chosen(state, scope)
    following = state.default if rule is None else rule.next
    if following is None:
        raise StateFault(
            "States.NoChoiceMatched",
            "Failed to transition out of the state. The state does not point to a next state.",
        )
    output, assigned = dataflow.passed(run.view, frame, state, scope.document, rule or state)
    run.leave(frame, output, following, assigned)


def chosen(state: ChoiceState, scope: Scope) -> Rule | None:
    """The first rule that holds; None when none does. Raises StateFault."""
    try:
        return next((rule for rule in state.rules if rule.condition(scope)), None)
    except ConditionFault as fault:
        raise StateFault("States.Runtime", str(fault)) from None
