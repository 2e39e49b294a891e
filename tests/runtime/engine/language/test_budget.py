from __future__ import annotations

import pytest

from stepwell.runtime.engine.language.budget import Budget, BudgetExceeded, MoveTookTooLong
from stepwell.runtime.engine.values.limits import EngineLimits


def test_what_is_charged_is_summed_up() -> None:
    budget = Budget(EngineLimits(expression_steps=10, expression_elements=5))
    budget.step(4)
    budget.step(6)
    budget.element(5)
    with pytest.raises(BudgetExceeded, match="10 JSONata steps") as fault:
        budget.step()
    assert not fault.value.is_final


def test_what_catches_the_error_gets_a_tenth_more_and_only_once() -> None:
    budget = Budget(EngineLimits(expression_steps=100, expression_elements=50))
    with pytest.raises(BudgetExceeded, match="50 elements"):
        budget.element(51)
    budget.step(10)
    budget.element(5)
    with pytest.raises(BudgetExceeded, match="50 elements at most, and what caught this a tenth more") as fault:
        budget.element()
    assert fault.value.is_final
    with pytest.raises(BudgetExceeded):
        budget.step(11)


@pytest.mark.parametrize("charge", ["step", "element"])
def test_the_alarm_is_asked_while_the_budget_is_spent(charge: str) -> None:
    asked: list[bool] = []
    limits = EngineLimits(expression_steps=50_000, expression_elements=50_000)
    budget = Budget(limits, lambda: bool(asked.append(True)))
    for _ in range(50_000):
        getattr(budget, charge)()
    assert 450 <= len(asked) <= 500


def test_an_alarm_ends_the_move() -> None:
    budget = Budget(alarm=lambda: True)
    with pytest.raises(MoveTookTooLong):
        budget.step()
    with pytest.raises(MoveTookTooLong):
        budget.ask_alarm()
