"""A Task state starts an execution once, whichever process dies, and learns of its end if it waits."""

from __future__ import annotations

import json

import pytest

from stepwell.db.database import database
from stepwell.db.models import Execution, Timer
from stepwell.runtime.moves.start import Wanted
from stepwell.runtime.tasks.slot import call_of
from tests.runtime.stage import LONG_AGO, Json, Stage, machine, raises, task

START = "arn:aws:states:::states:startExecution"
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:inner"
PLAIN = machine(p={"Type": "Pass", "Result": {"done": True}})


def starting(pattern: str = "", **fields: Json) -> Json:
    call = {"StateMachineArn": ARN, "Input": {"n.$": "$.n"}, **fields.pop("call", {})}
    return machine(start=task(START + pattern, Parameters=call, **fields))


def children(stage: Stage) -> list[Execution]:
    with database.connection_context():
        return list(Execution.select().where(Execution.workflow == "inner").order_by(Execution.id))


@pytest.fixture
def inner(stage: Stage) -> Stage:
    stage.workflows.create("inner", machine(work=task("step1")))
    return stage


def test_it_goes_on_when_the_execution_has_begun(inner: Stage):
    identity = inner.start(starting(call={"Name": "one"}), {"n": 4})
    inner.run()
    (child,) = children(inner)
    assert (child.name, json.loads(child.input), child.status, child.parent) == ("one", {"n": 4}, "COMPLETED", None)
    output = inner.output(identity)
    assert output["ExecutionArn"] == "arn:aws:states:us-east-1:123456789012:execution:inner:one"
    assert output["StartDate"].endswith("Z")


@pytest.mark.parametrize("pattern", [".sync", ".sync:2"])
@pytest.mark.parametrize("definition", [machine(work=task("step1")), PLAIN], ids=["a task", "nothing but a Pass"])
def test_it_waits_for_the_end(stage: Stage, pattern: str, definition: Json):
    stage.workflows.create("inner", definition)
    identity = stage.start(starting(pattern), {"n": 4})
    stage.run()
    output = stage.output(identity)
    given, made = {"n": 4}, "step1" if definition is not PLAIN else {"done": True}
    if pattern == ".sync":
        given, made = json.dumps(given, separators=(",", ":")), json.dumps(made, separators=(",", ":"))
    assert (output["Status"], output["Input"], output["Output"]) == ("SUCCEEDED", given, made)
    assert output["StateMachineArn"] == ARN and stage.left_open(identity) == []
    assert stage.history(identity).count("TaskSubmitted") <= 1


def test_a_failure_is_the_states(inner: Stage):
    inner.script.let("step1", raises("No", "why"))
    catch = [{"ErrorEquals": ["States.TaskFailed"], "Next": "then"}]
    definition = starting(".sync:2", Catch=catch)
    definition["States"]["then"] = {"Type": "Pass", "End": True}
    identity = inner.start(definition, {"n": 4})
    inner.run()
    caught = inner.output(identity)
    assert caught["Error"] == "States.TaskFailed"
    cause = json.loads(caught["Cause"])
    assert (cause["Error"], cause["Cause"], cause["Status"]) == ("No", "why", "FAILED")


def test_a_worker_that_is_lost_starts_no_second_one(inner: Stage):
    identity = inner.start(starting(".sync"), {"n": 4})
    lost = inner.claim(identity)
    assert inner.work.nested.run(call_of(lost)).error is None
    inner.set(inner.task(identity), lease_until=LONG_AGO)
    inner.tasks.sweep()
    inner.run()
    assert inner.status(identity) == "COMPLETED" and len(children(inner)) == 1


def test_the_end_may_come_before_the_start_is_reported(inner: Stage):
    identity = inner.start(starting(".sync"), {"n": 4})
    claim = inner.claim(identity)
    outcome = inner.work.nested.run(call_of(claim))
    inner.run()
    assert inner.status(identity) == "COMPLETED"
    inner.executions.succeed(claim, outcome.result or "null", "", lambda following: False)
    assert inner.status(identity) == "COMPLETED" and inner.left_open(identity) == []


def test_each_try_starts_one_of_its_own(inner: Stage):
    inner.script.let("step1", raises("No"), lambda event: raises("No"), lambda event: raises("No"))
    identity = inner.start(starting(".sync", Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]), {"n": 4})
    inner.run()
    assert [child.status for child in children(inner)] == ["FAILED", "FAILED"]
    assert inner.execution(identity).error == "States.TaskFailed"


def test_what_nobody_waits_for_any_more_is_stopped(inner: Stage):
    identity = inner.start(starting(".sync"), {"n": 4})
    claim = inner.claim(identity)
    assert inner.work.nested.run(call_of(claim)).error is None
    inner.stop_orphans()
    assert [child.status for child in children(inner)] == ["IN_PROGRESS"]
    inner.executions.cancel(identity)
    inner.stop_orphans()
    assert [child.status for child in children(inner)] == ["CANCELLED"]
    with database.connection_context():
        assert Timer.select().count() == 0


def test_a_machine_that_is_not_there_fails_the_state(stage: Stage):
    identity = stage.start(starting(), {"n": 4})
    stage.run()
    assert stage.execution(identity).error == "StepFunctions.StateMachineDoesNotExistException"


def test_a_name_that_is_taken_fails_the_state(inner: Stage):
    inner.executions.start(inner.workflows.latest("inner"), Wanted({}, "one"))
    identity = inner.start(starting(call={"Name": "one"}), {"n": 4})
    inner.run()
    assert inner.execution(identity).error == "StepFunctions.ExecutionAlreadyExistsException"
