"""Fields of a valid definition that have no effect get a warning, with their location."""

from __future__ import annotations

from stepwell.runtime.engine.definition.lint import warnings

INVOKE = "arn:aws:states:::lambda:invoke"
ROLE = {"RoleArn": "arn:aws:iam::111122223333:role/other"}


def machine(state: dict[str, object]) -> dict[str, object]:
    return {"StartAt": "A", "States": {"A": state}}


def test_credentials_are_told_at_any_depth() -> None:
    inner = machine({"Type": "Task", "Resource": "step1", "Credentials": ROLE, "End": True})
    outer = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [inner], "End": True}}}
    told = [(one.path, one.message) for one in warnings(outer)]
    assert told == [
        ("$.States.P.Branches[0].States.A.Credentials", "is read and ignored: functions run here without a role")
    ]


def test_what_a_call_says_in_vain_is_told_in_both_languages() -> None:
    call = {"FunctionName": "step1", "Payload": {}, "ClientContext": "e30="}
    one = machine({"Type": "Task", "Resource": INVOKE, "Parameters": {**call, "LogType.$": "$.l"}, "End": True})
    other = machine({"Type": "Task", "Resource": INVOKE, "Arguments": call, "End": True})
    assert [fault.path for fault in warnings(one)] == [
        "$.States.A.Parameters.ClientContext",
        "$.States.A.Parameters['LogType.$']",
    ]
    assert [fault.path for fault in warnings(other)] == ["$.States.A.Arguments.ClientContext"]
    assert warnings(one, {INVOKE: "step1"}) == []


def test_a_step_list_and_a_plain_machine_have_nothing_to_tell() -> None:
    assert warnings({"steps": [{"taskName": "step1"}]}) == []
    plain = {"Type": "Task", "Resource": "step1", "Parameters": {"ClientContext": 1}, "End": True}
    assert warnings(machine(plain)) == []


def test_a_path_that_is_taken_as_it_is_written_is_told() -> None:
    kept = {"a": "$.a", "b.$": "$.b", "c": [{"d": "States.UUID()"}], "e": "$", "f": "$5.00", "g": "States of mind"}
    one = machine({"Type": "Pass", "Parameters": kept, "End": True})
    assert [(fault.path, fault.code, fault.hint) for fault in warnings(one)] == [
        ("$.States.A.Parameters.a", "NO_DOLLAR", "name the field 'a.$'"),
        ("$.States.A.Parameters.c[0].d", "NO_DOLLAR", "name the field 'd.$'"),
    ]
    one = machine({"Type": "Pass", "Result": {"a": "$.a"}, "End": True})
    assert [(fault.path, fault.code) for fault in warnings(one)] == [("$.States.A.Result.a", "PASS_RESULT_IS_STATIC")]


def test_jsonata_has_no_paths_to_forget_a_dollar_of() -> None:
    state = {"Type": "Pass", "Output": {"a": "$.a"}, "End": True}
    assert warnings({**machine(state), "QueryLanguage": "JSONata"}) == []
    assert warnings(machine({**state, "QueryLanguage": "JSONata"})) == []
