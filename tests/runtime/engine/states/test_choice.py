"""A Choice takes the first rule that holds."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.definition import validate
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import ChoiceState
from stepwell.runtime.engine.states.choice import chosen
from tests.runtime.engine.definition.test_validate import PASS, asl
from tests.runtime.engine.scopes import scope

Json = Any


def choice(*rules: Json, **fields: Json) -> ChoiceState:
    definition = asl(A={"Type": "Choice", "Choices": list(rules), **fields}, B=PASS)
    assert validate.workflow(definition, ()) == []
    state = load(definition).states["A"]
    assert isinstance(state, ChoiceState)
    return state


def test_the_first_rule_that_holds_is_chosen() -> None:
    state = choice(*({"Variable": "$", "NumericGreaterThan": bound, "Next": "B"} for bound in (3, 1, 2)), Default="A")
    assert [chosen(state, scope(value)) for value in (9, 3, 1, "9")] == [state.rules[0], state.rules[1], None, None]
    assert (state.rules[0].next, state.default, state.next) == ("B", "A", None)


def test_what_cannot_be_told_is_a_fault_of_the_state() -> None:
    state = choice({"Variable": "$.x", "IsNull": True, "Next": "B"})
    with pytest.raises(StateFault) as told:
        chosen(state, scope({}))
    assert told.value.error == "States.Runtime"
    assert told.value.cause == "Invalid path '$.x': The choice state's condition path references an invalid value."
