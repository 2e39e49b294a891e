from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.db.database import database
from stepwell.db.models import Execution, Timer
from stepwell.db.values import DueTimer
from stepwell.runtime import crashpoints
from tests.runtime.stage import WITH_TOKEN, at_once, machine, parallel, raises, returns, steps, task
from tests.wire.client import Wire, refusal

Json = Any

THREE = machine(A=task("step1"), B=task("flaky"), C=task("step2"))
RETRIED = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 1, "MaxAttempts": 1}]


def events_of(wire: Wire, arn: str) -> list[Json]:
    return list(wire.client.get_execution_history(executionArn=arn)["events"])


def test_goes_on_in_the_state_that_failed_and_keeps_what_succeeded(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom", "it broke"), returns("well"))
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
    wire.stage.run()
    found = wire.client.describe_execution(executionArn=arn)
    assert (found["status"], found["output"], found["startDate"]) == ("SUCCEEDED", '"step2"', failed["startDate"])
    assert [name for name, _ in wire.stage.script.events] == ["step1", "flaky", "flaky", "step2"]
    kinds = [one["type"] for one in events_of(wire, arn)]
    at = kinds.index("ExecutionRedriven")
    assert kinds[at - 1 : at + 2] == ["ExecutionFailed", "ExecutionRedriven", "LambdaFunctionScheduled"]
    assert events_of(wire, arn)[at]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    machine_arn = found["stateMachineArn"]
    listed = wire.client.list_executions(stateMachineArn=machine_arn, redriveFilter="REDRIVEN")["executions"]
    assert [one["redriveCount"] for one in listed] == [1]
    assert wire.stage.attempts(arn.rpartition(":")[2]) == [
        (1, 1, "COMPLETED"),
        (2, 1, "FAILED"),
        (3, 1, "COMPLETED"),
        (4, 1, "COMPLETED"),
    ]


def test_its_retries_are_counted_anew(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom"), raises("Boom"), raises("Boom"), returns("well"))
    arn = wire.ran(machine(A=task("flaky", Retry=RETRIED)))["executionArn"]
    wire.client.redrive_execution(executionArn=arn)
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"


def test_a_step_list_goes_on_too(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom"), returns("well"))
    identity = wire.stage.start(steps("step1", "flaky", "step2", retry={"maxAttempts": 1}))
    wire.stage.run()
    assert wire.stage.statuses(identity) == ["COMPLETED", "FAILED", "CANCELLED"]
    wire.client.redrive_execution(executionArn=f"arn:aws:states:us-east-1:123456789012:execution:play:{identity}")
    assert wire.stage.statuses(identity) == ["COMPLETED", "FAILED", "PENDING", "QUEUED"]
    failed, again = wire.stage.task(identity, 2), wire.stage.task(identity, 4)
    assert (again.step, again.function, again.data, again.attempt) == (failed.step, failed.function, failed.data, 0)
    wire.stage.run()
    assert wire.stage.statuses(identity) == ["COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
    assert wire.stage.status(identity) == "COMPLETED"


def test_a_group_of_a_step_list_goes_on_in_the_step_that_failed(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom"), returns("well"))
    group = {"parallel": [{"taskName": "step1"}, {"taskName": "flaky", "retry": {"maxAttempts": 1}}]}
    identity = wire.stage.start({"steps": [group, {"taskName": "step2"}]})
    wire.stage.run()
    wire.client.redrive_execution(executionArn=f"arn:aws:states:us-east-1:123456789012:execution:play:{identity}")
    wire.stage.run()
    assert wire.stage.status(identity) == "COMPLETED"
    assert [name for name, _ in wire.stage.script.events] == ["step1", "flaky", "flaky", "step2"]
    assert wire.stage.script.events[-1][1]["results"] == {"step1": "step1", "flaky": "well"}


def test_of_a_parallel_state_only_the_branch_that_failed_goes_on(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom"), returns("well"))
    arn = wire.ran(machine(Fan=parallel(machine(A=task("step1")), machine(B=task("flaky")))))["executionArn"]
    before = len(events_of(wire, arn))
    wire.client.redrive_execution(executionArn=arn)
    wire.stage.run()
    found = wire.client.describe_execution(executionArn=arn)
    assert (found["status"], found["output"]) == ("SUCCEEDED", '["step1","well"]')
    assert wire.stage.left_open(arn.rpartition(":")[2]) == []
    assert [name for name, _ in wire.stage.script.events] == ["step1", "flaky", "flaky"]
    assert [one["type"] for one in events_of(wire, arn)[before:]] == [
        "ExecutionRedriven",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "ParallelStateSucceeded",
        "ParallelStateExited",
        "ExecutionSucceeded",
    ]


def test_of_an_inline_map_only_the_items_that_failed_go_on(wire: Wire):
    failed: list[Json] = []

    def once(event: Json) -> Any:
        if event in (2, 3) and event not in failed:
            failed.append(event)
            return raises("Boom")
        return returns(event * 10)

    wire.stage.script.let("flaky", once)
    each = {"Type": "Map", "MaxConcurrency": 1, "ItemsPath": "$.n", "ItemProcessor": machine(I=task("flaky"))}
    arn = wire.ran(machine(All=each), {"n": [1, 2, 3, 4]})["executionArn"]
    for _ in failed, failed:
        wire.client.redrive_execution(executionArn=arn)
        wire.stage.run()
    assert wire.client.describe_execution(executionArn=arn)["output"] == "[10,20,30,40]"
    assert [event for _, event in wire.stage.script.events] == [1, 2, 2, 3, 3, 4]


def test_one_that_timed_out_has_its_time_anew(wire: Wire):
    definition = machine(A=task("step1"), W={"Type": "Wait", "Seconds": 60}, B=task("step2")) | {"TimeoutSeconds": 9}
    run = wire.client.start_execution(stateMachineArn=wire.made(definition))["executionArn"]
    identity = run.rpartition(":")[2]
    wire.stage.work.run(wire.stage.take_queued()[0])
    wire.stage.executions.fire(DueTimer(identity, "", 0, 0, "execution"))
    assert wire.client.describe_execution(executionArn=run)["status"] == "TIMED_OUT"
    wire.client.redrive_execution(executionArn=run)
    with database.connection_context():
        waiting = list(Timer.select().where(Timer.kind == "wait"))
        assert len(waiting) == 1 and Timer.select().where(Timer.kind == "execution").count() == 1
        Timer.delete().where(Timer.kind == "execution").execute()
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=run)["status"] == "SUCCEEDED"
    assert [name for name, _ in wire.stage.script.events] == ["step1", "step2"]


def test_a_retry_that_was_waited_for_is_not_waited_for_again(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom"), returns("well"))
    run = wire.client.start_execution(stateMachineArn=wire.made(machine(A=task("flaky", Retry=RETRIED))))[
        "executionArn"
    ]
    wire.stage.work.run(wire.stage.take_queued()[0])
    wire.client.stop_execution(executionArn=run)
    wire.client.redrive_execution(executionArn=run)
    assert len(wire.stage.take_queued()) == 1
    assert wire.stage.statuses(run.rpartition(":")[2]) == ["CANCELLED", "QUEUED"]


def test_a_token_of_before_answers_nothing(wire: Wire):
    waits = task(WITH_TOKEN, Parameters={"FunctionName": "step1", "Payload": {"t.$": "$$.Task.Token"}})
    run = wire.client.start_execution(stateMachineArn=wire.made(machine(A=waits)))["executionArn"]
    wire.stage.run()
    wire.client.stop_execution(executionArn=run)
    wire.client.redrive_execution(executionArn=run)
    wire.stage.run()
    old, new = (event["t"] for _, event in wire.stage.script.events)
    assert refusal(wire.client.send_task_success, taskToken=old, output="1")[0] == "TaskTimedOut"
    wire.client.send_task_success(taskToken=new, output="2")
    assert wire.client.describe_execution(executionArn=run)["output"] == "2"


def test_one_that_is_paused_is_not_queued(wire: Wire):
    run = wire.client.start_execution(stateMachineArn=wire.made(THREE))["executionArn"]
    identity = run.rpartition(":")[2]
    wire.stage.executions.pause(identity)
    wire.client.stop_execution(executionArn=run)
    wire.stage.take_queued()
    wire.client.redrive_execution(executionArn=run)
    assert wire.stage.take_queued() == []
    wire.stage.executions.resume(identity)
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=run)["status"] == "SUCCEEDED"


def test_two_at_once_are_one(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom"), returns("well"))
    arn = wire.ran(THREE)["executionArn"]

    def redrive() -> str:
        try:
            wire.client.redrive_execution(executionArn=arn)
        except wire.client.exceptions.ExecutionNotRedrivable:
            return "refused"
        return "redriven"

    assert sorted(at_once(redrive, redrive, redrive)) == ["redriven", "refused", "refused"]
    assert wire.client.describe_execution(executionArn=arn)["redriveCount"] == 1


def test_the_same_request_twice_at_once_is_answered_alike(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom"))
    arn = wire.ran(THREE)["executionArn"]

    def redrive() -> object:
        return wire.client.redrive_execution(executionArn=arn, clientToken="once")["redriveDate"]

    first, *others = at_once(redrive, redrive, redrive)
    assert others == [first, first]
    assert wire.client.describe_execution(executionArn=arn)["redriveCount"] == 1


def test_a_request_that_comes_twice_redrives_once_even_if_the_first_has_ended_already(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
):
    wire.stage.script.let("flaky", raises("Boom"))
    arn = wire.ran(THREE)["executionArn"]
    redrive = wire.stage.executions.redrive

    def overtaken(identity: str, key: str | None) -> bool:
        monkeypatch.setattr(wire.stage.executions, "redrive", redrive)
        wire.client.redrive_execution(executionArn=arn, clientToken="once")
        wire.stage.run()
        return redrive(identity, key)

    monkeypatch.setattr(wire.stage.executions, "redrive", overtaken)
    wire.client.redrive_execution(executionArn=arn, clientToken="once")
    described = wire.client.describe_execution(executionArn=arn)
    assert (described["redriveCount"], described["status"]) == (1, "FAILED")


def test_one_that_dies_before_its_commit_changes_nothing(wire: Wire):
    wire.stage.script.let("flaky", raises("Boom"), returns("well"))
    arn = wire.ran(THREE)["executionArn"]
    identity = arn.rpartition(":")[2]
    before = wire.stage.everything(identity)

    def die() -> None:
        raise RuntimeError("dead")

    crashpoints.arm("advance.before_commit", die)
    with pytest.raises(RuntimeError):
        wire.stage.executions.redrive(identity, f"redrive:{identity}:t")
    crashpoints.disarm()
    assert wire.stage.everything(identity) == before
    wire.client.redrive_execution(executionArn=arn, clientToken="t")
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"


def test_an_express_execution_cannot_be_redriven(wire: Wire):
    arn = wire.made(machine(A=task("step1")), type="EXPRESS")
    run = wire.client.start_execution(stateMachineArn=arn)["executionArn"]
    assert refusal(wire.client.redrive_execution, executionArn=run)[0] == "InvalidArn"
    name = f"arn:aws:states:us-east-1:123456789012:execution:play:{run.rpartition(':')[2]}"
    assert refusal(wire.client.redrive_execution, executionArn=name)[0] == "ExecutionDoesNotExist"


def test_one_that_was_stopped_goes_on(wire: Wire):
    arn = wire.made(THREE)
    run = wire.client.start_execution(stateMachineArn=arn, name="one")["executionArn"]
    wire.client.stop_execution(executionArn=run, error="Enough")
    for count in (1, 2):
        wire.client.redrive_execution(executionArn=run)
        assert wire.client.describe_execution(executionArn=run)["redriveCount"] == count
        wire.client.stop_execution(executionArn=run)
    wire.client.redrive_execution(executionArn=run)
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=run)["status"] == "SUCCEEDED"


def test_what_cannot_be_redriven(wire: Wire):
    redrive = wire.client.redrive_execution
    run = wire.client.start_execution(stateMachineArn=wire.made(THREE))["executionArn"]
    refused = "ExecutionNotRedrivable"
    assert refusal(redrive, executionArn=run) == (refused, "Execution is RUNNING and cannot be redriven")
    wire.stage.run()
    assert refusal(redrive, executionArn=run) == (refused, "Execution is SUCCEEDED and cannot be redriven")
    assert refusal(redrive, executionArn=f"{run}s")[0] == "ExecutionDoesNotExist"
    assert refusal(redrive, executionArn="x")[0] == "InvalidArn"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"finished_at": 1}, "Execution redrivable period exceeded"),
        ({"history_count": 24_999}, "Execution history event limit exceeded"),
        ({"created_at": 1}, "Execution has exceeded the max execution time"),
    ],
)
def test_what_cannot_be_redriven_any_more(wire: Wire, columns: Json, reason: str):
    wire.stage.script.let("step1", raises("Boom"))
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
    late = wire.stage.claim(identity)
    wire.client.stop_execution(executionArn=run)
    wire.client.redrive_execution(executionArn=run)
    before = wire.stage.everything(identity)
    wire.stage.succeed(late, "late")
    assert wire.stage.everything(identity) == before
    wire.stage.run()
    assert json.loads(wire.client.describe_execution(executionArn=run)["output"]) == "step2"
