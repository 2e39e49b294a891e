"""The faults of a Choice are found when its workflow is stored."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.definition import validate
from tests.runtime.engine.definition.test_validate import PASS, asl, check
from tests.runtime.engine.random_machines import FUNCTIONS

Json = Any

NOON = "2016-03-14T12:00:00Z"
RULE = {"Variable": "$.x", "StringEquals": "a"}
PLACE = "$.States.A.Choices[0]"


def state(rule: Json, **fields: Json) -> Json:
    return asl(A={"Type": "Choice", "Choices": [rule], **fields}, B=PASS)


def rule_with(**fields: Json) -> Json:
    return state({"Variable": "$.x", **fields, "Next": "B"})


def whole(**fields: Json) -> Json:
    return asl(A={"Type": "Choice", "Choices": [{**RULE, "Next": "B"}], **fields}, B=PASS)


ONE = "needs an operator, such as 'StringEquals' or 'And'"

WRONG: list[tuple[Json, str, str, str | None]] = [
    (asl(A={"Type": "Choice"}), "$.States.A", "a Choice state needs the field 'Choices'", None),
    (asl(A={"Type": "Choice", "Choices": []}), "$.States.A.Choices", "needs at least 1", None),
    (asl(A={"Type": "Choice", "Choices": {}}), "$.States.A.Choices", "must be a list, not an object", None),
    (asl(A={"Type": "choice", "Choices": []}), "$.States.A.Type", "must be one of", "did you mean 'Choice'?"),
    (whole(End=True), "$.States.A.End", "a Choice state has no field 'End'", None),
    (whole(Next="B"), "$.States.A.Next", "a Choice state has no field 'Next'", None),
    (whole(Retry=[]), "$.States.A.Retry", "a Choice state has no field 'Retry'", None),
    (whole(Catch=[]), "$.States.A.Catch", "a Choice state has no field 'Catch'", None),
    (whole(Parameters={}), "$.States.A.Parameters", "a Choice state has no field 'Parameters'", None),
    (whole(ResultPath="$"), "$.States.A.ResultPath", "a Choice state has no field 'ResultPath'", None),
    (whole(InputPath=5), "$.States.A.InputPath", "must be a string, not a number", None),
    (whole(default="B"), "$.States.A.default", "has no field 'default'", "did you mean 'Default'?"),
    (whole(Default=None), "$.States.A.Default", "must be a string, not null", None),
    (whole(Default="C"), "$.States.A.Default", "there is no state 'C' here", None),
    (state({**RULE, "Next": "C"}), f"{PLACE}.Next", "there is no state 'C' here", None),
    (state({**RULE, "Next": 1}), f"{PLACE}.Next", "must be a string, not a number", None),
    (state(RULE), PLACE, "a choice rule needs the field 'Next'", None),
    (state("a"), PLACE, "a choice rule must be an object, not a string", None),
    (rule_with(), PLACE, ONE, None),
    (rule_with(StringEqual="a"), f"{PLACE}.StringEqual", "has no field", "did you mean 'StringEquals'?"),
    (rule_with(NumericMatches="a"), f"{PLACE}.NumericMatches", "a choice rule has no field 'NumericMatches'", None),
    (rule_with(StringMatchesPath="$"), f"{PLACE}.StringMatchesPath", "no field", "did you mean 'StringMatches'?"),
    (rule_with(BooleanLessThan=True), f"{PLACE}.BooleanLessThan", "has no field 'BooleanLessThan'", None),
    (rule_with(IsNull=True, IsString=True), PLACE, "has one operator, not 2: IsNull, IsString", None),
    (rule_with(Not=RULE), f"{PLACE}.Variable", "a choice rule with 'Not' has no field 'Variable'", None),
    (state({"IsNull": True, "Next": "B"}), PLACE, "with 'IsNull' needs the field 'Variable'", None),
    (state({"Variable": 1, "IsNull": True, "Next": "B"}), f"{PLACE}.Variable", "a string, not a number", None),
    (state({"Variable": None, "IsNull": True, "Next": "B"}), f"{PLACE}.Variable", "a string, not null", None),
    (state({"Variable": "x", "IsNull": True, "Next": "B"}), f"{PLACE}.Variable", "does not begin with $", None),
    (rule_with(StringEquals=1), f"{PLACE}.StringEquals", "must be a string, not a number", None),
    (rule_with(StringLessThanPath="y"), f"{PLACE}.StringLessThanPath", "does not begin with $", None),
    (rule_with(StringLessThanPath=1), f"{PLACE}.StringLessThanPath", "must be a string, not a number", None),
    (rule_with(NumericEquals="1"), f"{PLACE}.NumericEquals", "must be a number, not a string", None),
    (rule_with(NumericLessThan=True), f"{PLACE}.NumericLessThan", "must be a number, not a boolean", None),
    (rule_with(BooleanEquals=0), f"{PLACE}.BooleanEquals", "must be true or false, not a number", None),
    (rule_with(IsPresent="true"), f"{PLACE}.IsPresent", "must be true or false, not a string", None),
    (rule_with(IsTimestamp=None), f"{PLACE}.IsTimestamp", "must be true or false, not null", None),
    (rule_with(TimestampEquals=5), f"{PLACE}.TimestampEquals", "must be a string, not a number", None),
    (rule_with(TimestampEquals="noon"), f"{PLACE}.TimestampEquals", "a timestamp such as 20", None),
    (rule_with(TimestampLessThan=NOON.lower()), f"{PLACE}.TimestampLessThan", f"not '{NOON.lower()}'", None),
    (rule_with(StringMatches=["*"]), f"{PLACE}.StringMatches", "must be a string, not a list", None),
    (rule_with(StringMatches="a\\"), f"{PLACE}.StringMatches", "a backslash must stand before '*'", None),
    (state({"And": [], "Next": "B"}), f"{PLACE}.And", "needs at least 1", None),
    (state({"Or": RULE, "Next": "B"}), f"{PLACE}.Or", "must be a list, not an object", None),
    (state({"Not": [RULE], "Next": "B"}), f"{PLACE}.Not", "a nested rule must be an object, not a list", None),
    (state({"Not": {**RULE, "Next": "B"}, "Next": "B"}), f"{PLACE}.Not.Next", "a nested rule has no field", None),
    (state({"Or": [RULE, {"And": [{}]}], "Next": "B"}), f"{PLACE}.Or[1].And[0]", f"a nested rule {ONE}", None),
    (asl(A={"Type": "Choice", "Choices": [{**RULE, "Next": "A"}]}), "$", "no state ends this machine", None),
    (asl(A={"Type": "Choice", "Choices": [{**RULE, "Next": "A"}]}, B=PASS), "$.States.B", "no state leads here", None),
]


@pytest.mark.parametrize(("definition", "path", "words", "hint"), WRONG, ids=[row[1] + " " + row[2] for row in WRONG])
def test_a_wrong_choice(definition: Json, path: str, words: str, hint: str | None) -> None:
    check(validate.workflow(definition, FUNCTIONS), path, words, hint)


def test_one_mistake_is_told_once() -> None:
    several = [one for one, *_ in WRONG if len(validate.workflow(one, FUNCTIONS)) > 1]
    assert len(several) <= 5, "what leads nowhere leaves another state that nothing leads to"


def test_rules_and_default_lead_somewhere() -> None:
    rules = [{**RULE, "Next": "B"}, {"Not": RULE, "Next": "C"}]
    machine = asl(A={"Type": "Choice", "Choices": rules, "Default": "D"}, B=PASS, C=PASS, D=PASS)
    assert validate.workflow(machine, FUNCTIONS) == []
