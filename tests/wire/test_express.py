from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import Any

import pytest

from stepwell.db.database import database
from stepwell.db.models import Execution, History, Task
from tests.runtime.stage import machine, parallel, raises, returns, task
from tests.services import until
from tests.wire.client import Wire, refusal

Json = Any

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:play"
BRANCHES = machine(Fan=parallel(machine(A=task("step1")), machine(B=task("step2"))), End={"Type": "Succeed"})
RETRIED = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 1, "MaxAttempts": 2}]


def ran(wire: Wire, definition: Json, input: Json = None, **given: str) -> Json:
    arn = wire.made(definition, type="EXPRESS")
    return wire.client.start_sync_execution(stateMachineArn=arn, input=json.dumps(input or {}), **given)


def test_runs_to_its_end_and_leaves_no_row(wire: Wire):
    wire.stage.script.let("step1", returns({"a": 1}))
    ended = ran(wire, BRANCHES, {"x": 1}, name="one", traceHeader="Root=1")
    assert ended["executionArn"].startswith("arn:aws:states:us-east-1:123456789012:express:play:one:")
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", '[{"a":1},"step2"]')
    assert (ended["input"], ended["inputDetails"]) == ('{"x": 1}', {"included": True})
    assert (ended["name"], ended["stateMachineArn"], ended["traceHeader"]) == ("one", ARN, "Root=1")
    assert ended["startDate"] <= ended["stopDate"]
    assert ended["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0
    with database.connection_context():
        assert [one.select().count() for one in (Execution, Task, History)] == [0, 0, 0]
    again = wire.client.start_sync_execution(stateMachineArn=ARN, name="one", includedData="METADATA_ONLY")
    assert not {"input", "output"} & again.keys() and again["executionArn"] != ended["executionArn"]


def test_what_fails_is_answered_as_well(wire: Wire):
    wire.stage.script.let("step1", raises("Boom", "it broke"))
    ended = ran(wire, BRANCHES)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Boom", "it broke")
    assert "output" not in ended


def test_retries_waits_and_catches(wire: Wire):
    wire.stage.script.let("step1", raises("Boom"), returns("second"))
    wire.stage.script.let("step2", raises("Bang"))
    caught = [{"ErrorEquals": ["Bang"], "ResultPath": "$.error", "Next": "Pause"}]
    ended = ran(
        wire,
        machine(
            A=task("step1", Retry=RETRIED, ResultPath="$.a"),
            B=task("step2", Catch=caught),
            Pause={"Type": "Wait", "Seconds": 1},
        ),
    )
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {"a": "second", "error": {"Error": "Bang", "Cause": ""}}
    assert (ended["stopDate"] - ended["startDate"]).total_seconds() >= 2


def test_one_that_takes_too_long_is_timed_out(wire: Wire):
    ended = ran(wire, {**machine(A={"Type": "Wait", "Seconds": 60}), "TimeoutSeconds": 1})
    assert (ended["status"], ended["error"]) == ("TIMED_OUT", "States.Timeout")


def test_a_branch_that_fails_stops_its_siblings_handlers(wire: Wire):
    stopped = threading.Event()
    wire.stage.script.let("step1", lambda event: returns(stopped.wait(30)))
    wire.stage.script.let("step2", raises("Boom"))
    kill = wire.stage.script.kill
    wire.stage.script.kill = lambda key: stopped.set() or kill(key)
    assert ran(wire, BRANCHES)["error"] == "Boom"
    assert stopped.is_set() and len(wire.stage.script.killed) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"name": "a b"}, "InvalidName"),
        ({"stateMachineArn": f"{ARN}s"}, "StateMachineDoesNotExist"),
        ({"stateMachineArn": "x"}, "InvalidArn"),
    ],
)
def test_what_cannot_be_started(wire: Wire, given: Json, code: str):
    wire.made(BRANCHES, type="EXPRESS")
    assert refusal(wire.client.start_sync_execution, **{"stateMachineArn": ARN, **given})[0] == code


def test_a_standard_one_is_not_started_so(wire: Wire):
    error = refusal(wire.client.start_sync_execution, stateMachineArn=wire.made(BRANCHES))
    assert error[0] == "StateMachineTypeNotSupported"


def test_only_so_many_at_once(wire: Wire):
    wire.made(BRANCHES, type="EXPRESS")
    waiting = wire.stage.runtime.waiting
    with ExitStack() as places:
        for _ in range(waiting.most):
            places.enter_context(waiting.place(AssertionError("not all were free")))
        assert refusal(wire.client.start_sync_execution, stateMachineArn=ARN)[0] == "ThrottlingException"


def test_one_that_nobody_waits_for_is_one_task(wire: Wire):
    wire.made(BRANCHES, type="EXPRESS")
    arns = [wire.client.start_execution(stateMachineArn=ARN, name="one")["executionArn"] for _ in range(2)]
    assert len(set(arns)) == 2 and all(":express:play:one:" in arn for arn in arns)
    identities = [arn.rpartition(":")[2] for arn in arns]
    wire.stage.run()
    for identity in identities:
        assert wire.stage.status(identity) == "COMPLETED"
        assert wire.stage.output(identity) == ["step1", "step2"]
        assert [one.function for one in wire.stage.rows(identity)] == [":express"]
    error = refusal(wire.client.describe_execution, executionArn=arns[0])
    assert error == ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")


def test_a_lost_worker_means_that_it_runs_again_from_its_beginning(wire: Wire):
    wire.made(machine(A=task("step1"), B=task("step2")), type="EXPRESS")
    identity = wire.client.start_execution(stateMachineArn=ARN)["executionArn"].rpartition(":")[2]
    claim = wire.stage.claim(identity)
    wire.stage.set(wire.stage.task(identity), lease_until=1)
    wire.stage.another_worker().claims.sweep()
    wire.stage.run(wire.stage.another_worker())
    assert wire.stage.status(identity) == "COMPLETED"
    assert wire.stage.attempts(identity) == [(1, 1, "LOST"), (1, 2, "COMPLETED")]
    assert [name for name, _ in wire.stage.script.events] == ["step1", "step2"]
    assert claim.attempt == 1


def test_one_that_is_stopped_meanwhile_stops_its_handlers(wire: Wire):
    stopped = threading.Event()
    wire.stage.script.let("step1", lambda event: returns(stopped.wait(30)))
    kill = wire.stage.script.kill
    wire.stage.script.kill = lambda key: stopped.set() or kill(key)
    wire.made(machine(A=task("step1")), type="EXPRESS")
    identity = wire.client.start_execution(stateMachineArn=ARN)["executionArn"].rpartition(":")[2]
    working = threading.Thread(target=wire.stage.run)
    working.start()
    until(lambda: wire.stage.script.events, "the handler runs")
    wire.stage.executions.cancel(identity)
    wire.stage.work.heartbeat()
    working.join()
    assert wire.stage.status(identity) == "CANCELLED" and stopped.is_set()


@pytest.mark.parametrize("resource", ["arn:aws:states:::lambda:invoke.waitForTaskToken"])
def test_it_may_wait_for_nobody_outside(wire: Wire, resource: str):
    definition = machine(A=task(resource, Parameters={"FunctionName": "step1", "Payload": {}}))
    given = {"name": "play", "definition": json.dumps(definition), "roleArn": "arn:aws:iam::123456789012:role/r"}
    error = refusal(wire.client.create_state_machine, **given, type="EXPRESS")
    assert error[0] == "InvalidDefinition" and "Express state machine does not support" in error[1]
    assert wire.client.create_state_machine(**given)


STARTS = task(
    "arn:aws:states:::states:startExecution",
    Parameters={"StateMachineArn": ARN.replace("play", "inner"), "Input.$": "$"},
)


def test_it_may_start_another_and_wait_for_nothing(wire: Wire):
    wire.stage.workflows.create("inner", machine(Work=task("step1")))
    ended = ran(wire, machine(Start=STARTS), {"x": 1})
    output = json.loads(ended["output"])
    wire.stage.run()
    with database.connection_context():
        (inner,) = Execution.select()
    assert output["ExecutionArn"] == f"arn:aws:states:us-east-1:123456789012:execution:inner:{inner.id}"
    assert (inner.status, json.loads(inner.input), inner.parent) == ("COMPLETED", {"x": 1}, None)


def test_the_machine_that_it_starts_has_to_be_there(wire: Wire):
    ended = ran(wire, machine(Start=STARTS), {"x": 1})
    assert (ended["status"], ended["error"]) == ("FAILED", "StepFunctions.StateMachineDoesNotExistException")


def test_a_definition_is_judged_without_being_stored(wire: Wire):
    judge = wire.client.validate_state_machine_definition
    judged = judge(definition=json.dumps(BRANCHES))
    assert (judged["result"], judged["diagnostics"], judged["truncated"]) == ("OK", [], False)
    judged = judge(definition="{")
    assert judged["result"] == "FAIL" and judged["diagnostics"][0]["code"] == "INVALID_JSON_DESCRIPTION"
    wrong = machine(A={"Type": "Pass", "Next": "B", "Nonsense": 1})
    judged = judge(definition=json.dumps(wrong))
    places = [one["location"] for one in judged["diagnostics"] if "location" in one]
    assert places == ["/States/A/Nonsense", "/States/A/Next"]
    assert [one["code"] for one in judged["diagnostics"]][2] == "MISSING_END_STATE", "AWS gives no place to it"
    judged = judge(definition=json.dumps(wrong), maxResults=1, severity="WARNING")
    assert len(judged["diagnostics"]) == 1 and judged["truncated"]
    hazy = json.dumps(machine(A={"Type": "Pass", "Parameters": {"a": "$.a"}, "End": True}))
    assert judge(definition=hazy)["diagnostics"] == []
    judged = judge(definition=hazy, severity="WARNING")
    found = [(one["severity"], one["code"], one["location"]) for one in judged["diagnostics"]]
    assert (judged["result"], found) == ("OK", [("WARNING", "NO_DOLLAR", "/States/A/Parameters/a")])
    assert wire.client.list_state_machines()["stateMachines"] == []
