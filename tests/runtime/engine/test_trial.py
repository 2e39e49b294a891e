from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine import trial
from stepwell.runtime.engine.core import commands
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.trial import Failure, Given, MapFields, Result, Verdict
from stepwell.runtime.engine.values.limits import LIMITS

Json = Any

AT = 1_795_489_200_000
INPUT = {"in": {"n": 3}, "list": [1, 2]}
INSIDE = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
DISTRIBUTED = {**INSIDE, "ProcessorConfig": {"Mode": "DISTRIBUTED"}}
PASS = {"Type": "Pass", "InputPath": "$.in", "Parameters": {"m.$": "$.n"}, "ResultPath": "$.out", "End": True}
TASK = {"Type": "Task", "Resource": "work", "InputPath": "$.in", "ResultPath": "$.out", "End": True}
PARALLEL = {"Type": "Parallel", "Branches": [INSIDE], "End": True}
MAP = {"Type": "Map", "ItemProcessor": INSIDE, "ItemsPath": "$.list", "End": True}
JSONATA = {"QueryLanguage": "JSONata", "End": True}
RETRY = [{"ErrorEquals": ["Other"]}, {"ErrorEquals": ["Boom"], "IntervalSeconds": 2, "MaxAttempts": 2}]


def played(
    state: Json,
    outcome: Result | Failure | None = None,
    input: Json = INPUT,
    context: Json = None,
    variables: Json = None,
    retries: int = 0,
) -> Verdict:
    """The verdict on a state. The outcome of its work is mocked, or else each task's is its own input."""
    machine = load(trial.alone(state, trial.ALONE, None, None))
    mocked = load(trial.alone(state, trial.ALONE, None, None if outcome is None else "mock"))
    before = Execution("id", "name", "flow", input, AT, context={} if context is None else context)
    given = Given(input, variables or {}, retries)

    def work(task: commands.DispatchTask) -> Result | Failure:
        return Result(task.input) if outcome is None else outcome

    return trial.tried(machine, mocked, before, given, work, LIMITS)


def fields_of(state: Json, input: Json = INPUT, read: Json = None) -> MapFields:
    machine = load(trial.alone(state, trial.ALONE, None, None))
    return trial.map_fields(machine, Execution("id", "name", "flow", input, AT), Given(input), read, LIMITS)


SHOWN: list[tuple[str, Json, Json, Json]] = [
    (
        "a Pass without Result",
        PASS,
        None,
        {
            "afterInputPath": {"n": 3},
            "afterParameters": {"m": 3},
            "afterResultSelector": {"m": 3},
            "afterResultPath": {**INPUT, "out": {"m": 3}},
        },
    ),
    (
        "a Pass without any field",
        {"Type": "Pass", "End": True},
        None,
        dict.fromkeys(("afterInputPath", "afterParameters", "afterResultSelector", "afterResultPath"), INPUT),
    ),
    (
        "a Pass with Result, whatever comes before it",
        {**PASS, "Result": 7},
        None,
        {"result": 7, "afterResultSelector": 7, "afterResultPath": {**INPUT, "out": 7}},
    ),
    ("a Pass in JSONata", {**JSONATA, "Type": "Pass", "Output": 1}, None, {}),
    (
        "a Task without Parameters and ResultSelector",
        TASK,
        5,
        {
            "afterInputPath": {"n": 3},
            "afterParameters": {"n": 3},
            "result": 5,
            "afterResultSelector": 5,
            "afterResultPath": {**INPUT, "out": 5},
        },
    ),
    (
        "a Task in JSONata",
        {**JSONATA, "Type": "Task", "Resource": "work", "Arguments": {"a": "{% $states.input.in.n %}"}},
        5,
        {"afterArguments": {"a": 3}, "result": 5},
    ),
    ("a Task in JSONata without Arguments", {**JSONATA, "Type": "Task", "Resource": "work"}, 5, {"result": 5}),
    (
        "a Parallel",
        {**PARALLEL, "InputPath": "$.in", "Parameters": {"a": 1}, "ResultSelector": {"b.$": "$[0]"}},
        [4],
        {"afterResultSelector": {"b": 4}, "afterResultPath": {"b": 4}},
    ),
    ("a Parallel without any field", PARALLEL, [4], {"afterResultSelector": [4], "afterResultPath": [4]}),
    ("a Parallel in JSONata", {**JSONATA, "Type": "Parallel", "Branches": [INSIDE], "Arguments": {"a": 1}}, [4], {}),
    ("a Map", MAP, [4], {"afterInputPath": INPUT, "afterResultSelector": [4], "afterResultPath": [4]}),
    ("a Map in JSONata", {**JSONATA, "Type": "Map", "ItemProcessor": INSIDE}, [4], {}),
    ("a Wait", {"Type": "Wait", "Seconds": 9, "InputPath": "$.in", "End": True}, None, {"afterInputPath": {"n": 3}}),
]


@pytest.mark.parametrize(("of", "state", "result", "shown"), SHOWN, ids=[row[0] for row in SHOWN])
def test_the_data_that_is_shown(of: str, state: Json, result: Json, shown: Json) -> None:
    verdict = played(state, None if result is None else Result(result))
    assert verdict.status == trial.SUCCEEDED, of
    assert verdict.data == {"input": INPUT, **shown}


def test_work_that_failed_shows_what_came_before_it() -> None:
    verdict = played(TASK, Failure("E", "c"))
    assert (verdict.status, verdict.error, verdict.cause) == (trial.FAILED, "E", "c")
    assert verdict.data == {"input": INPUT, "afterInputPath": {"n": 3}, "afterParameters": {"n": 3}}
    assert played(MAP, Failure("E")).data == {"input": INPUT, "afterInputPath": INPUT}
    assert played(PARALLEL, Failure("E")).data == {"input": INPUT}


def test_data_ends_before_the_field_that_faults() -> None:
    verdict = played({**TASK, "Parameters": {"a.$": "$.nowhere"}}, Result(1))
    assert (verdict.status, verdict.error) == (trial.FAILED, "States.Runtime")
    assert verdict.data == {"input": INPUT, "afterInputPath": {"n": 3}}


def test_variables_are_shown_only_if_some_are_given() -> None:
    assert "variables" not in played(PASS).data
    assert "variables" not in played({**PASS, "Assign": {"v": 2}}).data
    assert played(PASS, variables={"v": 1}).data["variables"] == {"v": 1}


def test_the_variables_are_those_after_the_state() -> None:
    state = {**TASK, "Assign": {"v": 2, "w.$": "$v"}}
    assert played(state, Result(1), variables={"v": 1, "u": 0}).data["variables"] == {"v": 2, "w": 1, "u": 0}
    assert played(state, Failure("E"), variables={"v": 1}).data["variables"] == {"v": 1}


def test_the_answer_of_lambda_invoke_is_shown_as_the_service_gives_it() -> None:
    arguments = {"FunctionName": "work", "Payload": {"p.$": "$.n"}}
    verdict = played({**TASK, "Resource": "arn:aws:states:::lambda:invoke", "Parameters": arguments})
    result = verdict.data["result"]
    members = {"ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"}
    assert (result.keys(), result["Payload"], result["StatusCode"]) == (members, {"p": 3}, 200)
    assert verdict.output == {**INPUT, "out": result} == verdict.data["afterResultPath"]


def test_the_context_object_is_the_given_one_alone() -> None:
    state = {"Type": "Pass", "Parameters": {"all.$": "$$"}, "End": True}
    assert played(state).output == {"all": {}}
    assert played(state, context={"Execution": {}}).output == {"all": {"Execution": {}}}


@pytest.mark.parametrize("name", [trial.ALONE, "Again"])
def test_a_trial_of_a_state_that_leads_to_itself_ends_there(name: str) -> None:
    rules = [{"Variable": "$.n", "NumericEquals": 1, "Next": name}]
    retry = [{"ErrorEquals": ["States.ALL"], "Next": name}]
    for state, outcome in (
        ({"Type": "Pass", "Next": name}, None),
        ({"Type": "Choice", "Choices": rules, "Default": name}, None),
        ({"Type": "Task", "Resource": "work", "Catch": retry, "Next": name}, Failure("E")),
    ):
        mocked = load(trial.alone(state, name, None, "mock" if outcome else None))
        machine, before = load(trial.alone(state, name, None, None)), Execution("id", "name", "flow", {"n": 1}, AT)
        tasks: list[commands.DispatchTask] = []
        verdict = trial.tried(
            machine, mocked, before, Given({"n": 1}), lambda one, to=tasks, end=outcome: to.append(one) or end, LIMITS
        )
        assert (verdict.next, len(tasks)) == (name, 1 if outcome else 0)


@pytest.mark.parametrize(
    ("retries", "status", "details"),
    [
        (0, trial.RETRIABLE, {"retryIndex": 1, "retryBackoffIntervalSeconds": 2}),
        (1, trial.RETRIABLE, {"retryIndex": 1, "retryBackoffIntervalSeconds": 4}),
        (2, trial.FAILED, {"retryIndex": 1}),
    ],
)
def test_the_retry_that_takes_an_error_and_the_one_that_is_used_up(retries: int, status: str, details: Json) -> None:
    verdict = played({**TASK, "Retry": RETRY}, Failure("Boom"), retries=retries)
    assert (verdict.status, verdict.details) == (status, details)


def test_an_error_that_nothing_takes_has_no_details() -> None:
    assert played({**TASK, "Retry": RETRY}, Failure("Bang")).details == {}


FIELDS: list[tuple[str, Json, Json, Json]] = [
    ("a plain Map", MAP, None, {"afterItemsPath": [1, 2], "maxConcurrency": 0}),
    (
        "a Map with bounds",
        {**MAP, "ItemProcessor": DISTRIBUTED, "MaxConcurrency": 4, "ToleratedFailureCount": 1},
        None,
        {"afterItemsPath": [1, 2], "maxConcurrency": 4, "toleratedFailureCount": 1},
    ),
    (
        "a Map in JSONata",
        {**JSONATA, "Type": "Map", "ItemProcessor": DISTRIBUTED, "Items": [1], "ToleratedFailurePercentage": 50},
        None,
        {"maxConcurrency": 0, "toleratedFailurePercentage": 50},
    ),
    (
        "an inline Map in JSONata that tolerates failures",
        {**JSONATA, "Type": "Map", "ItemProcessor": INSIDE, "Items": [1], "ToleratedFailureCount": "{% 1 + 1 %}"},
        None,
        {"maxConcurrency": 0, "toleratedFailureCount": 2},
    ),
    (
        "a Map in JSONata with a reader's data",
        {
            **JSONATA,
            "Type": "Map",
            "ItemProcessor": DISTRIBUTED,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/a"},
                "Arguments": {"Bucket": "b", "Key": "k"},
            },
        },
        {"a": [1, 2]},
        {"maxConcurrency": 0},
    ),
]


@pytest.mark.parametrize(("of", "state", "read", "shown"), FIELDS, ids=[row[0] for row in FIELDS])
def test_the_data_of_a_maps_fields(of: str, state: Json, read: Json, shown: Json) -> None:
    fields = fields_of(state, read=read)
    assert (fields.data, fields.failure) == (shown, None), of


@pytest.mark.parametrize(("path", "shown"), [("$.in", "$.in"), ("$$", "$")])
def test_a_map_without_a_list_fails_of_it_and_shows_no_field(path: str, shown: str) -> None:
    fields = fields_of({**MAP, "ItemsPath": path})
    cause = f'Reference path "{shown}" must point to array.'
    assert fields == MapFields({}, None, Failure("States.Runtime", cause))


@pytest.mark.parametrize("selector", [{"a.$": "$.nowhere"}, {"a.$": "States.ArrayRange(1, 1000, 0)"}])
def test_a_map_fails_of_its_selector(selector: Json) -> None:
    fields = fields_of({**MAP, "ItemSelector": selector})
    assert fields.data == {"afterItemsPath": [1, 2], "maxConcurrency": 0}
    assert fields.failure is not None and fields.failure.error == "States.Runtime"


def test_a_map_whose_selector_writes_more_than_a_move_may_fails() -> None:
    given = {"text": "x" * 200_000, "list": list(range(1000))}
    failure = fields_of({**MAP, "ItemSelector": {"a.$": "$.text"}}, given).failure
    assert (
        failure is not None and failure.error == "States.Runtime" and "would write more than" in (failure.cause or "")
    )


def test_only_a_distributed_map_takes_an_object_for_its_items() -> None:
    state = {**MAP, "ItemsPath": "$.in"}
    assert fields_of({**state, "ItemProcessor": DISTRIBUTED}).items == [{"Key": "n", "Value": 3}]
    assert fields_of(state).failure is not None
