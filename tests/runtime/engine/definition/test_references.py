"""The variables that states read, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.definition import validate
from stepwell.runtime.engine.definition.references import variables_read
from tests.runtime.stage import machine, parallel, task

Json = Any

PASS = {"Type": "Pass"}
INNER = machine(I={**PASS, "Parameters": {"x.$": "$inner"}})


def each(**fields: Json) -> Json:
    return {"Type": "Map", "ItemProcessor": machine(p=PASS), **fields}


def distributed(**fields: Json) -> Json:
    return each(ItemProcessor={**machine(p=PASS), "ProcessorConfig": {"Mode": "DISTRIBUTED"}}, **fields)


def choice(rule: Json) -> Json:
    return {"Type": "Choice", "Choices": [{**rule, "Next": "B"}], "Default": "B"}


READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "Parameters": {"Bucket": "b", "Key.$": "$v"},
    "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$w"},
}
NESTED = "States.Format('{}', States.MathAdd($v, States.ArrayLength($w.a)))"
FIELDS: dict[str, tuple[Json, list[str]]] = {
    "InputPath": ({**PASS, "InputPath": "$v.a"}, ["v"]),
    "OutputPath": ({**PASS, "OutputPath": "$v"}, ["v"]),
    "Parameters": (task("step1", Parameters={"a": [{"b.$": "$v"}], "c.$": "$w.x[0]"}), ["v", "w"]),
    "twice": (task("step1", Parameters={"a.$": "$v", "b.$": "$v.x", "c.$": "$a"}), ["a", "v"]),
    "ResultSelector": (task("step1", ResultSelector={"a.$": "$v"}), ["v"]),
    "an intrinsic function's arguments": (task("step1", Parameters={"a.$": NESTED}), ["v", "w"]),
    "Assign": ({**PASS, "Assign": {"own.$": "$v"}}, ["v"]),
    "what is assigned": ({**PASS, "Assign": {"own": "$v", "other.$": "$.v"}}, []),
    "a member without .$": (task("step1", Parameters={"a": "$v", "bPath": "$v", "Variable": "$v"}), []),
    "data and context": (task("step1", Parameters={"a.$": "$.v", "b.$": "$$.State.Name", "c.$": "$"}), []),
    "a catcher's Assign": (
        task("step1", Catch=[{"ErrorEquals": ["E"], "Next": "B", "Assign": {"e.$": "$v"}}]),
        ["v"],
    ),
    "Variable": (choice({"Variable": "$v", "IsPresent": True}), ["v"]),
    "a comparison's Path": (choice({"Variable": "$.a", "StringEqualsPath": "$v"}), ["v"]),
    "a nested rule": (choice({"Not": {"And": [{"Variable": "$v", "NumericEqualsPath": "$w"}]}}), ["v", "w"]),
    "a rule's Assign": (choice({"Variable": "$.a", "IsNull": True, "Assign": {"x.$": "$v"}}), ["v"]),
    "a compared text": (choice({"Variable": "$.a", "StringEquals": "$v"}), []),
    "SecondsPath": ({"Type": "Wait", "SecondsPath": "$v"}, ["v"]),
    "TimestampPath": ({"Type": "Wait", "TimestampPath": "$v"}, ["v"]),
    "ErrorPath and CausePath": (
        {"Type": "Fail", "ErrorPath": "$v", "CausePath": "States.Format('{}', $w)"},
        ["v", "w"],
    ),
    "a Map's fields": (
        each(ItemsPath="$a", ItemSelector={"x.$": "$b"}, MaxConcurrencyPath="$c"),
        ["a", "b", "c"],
    ),
    "a Map Run's fields": (
        distributed(ToleratedFailureCountPath="$a", ToleratedFailurePercentagePath="$b", ItemReader=READER),
        ["a", "b", "v", "w"],
    ),
    "a Pass' Result": ({**PASS, "Result": {"a.$": "$v", "bPath": "$v"}}, []),
}


@pytest.mark.parametrize("why", FIELDS)
def test_what_counts(why: str) -> None:
    state, names = FIELDS[why]
    ends = state["Type"] in ("Choice", "Fail")
    states = {"A": {**state, **({} if ends else {"Next": "B"})}, "B": {"Type": "Succeed"}}
    if state["Type"] == "Fail":
        states = {"A": state}
    whole = {"StartAt": "A", "States": states}
    assert not validate.workflow(whole, ("step1",))
    assert variables_read(whole) == ({"A": names} if names else {})


def test_states_inside_stand_beside_the_others() -> None:
    both = parallel(INNER, machine(J={**PASS, "InputPath": "$other"}), InputPath="$outer")
    found = variables_read(machine(Both=both, Each=each(ItemProcessor=machine(K={**PASS, "InputPath": "$k"}))))
    assert found == {"Both": ["outer"], "I": ["inner"], "J": ["other"], "K": ["k"]}


def test_jsonata_reads_what_is_assigned_somewhere() -> None:
    """Functions are written as variables are, so a name that nobody assigns is none."""
    start = {**PASS, "Assign": {"v": 1, "w": 2}}
    reads = {**PASS, "Output": {"a": ["{% $sum([$v, $states.input.n]) & $x %}"]}, "Assign": {"y": "{% $w %}"}}
    whole = {"QueryLanguage": "JSONata", **machine(A=start, B=reads, C={**PASS, "Output": "$v"})}
    assert variables_read(whole) == {"B": ["v", "w"]}


def test_a_state_in_jsonata_among_others() -> None:
    start = {**PASS, "Assign": {"v": 1}}
    reads = {**PASS, "QueryLanguage": "JSONata", "Output": "{% $v %}"}
    assert variables_read(machine(A=start, B=reads)) == {"B": ["v"]}
