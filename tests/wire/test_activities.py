from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from stepwell.runtime.aws.step_functions import activities
from tests.runtime.stage import machine, parallel, task
from tests.services import until
from tests.wire.client import Wire, client_of, refusal

Json = Any

ARN = "arn:aws:states:us-east-1:123456789012:activity:dig"
DIG = machine(A=task(ARN, TimeoutSeconds=600), B={"Type": "Pass"})


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends an empty poll soon."""
    monkeypatch.setattr(activities, "POLL_SECONDS", 0.5)


@pytest.fixture
def dig(wire: Wire) -> Wire:
    """An activity, and a state machine with one task for it."""
    wire.client.create_activity(name="dig")
    wire.made(DIG)
    return wire


def begun(wire: Wire, input: Json = None) -> str:
    """Starts an execution and lets it wait for a worker; returns its ARN."""
    arn = ARN.replace("activity:dig", "stateMachine:play")
    return str(wire.client.start_execution(stateMachineArn=arn, input=json.dumps(input or {}))["executionArn"])


def ended(wire: Wire, arn: str) -> Json:
    return wire.client.describe_execution(executionArn=arn)


def test_an_activity_from_its_making_to_its_end(wire: Wire):
    made = wire.client.create_activity(name="dig", tags=[{"key": "a", "value": "1"}])
    assert made["activityArn"] == ARN
    assert wire.client.create_activity(name="dig")["creationDate"] == made["creationDate"]
    found = wire.client.describe_activity(activityArn=ARN)
    assert (found["name"], found["creationDate"]) == ("dig", made["creationDate"])
    assert found["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}
    wire.client.tag_resource(resourceArn=ARN, tags=[{"key": "b", "value": "2"}])
    assert [one["key"] for one in wire.client.list_tags_for_resource(resourceArn=ARN)["tags"]] == ["a", "b"]
    for _ in range(2):
        wire.client.delete_activity(activityArn=ARN)
    gone = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{ARN}'")
    assert refusal(wire.client.describe_activity, activityArn=ARN) == gone
    assert refusal(wire.client.get_activity_task, activityArn=ARN) == gone


def test_activities_are_listed_by_name(wire: Wire):
    for name in ("c", "a", "b"):
        wire.client.create_activity(name=name)
    pages = wire.client.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2})
    assert [[one["name"] for one in page["activities"]] for page in pages] == [["a", "b"], ["c"]]


def test_what_is_no_activity(wire: Wire):
    assert refusal(wire.client.create_activity, name="a b") == ("InvalidName", "Invalid Name: 'a b'")
    assert refusal(wire.client.describe_activity, activityArn="x")[0] == "InvalidArn"
    wire.client.create_activity(name="dig")
    key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}
    error = refusal(wire.client.create_activity, name="dig", encryptionConfiguration=key)
    assert error[0] == "ActivityAlreadyExists"


def test_a_worker_fetches_a_task_and_answers_it(dig: Wire):
    arn = begun(dig, {"depth": 3})
    dig.stage.run()
    fetched = dig.client.get_activity_task(activityArn=ARN, workerName="mole")
    assert fetched["input"] == '{"depth":3}'
    dig.client.send_task_heartbeat(taskToken=fetched["taskToken"])
    assert "taskToken" not in dig.client.get_activity_task(activityArn=ARN)
    dig.client.send_task_success(taskToken=fetched["taskToken"], output='"gold"')
    found = ended(dig, arn)
    assert (found["status"], found["output"]) == ("SUCCEEDED", '"gold"')
    assert refusal(dig.client.send_task_success, taskToken=fetched["taskToken"], output="{}")[0] == "TaskTimedOut"
    events = dig.client.get_execution_history(executionArn=arn)["events"]
    kinds = ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert [one["type"] for one in events[2:5]] == kinds
    scheduled = events[2]["activityScheduledEventDetails"]
    assert (scheduled["resource"], scheduled["input"], scheduled["timeoutInSeconds"]) == (ARN, '{"depth":3}', 600)
    assert events[3]["activityStartedEventDetails"] == {"workerName": "mole"}
    assert events[4]["activitySucceededEventDetails"]["output"] == '"gold"'


def test_a_worker_waits_for_a_task_that_is_not_there_yet(dig: Wire, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(activities, "POLL_SECONDS", 30)
    fetched: list[Json] = []
    worker = threading.Thread(target=lambda: fetched.append(dig.client.get_activity_task(activityArn=ARN)))
    worker.start()
    begun(dig)
    worker.join(30)
    assert fetched[0]["taskToken"]


def test_each_task_goes_to_one_worker(dig: Wire):
    for number in range(6):
        begun(dig, {"n": number})
    inputs: list[str] = []

    def work(client: Any) -> None:
        while "taskToken" in (found := client.get_activity_task(activityArn=ARN)):
            inputs.append(found["input"])

    workers = [threading.Thread(target=work, args=(client_of(dig.url),)) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sorted(inputs) == [f'{{"n":{number}}}' for number in range(6)]


def test_a_poll_beyond_the_places_is_answered_at_once(dig: Wire, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(activities, "POLL_SECONDS", 30)
    with ExitStack() as polls:
        while polls.enter_context(dig.stage.runtime.waiting.place_of_poll()):
            pass
        assert "taskToken" not in dig.client.get_activity_task(activityArn=ARN)


def test_a_task_that_nobody_answers_is_timed_out_and_its_retry_goes_to_another_worker(wire: Wire):
    wire.client.create_activity(name="dig")
    again = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    wire.made(machine(A=task(ARN, TimeoutSeconds=600, Retry=again)))
    arn = begun(wire)
    first = wire.client.get_activity_task(activityArn=ARN)
    identity = arn.rpartition(":")[2]
    wire.stage.set(wire.stage.task(identity), deadline_at=1)
    wire.stage.tasks.sweep()
    assert "taskToken" not in wire.client.get_activity_task(activityArn=ARN)
    wire.stage.fire_timers()
    second = wire.client.get_activity_task(activityArn=ARN)
    assert second["taskToken"] != first["taskToken"]
    assert refusal(wire.client.send_task_success, taskToken=first["taskToken"], output="{}")[0] == "InvalidToken"
    wire.client.send_task_success(taskToken=second["taskToken"], output="{}")
    assert ended(wire, arn)["status"] == "SUCCEEDED"
    kinds = [one["type"] for one in wire.client.get_execution_history(executionArn=arn)["events"]]
    assert "ActivityTimedOut" in kinds and kinds.count("ActivityScheduled") == kinds.count("ActivityStarted") == 2


def test_the_time_of_a_task_runs_while_it_waits_for_a_worker(dig: Wire):
    arn = begun(dig)
    dig.stage.set(dig.stage.task(arn.rpartition(":")[2]), deadline_at=1)
    dig.stage.tasks.sweep()
    found = ended(dig, arn)
    assert (found["status"], found["error"]) == ("FAILED", "States.Timeout")


def test_no_worker_of_ours_is_notified_of_it(dig: Wire):
    begun(dig)
    assert dig.stage.take_queued() == []
    dig.stage.tasks.sweep()
    assert dig.stage.tasks.unclaimed({}) == []


def test_a_paused_execution_hands_nothing_out(dig: Wire):
    identity = begun(dig).rpartition(":")[2]
    dig.stage.executions.pause(identity)
    assert "taskToken" not in dig.client.get_activity_task(activityArn=ARN)
    dig.stage.executions.resume(identity)
    assert "taskToken" in dig.client.get_activity_task(activityArn=ARN)


def test_what_is_cancelled_is_not_handed_out(dig: Wire):
    arn = begun(dig)
    token = dig.client.get_activity_task(activityArn=ARN)["taskToken"]
    other = begun(dig)
    for one in (arn, other):
        dig.client.stop_execution(executionArn=one)
    assert "taskToken" not in dig.client.get_activity_task(activityArn=ARN)
    assert refusal(dig.client.send_task_heartbeat, taskToken=token)[0] == "TaskTimedOut"


def test_it_may_stand_behind_another_task_and_in_a_branch(wire: Wire):
    wire.client.create_activity(name="dig")
    wire.made(machine(A=task("step1"), Fan=parallel(machine(B=task(ARN)), machine(C=task("step2")))))
    arn = begun(wire)
    wire.stage.run()
    fetched = wire.client.get_activity_task(activityArn=ARN)
    assert fetched["input"] == '"step1"'
    wire.client.send_task_failure(taskToken=fetched["taskToken"], error="Rock", cause="hard")
    found = ended(wire, arn)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Rock", "hard")


def test_a_deleted_activitys_tasks_go_on_waiting(dig: Wire):
    arn = begun(dig)
    dig.client.delete_activity(activityArn=ARN)
    dig.client.create_activity(name="dig")
    token = dig.client.get_activity_task(activityArn=ARN)["taskToken"]
    dig.client.send_task_success(taskToken=token, output="1")
    until(lambda: ended(dig, arn)["status"] == "SUCCEEDED", "it ends")


@pytest.mark.no_rows
def test_an_express_one_has_no_activities(wire: Wire):
    given = {"name": "play", "definition": json.dumps(DIG), "roleArn": "arn:aws:iam::123456789012:role/r"}
    error = refusal(wire.client.create_state_machine, **given, type="EXPRESS")
    assert error[0] == "InvalidDefinition" and "does not support" in error[1]


ABSENT = "The activity ARN does not exist."


def test_a_task_of_an_activity_that_is_not_there_fails_as_soon_as_it_is_entered(wire: Wire):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]
    ask = task("arn:aws:states:us-east-1:123456789012:activity:none", Catch=catch)
    whole = machine(A={"Type": "Pass"}, C=ask, B={"Type": "Pass"})
    found = wire.ran(whole)
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
    assert found["cause"].endswith(ABSENT)
    events = wire.client.get_execution_history(executionArn=found["executionArn"])["events"]
    assert [one["type"] for one in events][-2:] == ["TaskStateEntered", "ExecutionFailed"]


def test_an_activity_that_is_deleted_meanwhile_is_not_there(wire: Wire):
    arn = wire.client.create_activity(name="ask")["activityArn"]
    whole = machine(A=task("step1"), B=parallel(machine(C=task(arn)), machine(D={"Type": "Pass"})))
    wire.made(whole)
    machine_arn = "arn:aws:states:us-east-1:123456789012:stateMachine:play"
    started = [wire.client.start_execution(stateMachineArn=machine_arn)["executionArn"] for _ in range(2)]
    first, second = wire.stage.take_queued()
    wire.stage.work.run(first)
    wire.client.delete_activity(activityArn=arn)
    wire.stage.work.run(second)
    found = [wire.client.describe_execution(executionArn=one) for one in started]
    assert sorted(one["status"] for one in found) == ["FAILED", "RUNNING"]
    wire.client.create_activity(name="ask")
    failed = next(one["executionArn"] for one in found if one["status"] == "FAILED")
    wire.client.redrive_execution(executionArn=failed)
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=failed)["status"] == "RUNNING"
    assert wire.client.get_activity_task(activityArn=arn)["taskToken"]
