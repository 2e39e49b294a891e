"""Choice: goes on where the first rule that holds leads to, or else to the default."""

from __future__ import annotations

from runtime.engine import dataflow
from runtime.engine.choice_rules import ConditionFault, Rule
from runtime.engine.definition import ChoiceState
from runtime.engine.execution import Frame
from runtime.engine.run import Run
from runtime.engine.scope import Scope
from runtime.engine.standing import StateFault


def enter(run: Run, frame: Frame, state: ChoiceState) -> None:
    scope = run.scope(frame, dataflow.effective_input(run, frame, state))
    with run.evaluating(frame, ""):
        rule = chosen(state, scope)
    following = state.default if rule is None else rule.next
    if following is None:
        raise StateFault(
            "States.NoChoiceMatched",
            "Failed to transition out of the state. The state does not point to a next state.",
        )
    output, assigned = dataflow.passed(run, frame, state, scope.document, rule or state)
    run.leave(frame, output, following, assigned)


def chosen(state: ChoiceState, scope: Scope) -> Rule | None:
    """The first rule that holds; None when none does."""
    try:
        return next((rule for rule in state.rules if rule.condition(scope)), None)
    except ConditionFault as fault:
        raise StateFault("States.Runtime", str(fault)) from None
