from __future__ import annotations

import json
from typing import Any

import pytest

from db.database import database
from db.models import Execution
from tests.runtime.stage import machine, parallel, raises, returns, steps, task
from tests.wire.client import Wire, refusal

Json = Any

THREE = machine(A=task("step1"), B=task("flaky"), C=task("step2"))
RETRIED = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 1, "MaxAttempts": 1}]


def events_of(wire: Wire, arn: str) -> list[Json]:
    return list(wire.client.get_execution_history(executionArn=arn)["events"])


def test_goes_on_in_the_state_that_failed_and_keeps_what_succeeded(wire: Wire):
    wire.house.script.let("flaky", raises("Boom", "it broke"), returns("well"))
    failed = wire.ran(THREE)
    assert failed["status"] == "FAILED"
    arn = failed["executionArn"]
    redriven = wire.client.redrive_execution(executionArn=arn, clientToken="t")
    again = wire.client.redrive_execution(executionArn=arn, clientToken="t")
    assert again["redriveDate"] == redriven["redriveDate"]
    found = wire.client.describe_execution(executionArn=arn)
    assert (found["status"], found["redriveCount"]) == ("RUNNING", 1)
    assert found["redriveDate"] == redriven["redriveDate"]
    assert not {"stopDate", "error", "cause"} & found.keys()
    wire.house.run()
    found = wire.client.describe_execution(executionArn=arn)
    assert (found["status"], found["output"], found["startDate"]) == ("SUCCEEDED", '"step2"', failed["startDate"])
    assert [name for name, _ in wire.house.script.events] == ["step1", "flaky", "flaky", "step2"]
    kinds = [one["type"] for one in events_of(wire, arn)]
    at = kinds.index("ExecutionRedriven")
    assert kinds[at - 1 : at + 2] == ["ExecutionFailed", "ExecutionRedriven", "LambdaFunctionScheduled"]
    assert events_of(wire, arn)[at]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    machine_arn = found["stateMachineArn"]
    listed = wire.client.list_executions(stateMachineArn=machine_arn, redriveFilter="REDRIVEN")["executions"]
    assert [one["redriveCount"] for one in listed] == [1]
    assert wire.house.attempts(arn.rpartition(":")[2]) == [
        (1, 1, "COMPLETED"),
        (2, 1, "FAILED"),
        (2, 2, "COMPLETED"),
        (3, 1, "COMPLETED"),
    ]


def test_its_retries_are_counted_anew(wire: Wire):
    wire.house.script.let("flaky", raises("Boom"), raises("Boom"), raises("Boom"), returns("well"))
    arn = wire.ran(machine(A=task("flaky", Retry=RETRIED)))["executionArn"]
    wire.client.redrive_execution(executionArn=arn)
    wire.house.run()
    assert wire.client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"


def test_a_step_list_goes_on_too(wire: Wire):
    wire.house.script.let("flaky", raises("Boom"), returns("well"))
    identity = wire.house.start(steps("step1", "flaky", "step2", retry={"maxAttempts": 1}))
    wire.house.run()
    assert wire.house.statuses(identity) == ["COMPLETED", "FAILED", "CANCELLED"]
    wire.client.redrive_execution(executionArn=f"arn:aws:states:us-east-1:123456789012:execution:play:{identity}")
    assert wire.house.statuses(identity) == ["COMPLETED", "QUEUED", "PENDING"]
    wire.house.run()
    assert wire.house.statuses(identity) == ["COMPLETED", "COMPLETED", "COMPLETED"]
    assert wire.house.status(identity) == "COMPLETED"


def test_a_parallel_state_is_run_again_as_a_whole(wire: Wire):
    wire.house.script.let("flaky", raises("Boom"), returns("well"))
    arn = wire.ran(machine(Fan=parallel(machine(A=task("step1")), machine(B=task("flaky")))))["executionArn"]
    wire.client.redrive_execution(executionArn=arn)
    wire.house.run()
    found = wire.client.describe_execution(executionArn=arn)
    assert (found["status"], found["output"]) == ("SUCCEEDED", '["step1","well"]')
    assert wire.house.left_open(arn.rpartition(":")[2]) == []


def test_one_that_was_stopped_goes_on(wire: Wire):
    arn = wire.made(THREE)
    run = wire.client.start_execution(stateMachineArn=arn, name="one")["executionArn"]
    wire.client.stop_execution(executionArn=run, error="Enough")
    for count in (1, 2):
        wire.client.redrive_execution(executionArn=run)
        assert wire.client.describe_execution(executionArn=run)["redriveCount"] == count
        wire.client.stop_execution(executionArn=run)
    wire.client.redrive_execution(executionArn=run)
    wire.house.run()
    assert wire.client.describe_execution(executionArn=run)["status"] == "SUCCEEDED"


def test_what_cannot_be_redriven(wire: Wire):
    redrive = wire.client.redrive_execution
    run = wire.client.start_execution(stateMachineArn=wire.made(THREE))["executionArn"]
    refused = "ExecutionNotRedrivable"
    assert refusal(redrive, executionArn=run) == (refused, "Execution is RUNNING and cannot be redriven")
    wire.house.run()
    assert refusal(redrive, executionArn=run) == (refused, "Execution is SUCCEEDED and cannot be redriven")
    assert refusal(redrive, executionArn=f"{run}s")[0] == "ExecutionDoesNotExist"
    assert refusal(redrive, executionArn="x")[0] == "InvalidArn"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"finished_at": 1}, "Execution redrivable period exceeded"),
        ({"history_count": 24_999}, "Execution history event limit exceeded"),
    ],
)
def test_what_cannot_be_redriven_any_more(wire: Wire, columns: Json, reason: str):
    wire.house.script.let("step1", raises("Boom"))
    failed = wire.ran(THREE)
    with database.connection_context():
        Execution.update(columns).execute()
    arn = failed["executionArn"]
    assert refusal(wire.client.redrive_execution, executionArn=arn) == ("ExecutionNotRedrivable", reason)
    found = wire.client.describe_execution(executionArn=arn)
    assert (found["redriveStatus"], found["redriveStatusReason"]) == ("NOT_REDRIVABLE", reason)


def test_a_late_result_of_before_changes_nothing(wire: Wire):
    run = wire.client.start_execution(stateMachineArn=wire.made(THREE))["executionArn"]
    identity = run.rpartition(":")[2]
    late = wire.house.claim(identity)
    wire.client.stop_execution(executionArn=run)
    wire.client.redrive_execution(executionArn=run)
    before = wire.house.everything(identity)
    wire.house.succeed(late, "late")
    assert wire.house.everything(identity) == before
    wire.house.run()
    assert json.loads(wire.client.describe_execution(executionArn=run)["output"]) == "step2"
