from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any

import pytest

from stepwell.db.database import database
from stepwell.db.models import Execution
from tests.runtime.stage import machine, parallel, raises, returns, steps, task
from tests.wire.client import Wire, refusal

Json = Any

WORK = machine(A=task("step1"), B={"Type": "Pass"})
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:play"
RUN = "arn:aws:states:us-east-1:123456789012:execution:play"


def test_is_described_from_its_start_to_its_end(wire: Wire):
    wire.made(WORK)
    text = '{ "a": 1 }'
    begun = wire.client.start_execution(stateMachineArn=ARN, name="one", input=text, traceHeader="Root=1")
    assert begun["executionArn"] == f"{RUN}:one"
    found = wire.client.describe_execution(executionArn=f"{RUN}:one")
    del found["ResponseMetadata"]
    assert found == {
        "executionArn": f"{RUN}:one",
        "stateMachineArn": ARN,
        "name": "one",
        "status": "RUNNING",
        "startDate": begun["startDate"],
        "input": text,
        "inputDetails": {"included": True},
        "traceHeader": "Root=1",
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
    }
    wire.stage.script.let("step1", returns({"b": 2}))
    wire.stage.run()
    found = wire.client.describe_execution(executionArn=f"{RUN}:one")
    assert (found["status"], found["output"]) == ("SUCCEEDED", '{"b":2}')
    assert found["outputDetails"] == {"included": True} and found["stopDate"] >= found["startDate"]
    found = wire.client.describe_execution(executionArn=f"{RUN}:one", includedData="METADATA_ONLY")
    assert not {"input", "output", "inputDetails"} & found.keys()


def test_one_that_fails_says_why(wire: Wire):
    wire.stage.script.let("step1", raises("Boom", "it broke"))
    found = wire.ran(WORK)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Boom", "it broke")
    assert found["redriveStatus"] == "REDRIVABLE"
    assert "output" not in found


def test_without_a_name_and_an_input_it_gets_both(wire: Wire):
    wire.made(WORK)
    begun = wire.client.start_execution(stateMachineArn=ARN)
    found = wire.client.describe_execution(executionArn=begun["executionArn"])
    assert str(uuid.UUID(found["name"])) == found["name"]
    assert found["input"] == "{}"


def test_the_same_start_again_is_the_same_while_it_runs(wire: Wire):
    wire.made(WORK)
    start = wire.client.start_execution
    first = start(stateMachineArn=ARN, name="one", input='{"a":1}')
    again = start(stateMachineArn=ARN, name="one", input='{ "a" : 1 }')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    taken = ("ExecutionAlreadyExists", f"Execution Already Exists: '{RUN}:one'")
    assert refusal(start, stateMachineArn=ARN, name="one", input='{"a":2}') == taken
    wire.stage.run()
    assert refusal(start, stateMachineArn=ARN, name="one", input='{"a":1}') == taken


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": "a b"}, "InvalidName"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"input": ""}, "InvalidExecutionInput"),
        ({"input": json.dumps("é" * 131_072, ensure_ascii=False)}, "InvalidExecutionInput"),
        ({"stateMachineArn": "play"}, "InvalidArn"),
        ({"stateMachineArn": f"{ARN}/label"}, "ValidationException"),
        ({"stateMachineArn": f"{ARN}:7"}, "StateMachineDoesNotExist"),
        ({"stateMachineArn": f"{ARN}:PROD"}, "StateMachineDoesNotExist"),
        ({"stateMachineArn": f"{ARN}s"}, "StateMachineDoesNotExist"),
    ],
)
def test_what_cannot_be_started(wire: Wire, changed: Json, code: str):
    wire.made(WORK)
    assert refusal(wire.client.start_execution, **{"stateMachineArn": ARN, **changed})[0] == code
    assert wire.client.list_executions(stateMachineArn=ARN)["executions"] == []


def test_it_keeps_the_revision_that_it_began_with(wire: Wire):
    wire.made(WORK)
    wire.client.start_execution(stateMachineArn=ARN, name="old")
    wire.client.update_state_machine(stateMachineArn=ARN, definition=json.dumps(machine(C={"Type": "Pass"})))
    wire.client.start_execution(stateMachineArn=ARN, name="new")
    of = wire.client.describe_state_machine_for_execution
    old, new = (of(executionArn=f"{RUN}:{name}") for name in ("old", "new"))
    assert json.loads(old["definition"]) == WORK and "revisionId" not in old
    assert "C" in new["definition"] and new["revisionId"]
    wire.client.delete_state_machine(stateMachineArn=ARN)
    assert json.loads(of(executionArn=f"{RUN}:old")["definition"]) == WORK


def test_one_that_is_stopped_says_why(wire: Wire):
    wire.made(WORK)
    wire.client.start_execution(stateMachineArn=ARN, name="one")
    stopped = wire.client.stop_execution(executionArn=f"{RUN}:one", error="Enough", cause="of it")
    found = wire.client.describe_execution(executionArn=f"{RUN}:one")
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "of it")
    assert found["stopDate"] == stopped["stopDate"]
    again = wire.client.stop_execution(executionArn=f"{RUN}:one", error="Other")
    assert again["stopDate"] == stopped["stopDate"]
    assert wire.client.describe_execution(executionArn=f"{RUN}:one")["error"] == "Enough"
    events = wire.client.get_execution_history(executionArn=f"{RUN}:one")["events"]
    assert events[-1]["executionAbortedEventDetails"] == {"error": "Enough", "cause": "of it"}


@pytest.mark.parametrize("operation", ["describe_execution", "stop_execution", "get_execution_history"])
def test_one_that_is_not_there(wire: Wire, operation: str):
    act = getattr(wire.client, operation)
    for name in ("one", str(uuid.uuid4())):
        arn = f"{RUN}:{name}"
        assert refusal(act, executionArn=arn) == ("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    assert refusal(act, executionArn=ARN)[0] == "InvalidArn"
    assert refusal(act, executionArn=f"{RUN}:a:b")[0] == "InvalidArn"


def test_they_are_listed_newest_first_a_page_at_a_time(wire: Wire):
    wire.made(WORK)
    for name in ("a", "b", "c"):
        wire.client.start_execution(stateMachineArn=ARN, name=name)
    wire.client.stop_execution(executionArn=f"{RUN}:b")
    pages = list(
        wire.client.get_paginator("list_executions").paginate(stateMachineArn=ARN, PaginationConfig={"PageSize": 2})
    )
    assert [[one["name"] for one in page["executions"]] for page in pages] == [["c", "b"], ["a"]]
    assert [one["status"] for one in pages[0]["executions"]] == ["RUNNING", "ABORTED"]

    def names(**filters: str) -> list[str]:
        found = wire.client.list_executions(stateMachineArn=ARN, **filters)
        return [one["name"] for one in found["executions"]]

    assert names(statusFilter="RUNNING") == ["c", "a"]
    assert names(statusFilter="FAILED") == []
    assert names(redriveFilter="NOT_REDRIVEN") == ["c", "b", "a"]
    assert names(redriveFilter="REDRIVEN") == []


def test_what_cannot_be_listed(wire: Wire):
    wire.made(WORK)
    wire.made(WORK, "quick", type="EXPRESS")
    listed = wire.client.list_executions
    assert refusal(listed)[0] == "ValidationException"
    map_run = "arn:aws:states:us-east-1:123456789012:mapRun:play/label:x"
    assert refusal(listed, stateMachineArn=ARN, mapRunArn=map_run)[0] == "ValidationException"
    assert refusal(listed, mapRunArn=map_run)[0] == "ResourceNotFound"
    assert refusal(listed, stateMachineArn=ARN, statusFilter="PENDING_REDRIVE")[0] == "ValidationException"
    assert refusal(listed, stateMachineArn=f"{ARN}s")[0] == "StateMachineDoesNotExist"
    quick = ARN.replace(":play", ":quick")
    assert refusal(listed, stateMachineArn=quick)[0] == "StateMachineTypeNotSupported"


def test_what_rest_has_started_is_an_execution_too(wire: Wire):
    identity = wire.stage.start(steps("step1"))
    found = wire.client.describe_execution(executionArn=f"{RUN}:{identity}")
    assert (found["status"], found["name"]) == ("RUNNING", identity)
    assert [one["name"] for one in wire.client.list_executions(stateMachineArn=ARN)["executions"]] == [identity]


def test_a_task_token_is_answered(wire: Wire):
    asks = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 900,
        "End": True,
    }
    arn = wire.made({"StartAt": "Ask", "States": {"Ask": asks}})

    def new_token() -> str:
        wire.client.start_execution(stateMachineArn=arn)
        wire.stage.run()
        return wire.stage.script.events[-1][1]["token"]

    token = new_token()
    wire.client.send_task_heartbeat(taskToken=token)
    assert refusal(wire.client.send_task_success, taskToken=token, output="{")[0] == "InvalidOutput"
    wire.client.send_task_success(taskToken=token, output='{"yes":true}')
    newest = wire.client.list_executions(stateMachineArn=arn)["executions"][0]
    found = wire.client.describe_execution(executionArn=newest["executionArn"])
    assert (found["status"], found["output"]) == ("SUCCEEDED", '{"yes":true}')
    assert refusal(wire.client.send_task_heartbeat, taskToken=token)[0] == "TaskTimedOut"
    assert refusal(wire.client.send_task_success, taskToken=token, output="{}")[0] == "TaskTimedOut"
    wire.client.send_task_failure(taskToken=new_token(), error="No", cause="way")
    newest = wire.client.list_executions(stateMachineArn=arn)["executions"][0]
    found = wire.client.describe_execution(executionArn=newest["executionArn"])
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "No", "way")
    for act in (wire.client.send_task_heartbeat, wire.client.send_task_failure):
        assert refusal(act, taskToken="garbled") == ("InvalidToken", "Invalid Token: 'garbled'")
    events = wire.client.get_execution_history(executionArn=newest["executionArn"])["events"]
    scheduled = events[2]["taskScheduledEventDetails"]
    assert (scheduled["resourceType"], scheduled["resource"]) == ("lambda", "invoke.waitForTaskToken")
    parameters = json.loads(scheduled["parameters"])
    assert parameters["FunctionName"] == "step1" and parameters["Payload"]["token"]
    assert scheduled["timeoutInSeconds"] == 900
    kinds = ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed", "ExecutionFailed"]
    assert [one["type"] for one in events[2:]] == kinds
    submitted = json.loads(events[4]["taskSubmittedEventDetails"]["output"])
    assert (submitted["Payload"], submitted["StatusCode"]) == ("step1", 200)


def test_history_is_told_in_awss_words(wire: Wire):
    wire.stage.script.let("step1", returns({"b": 2}))
    found = wire.ran(machine(A=task("step1", TimeoutSeconds=9), B={"Type": "Pass"}), {"a": 1}, name="play")
    events = wire.client.get_execution_history(executionArn=found["executionArn"])["events"]
    whole = {"truncated": False}
    assert [(one["id"], one["previousEventId"], one["type"]) for one in events] == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "TaskStateEntered"),
        (3, 2, "LambdaFunctionScheduled"),
        (4, 3, "LambdaFunctionStarted"),
        (5, 4, "LambdaFunctionSucceeded"),
        (6, 5, "TaskStateExited"),
        (7, 6, "PassStateEntered"),
        (8, 7, "PassStateExited"),
        (9, 8, "ExecutionSucceeded"),
    ]
    assert events[0]["executionStartedEventDetails"]["input"] == '{"a": 1}'
    assert events[1]["stateEnteredEventDetails"] == {"name": "A", "input": '{"a":1}', "inputDetails": whole}
    assert events[2]["lambdaFunctionScheduledEventDetails"] == {
        "resource": "arn:aws:lambda:us-east-1:123456789012:function:step1",
        "input": '{"a":1}',
        "inputDetails": whole,
        "timeoutInSeconds": 9,
    }
    assert events[4]["lambdaFunctionSucceededEventDetails"] == {"output": '{"b":2}', "outputDetails": whole}
    assert events[5]["stateExitedEventDetails"] == {"name": "A", "output": '{"b":2}', "outputDetails": whole}
    assert events[6]["stateEnteredEventDetails"] == {"name": "B", "input": '{"b":2}', "inputDetails": whole}
    assert events[8]["executionSucceededEventDetails"] == {"output": '{"b":2}', "outputDetails": whole}
    bare = wire.client.get_execution_history(executionArn=found["executionArn"], includeExecutionData=False)["events"]
    assert '"b"' not in json.dumps(bare, default=str) and len(bare) == len(events)


def test_history_tells_of_a_function_that_is_invoked_by_its_name(wire: Wire):
    call = {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:step1", "Payload": {"a": 1}}
    found = wire.ran(machine(A=task("arn:aws:states:::lambda:invoke", Parameters=call)))
    events = wire.client.get_execution_history(executionArn=found["executionArn"])["events"]
    kinds = ["TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"]
    assert [one["type"] for one in events[2:6]] == kinds
    parameters = json.loads(events[2]["taskScheduledEventDetails"]["parameters"])
    assert parameters == call
    output = events[4]["taskSucceededEventDetails"]["output"]
    assert json.loads(output)["Payload"] == "step1"
    assert events[5]["stateExitedEventDetails"]["output"] == output == found["output"]


def test_history_tells_of_maps_and_variables(wire: Wire):
    """The event before an item's first state is that item's start."""
    each = {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "Assign": {"n.$": "$"}, "End": True}}}
    for most in (0, 1):
        definition = machine(All={"Type": "Map", "ItemProcessor": each, "MaxConcurrency": most})
        found = wire.ran(definition, [10, 20, 30], name=f"play{most}")
        arn = found["executionArn"]
        whole = wire.client.get_execution_history(executionArn=arn)["events"]
        pages = wire.client.get_paginator("get_execution_history").paginate(
            executionArn=arn, PaginationConfig={"PageSize": 4}
        )
        assert [one for page in pages for one in page["events"]] == whole
        by_id = {one["id"]: one for one in whole}
        entered = [one for one in whole if one.get("stateEnteredEventDetails", {}).get("name") == "Each"]
        begun = [by_id[one["previousEventId"]]["mapIterationStartedEventDetails"] for one in entered]
        assert begun == [{"name": "All", "index": index} for index in range(3)]
        assert {"type": "MapStateStarted", "mapStateStartedEventDetails": {"length": 3}}.items() <= whole[2].items()
        left = [one for one in whole if one.get("stateExitedEventDetails", {}).get("name") == "Each"]
        assigned = [one["stateExitedEventDetails"]["assignedVariables"] for one in left]
        assert assigned == [{"n": "10"}, {"n": "20"}, {"n": "30"}]


def test_history_is_the_same_by_pages_and_backwards(wire: Wire):
    branch = machine(X=task("step1"), Y={"Type": "Pass"})
    inner = machine(Z=task("step2"), W={"Type": "Wait", "Seconds": 1})
    found = wire.ran(machine(Fan=parallel(branch, inner), End={"Type": "Succeed"}))
    arn = found["executionArn"]
    whole = wire.client.get_execution_history(executionArn=arn)["events"]
    assert whole[-1]["type"] == "ExecutionSucceeded" and len(whole) > 15
    for size in (1, 2, 5):
        for reverse in (False, True):
            pages = wire.client.get_paginator("get_execution_history").paginate(
                executionArn=arn, reverseOrder=reverse, PaginationConfig={"PageSize": size}
            )
            events = [one for page in pages for one in page["events"]]
            assert (events[::-1] if reverse else events) == whole
    by_id = {one["id"]: one for one in whole}
    entered = {one["stateEnteredEventDetails"]["name"]: one for one in whole if "stateEnteredEventDetails" in one}
    started = by_id[entered["X"]["previousEventId"]]
    assert started["type"] == by_id[entered["Z"]["previousEventId"]]["type"] == "ParallelStateStarted"
    assert by_id[entered["Y"]["previousEventId"]]["stateExitedEventDetails"]["name"] == "X"
    joined = next(one for one in whole if one["type"] == "ParallelStateSucceeded")
    assert "stateExitedEventDetails" in by_id[joined["previousEventId"]]


def test_history_of_what_is_tried_again_is_the_same_by_pages(wire: Wire):
    again = {"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 1}]}
    ends = machine(Ask=task("step1"), No={"Type": "Fail", "Error": "E"})
    rests, sleeps = (machine(**{name: {"Type": "Wait", "Seconds": 60}}) for name in ("Rest", "Sleep"))
    fan = parallel(ends, rests, machine(Deep=parallel(sleeps)))
    each = machine(Fan=fan | again)
    definition = machine(All={"Type": "Map", "ItemProcessor": each, "MaxConcurrency": 2, **again})
    found = wire.ran(definition, [1, 2, 3])
    assert (found["status"], found["error"]) == ("FAILED", "E")
    whole = wire.client.get_execution_history(executionArn=found["executionArn"], maxResults=1_000)["events"]
    kinds = Counter(one["type"] for one in whole)
    assert (kinds["MapStateStarted"], kinds["MapStateFailed"], kinds["MapIterationFailed"]) == (2, 1, 2)
    assert kinds["MapIterationAborted"] == 2 and kinds["ParallelStateAborted"] >= 4
    for size in (1, 3, 7):
        pages = wire.client.get_paginator("get_execution_history").paginate(
            executionArn=found["executionArn"], PaginationConfig={"PageSize": size}
        )
        assert [one for page in pages for one in page["events"]] == whole


def test_a_paginator_sees_each_of_thousands_once(wire: Wire):
    identity = wire.stage.start(steps("step1"))
    with database.connection_context():
        row = Execution.select().where(Execution.id == identity).dicts().get()
        copies = [row | {"id": str(uuid.UUID(int=uuid.UUID(identity).int - (n << 20)))} for n in range(1, 2_000)]
        for first in range(0, len(copies), 500):
            Execution.insert_many(copies[first : first + 500]).execute()
    pages = wire.client.get_paginator("list_executions").paginate(
        stateMachineArn=ARN, PaginationConfig={"PageSize": 300}
    )
    names = [one["name"] for page in pages for one in page["executions"]]
    assert names == [identity, *(one["id"] for one in copies)]
