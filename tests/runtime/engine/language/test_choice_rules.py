"""Each of the 39 operators, with values that match, values that do not, values of another kind, and none."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from stepwell.runtime.engine.definition import validate
from stepwell.runtime.engine.language.choice_rules import (
    COMBINATIONS,
    OPERATORS,
    ConditionFault,
    PatternSyntax,
    compile,
    is_instant,
    pattern,
)
from tests.runtime.engine.definition.test_validate import PASS, asl
from tests.runtime.engine.random_machines import LEAVES
from tests.runtime.engine.scopes import scope

Json = Any

VALID = {"Variable": "$.x", "IsNull": True}

NOON = "2016-03-14T12:00:00Z"
BEFORE = ("2016-03-14T11:59:59Z", "2016-03-14T13:00:00+01:30", "2016-03-14T11:59:59.999999999Z", "0001-01-01T00:00:00Z")
SAME = (NOON, "2016-03-14T14:00:00+02:00", "2016-03-14T12:00:00.000Z", "2016-03-14T12:00:00-00:00")
AFTER = ("2016-03-14T12:00:01Z", "2016-03-14T11:00:00-01:30", "2016-03-14T12:00:00.0001Z", "9999-12-31T23:59:59Z")

OPERAND: Mapping[str, Json] = {"String": "b", "Numeric": 2, "Timestamp": NOON}
ORDERED: Mapping[str, tuple[tuple[Json, ...], ...]] = {
    "String": (("a", "", "B", "aZ"), ("b",), ("b ", "ba", "c", "é", "😀")),
    "Numeric": ((1, 1.999, 0, -3), (2, 2.0), (2.001, 3, 1e300)),
    "Timestamp": (BEFORE, SAME, AFTER),
}
"""By kind: values below, at and above the operand."""

HOLDS_FOR: Mapping[str, tuple[int, ...]] = {
    "Equals": (1,),
    "LessThan": (0,),
    "GreaterThan": (2,),
    "LessThanEquals": (0, 1),
    "GreaterThanEquals": (1, 2),
}
STRANGE: Mapping[str, tuple[Json, ...]] = {
    "String": (0, 2, True, None, [], ["b"], {}, {"b": "b"}),
    "Numeric": ("", "2", True, False, None, [2], {}),
    "Timestamp": ("", "noon", "2016-03-14", 1457956800, True, None, [NOON], {}),
    "Boolean": (0, 1, "", "true", None, [], [True], {}),
}

COMPARISONS = [
    *((kind, relation, OPERAND[kind]) for kind in OPERAND for relation in HOLDS_FOR),
    *(("Boolean", "Equals", operand) for operand in (True, False)),
]

TESTS: Mapping[str, tuple[type, ...]] = {
    "IsNull": (type(None),),
    "IsNumeric": (int, float),
    "IsString": (str,),
    "IsBoolean": (bool,),
}
ANYTHING: tuple[Json, ...] = (*LEAVES, NOON, [], [0], {}, {"a": None})


def holds(rule: Json, document: Json = None, context: Mapping[str, Json] | None = None) -> bool:
    """True if a valid rule holds."""
    definition = asl(A={"Type": "Choice", "Choices": [{**rule, "Next": "B"}]}, B=PASS)
    assert validate.workflow(definition, ()) == []
    found = compile(rule)(scope(document, context))
    assert isinstance(found, bool)
    return found


def of(operator: str, operand: Json, value: Json) -> bool:
    """True if a rule with this operator holds for a value. Its Path form, if there is one, must agree."""
    found = holds({"Variable": "$.x", operator: operand}, {"x": value})
    if operator + "Path" in OPERATORS:
        rule = {"Variable": "$.x", operator + "Path": "$.y"}
        assert holds(rule, {"x": value, "y": operand}) is found, f"{operator}Path is not {operator}"
    return found


def expected(kind: str, relation: str, operand: Json) -> tuple[list[Json], list[Json]]:
    """The values that satisfy a comparison, and the other values of its kind."""
    if kind == "Boolean":
        return [operand], [not operand]
    groups = enumerate(ORDERED[kind])
    pairs = [(place in HOLDS_FOR[relation], value) for place, values in groups for value in values]
    return [value for yes, value in pairs if yes], [value for yes, value in pairs if not yes]


def test_there_are_39() -> None:
    compared = {f"{kind}{relation}{path}" for kind, relation, _ in COMPARISONS for path in ("", "Path")}
    assert OPERATORS.keys() == compared | TESTS.keys() | {"IsTimestamp", "IsPresent", "StringMatches"}
    assert len(OPERATORS) == 39


@pytest.mark.parametrize(("kind", "relation", "operand"), COMPARISONS)
def test_a_comparison_holds_for_what_it_says(kind: str, relation: str, operand: Json) -> None:
    right, wrong = expected(kind, relation, operand)
    assert [value for value in right if not of(kind + relation, operand, value)] == []
    assert [value for value in wrong if of(kind + relation, operand, value)] == []


@pytest.mark.parametrize(("kind", "relation", "operand"), COMPARISONS)
def test_a_comparison_holds_for_nothing_of_another_kind(kind: str, relation: str, operand: Json) -> None:
    assert [value for value in STRANGE[kind] if of(kind + relation, operand, value)] == []


@pytest.mark.parametrize(("kind", "relation", "operand"), COMPARISONS)
def test_a_comparison_with_a_path_holds_for_no_operand_of_another_kind(kind: str, relation: str, operand: Json) -> None:
    rule = {"Variable": "$.x", f"{kind}{relation}Path": "$.y"}
    for strange in STRANGE[kind]:
        assert not holds(rule, {"x": operand, "y": strange})
        assert not holds(rule, {"x": strange, "y": strange})


@pytest.mark.parametrize("operator", [*TESTS, "IsTimestamp"])
@pytest.mark.parametrize("value", ANYTHING, ids=repr)
def test_a_test_tells_the_kind_of_a_value(operator: str, value: Json) -> None:
    is_so = value == NOON if operator == "IsTimestamp" else type(value) in TESTS[operator]
    assert of(operator, True, value) is is_so
    assert of(operator, False, value) is not is_so


@pytest.mark.parametrize("operator", sorted(OPERATORS.keys() - {"IsPresent"}))
def test_of_what_is_not_there_nothing_can_be_told(operator: str) -> None:
    operand = {"Bo": True, "Is": False, "Nu": 1, "Ti": NOON, "St": "a"}[operator[:2]]
    operand = "$.y" if operator.endswith("Path") else operand
    rule = {"Variable": "$.x", operator: operand}
    documents: list[Json] = [{"y": None}, {}, [], None, "x", 5]
    for document in documents:
        with pytest.raises(ConditionFault) as told:
            holds(rule, document)
        words = "Invalid path '$.x': The choice state's condition path references an invalid value."
        assert str(told.value) == words


@pytest.mark.parametrize("operator", sorted(one for one in OPERATORS if one.endswith("Path")))
def test_nor_with_what_is_not_there(operator: str) -> None:
    for value in (1, "a", True, NOON, None):
        with pytest.raises(ConditionFault, match=re.escape("Invalid path '$.y'")):
            holds({"Variable": "$.x", operator: "$.y"}, {"x": value})


@pytest.mark.parametrize("value", ANYTHING, ids=repr)
def test_whatever_is_there_is_present(value: Json) -> None:
    assert of("IsPresent", True, value)
    assert not of("IsPresent", False, value)


@pytest.mark.parametrize("document", [{}, {"y": 1}, [], "x", None, 5], ids=repr)
def test_what_is_not_there_is_not_present(document: Json) -> None:
    assert not holds({"Variable": "$.x", "IsPresent": True}, document)
    assert holds({"Variable": "$.x", "IsPresent": False}, document)


def test_paths_may_name_the_context_object() -> None:
    context = {"State": {"Name": "C"}}
    assert holds({"Variable": "$$.State.Name", "StringEqualsPath": "$"}, "C", context)
    assert holds({"Variable": "$", "StringEqualsPath": "$$.State.Name"}, "C", context)
    assert holds({"Variable": "$$.State.Nope", "IsPresent": False}, "C", context)


# Timestamps


@pytest.mark.parametrize(
    "text",
    [
        *("2016-03-14T01:59:00Z", "2016-02-29T23:59:59.1Z", "2016-03-14T01:59:00.12345678901234567890+23:59"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_what_is_a_timestamp(text: str) -> None:
    assert is_instant(text)
    assert of("TimestampEquals", text, text)


@pytest.mark.parametrize(
    "text",
    [
        *("2016-03-14t01:59:00Z", "2016-03-14T01:59:00z", "2016-03-14 01:59:00Z", "2016-03-14T01:59:00"),
        *("2016-03-14", "2016-03-14T01:59Z", "2016-03-14T01:59:00.Z", "2016-03-14T01:59:00,5Z", "16-03-14T01:59:00Z"),
        *("2016-03-14T01:59:00+0200", "2016-03-14T01:59:00+02", "2016-03-14T01:59:00+24:00", "20160314T015900Z"),
        *("2016-03-14T24:00:00Z", "2016-03-14T23:60:00Z", "2016-02-30T00:00:00Z", "2016-13-01T00:00:00Z"),
        *("0000-01-01T00:00:00Z", "2016-W11-1T01:59:00Z", " 2016-03-14T01:59:00Z", "2016-03-14T01:59:00Z\n"),
        *("٢٠١٦-03-14T01:59:00Z", "2016-03-14T01:59:00Z+02:00", ""),
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    assert not is_instant(text)


def test_timestamps_stand_in_the_order_of_time() -> None:
    rising = [
        "0001-01-01T00:00:00+14:00",
        "2016-03-14T12:30:00+01:00",
        "2016-03-14T11:30:00.000000001Z",
        "2016-03-14T11:30:00.0000000011Z",
        "2016-03-14T11:30:00.25Z",
        "2016-03-14T11:30:00.5Z",
        "2016-03-14T10:30:01-01:00",
        "9999-12-31T23:59:59-14:00",
    ]
    for earlier, later in itertools.combinations(rising, 2):
        assert of("TimestampLessThan", later, earlier) and not of("TimestampGreaterThanEquals", later, earlier)
        assert of("TimestampGreaterThan", earlier, later) and not of("TimestampEquals", earlier, later)


# Patterns


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        ("", [""], ["a"]),
        ("*", ["", "a", "\n", "*"], []),
        ("**", ["", "ab"], []),
        ("a*", ["a", "ab", "a*"], ["", "ba"]),
        ("*a", ["a", "ba"], ["ab"]),
        ("a*b*c", ["abc", "axbxc", "abbc"], ["acb", "ab", "abcd"]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("a*b*b", ["abb", "abxb"], ["ab", "axb"]),
        ("*ab*ab*", ["abab", "xabxabx"], ["ab", "aab", "xabx"]),
        ("\\*", ["*"], ["a", "", "\\*"]),
        ("\\\\", ["\\"], ["\\\\", ""]),
        ("\\\\*", ["\\", "\\a"], ["*"]),
        ("\\\\\\*", ["\\*"], ["\\a", "\\\\*"]),
        ("*\\**", ["*", "a*b"], ["ab"]),
        (".?[a]^$", [".?[a]^$"], ["xya"]),
    ],
)
def test_a_pattern(text: str, right: list[str], wrong: list[str]) -> None:
    assert [value for value in right if not of("StringMatches", text, value)] == []
    assert [value for value in wrong if of("StringMatches", text, value)] == []


def test_a_pattern_holds_for_nothing_but_strings() -> None:
    assert [value for value in STRANGE["String"] if of("StringMatches", "*", value)] == []


@pytest.mark.parametrize("text", ["\\", "a\\", "\\a", "*\\", "\\\\\\", "\\\n", "a*\\b*"])
def test_a_backslash_that_hides_nothing(text: str) -> None:
    with pytest.raises(PatternSyntax, match="a backslash must stand before"):
        pattern(text)


def test_patterns_match_as_a_regular_expression_would() -> None:
    dice = Random(7)
    for _ in range(3000):
        pieces = dice.choices(["a", "b", "ab", "*", "\\*", "\\\\"], k=dice.randrange(7))
        regular = "".join(".*" if one == "*" else re.escape(one.removeprefix("\\")) for one in pieces)
        value = "".join(dice.choices("ab*\\", k=dice.randrange(9)))
        is_so = re.fullmatch(regular, value, re.DOTALL) is not None
        assert pattern("".join(pieces))(value) is is_so, (pieces, value)


def test_a_pattern_of_many_stars_is_decided() -> None:
    """As a regular expression this pattern would run for ever."""
    assert not pattern("*a" * 50 + "*b")("a" * 20_000)


# And, Or, Not


def test_combinations() -> None:
    yes, no = {"Variable": "$", "IsNull": True}, {"Variable": "$", "IsNull": False}
    for rules in itertools.product((yes, no), repeat=3):
        truths = [rule is yes for rule in rules]
        assert holds({"And": list(rules)}) is all(truths)
        assert holds({"Or": list(rules)}) is any(truths)
        assert holds({"Not": {"And": list(rules)}}) is not all(truths)


@pytest.mark.parametrize(("name", "decided"), [("And", False), ("Or", True)])
def test_and_and_or_look_no_further_than_they_must(name: str, decided: bool) -> None:
    decides = {"Variable": "$", "IsNull": decided}
    fails = {"Variable": "$.nope", "IsNull": True}
    assert holds({name: [decides, fails]}) is decided
    with pytest.raises(ConditionFault):
        holds({name: [fails, decides]})


def test_rules_may_be_nested_as_deep_as_json() -> None:
    rule: Json = {"Variable": "$", "IsNull": True}
    for depth in range(60):
        assert holds(rule) is (depth % 2 == 0)
        rule = {"Not": rule}


def test_what_validate_passes_tells_or_says_that_it_cannot() -> None:
    operands: tuple[Json, ...] = ("$.x", "$", NOON, "*", True, 1, [VALID], VALID)
    pairs = itertools.product((*OPERATORS, *COMBINATIONS), operands)
    rules: list[Json] = [{name: operand, "Next": "B"} for name, operand in pairs]
    passed = 0
    for rule in [*rules, *({**rule, "Variable": "$.x"} for rule in rules)]:
        if validate.workflow(asl(A={"Type": "Choice", "Choices": [rule]}, B=PASS), ()) == []:
            passed += 1
            for value in ANYTHING:
                with suppress(ConditionFault):
                    assert compile(rule)(scope({"x": value})) in (True, False)
    assert len(OPERATORS) < passed < len(rules)
