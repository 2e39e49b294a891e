"""The context object holds the ARNs, role and counts that AWS's wire also answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.runtime.stage import machine, raises, returns, steps, task
from tests.wire.client import ROLE, Wire

Json = Any

SHOW_CONTEXT = {"Type": "Pass", "Parameters": {"about.$": "$$"}}


def test_the_execution_and_its_state_machine_are_named_by_their_arns(wire: Wire):
    ended = wire.ran(machine(A=SHOW_CONTEXT), {"x": 1})
    about = json.loads(ended["output"])["about"]
    assert about["StateMachine"] == {"Id": ended["stateMachineArn"], "Name": "play"}
    own = about["Execution"]
    assert (own["Id"], own["Name"], own["Input"]) == (ended["executionArn"], ended["name"], {"x": 1})
    assert (own["RoleArn"], own["RedriveCount"]) == (ROLE, 0) and "RedriveTime" not in own


def test_a_redrive_is_counted_and_timed_from_its_first_state_to_its_last(wire: Wire):
    redrive = {"Parameters": {"count.$": "$$.Execution.RedriveCount", "at.$": "$$.Execution.RedriveTime"}}
    wire.stage.script.let("flaky", raises("Boom"), returns("well"))
    failed = wire.ran(machine(A=task("flaky"), B=task("step1", **redrive), C=task("step2", **redrive)))
    redriven = wire.client.redrive_execution(executionArn=failed["executionArn"])["redriveDate"]
    wire.stage.run()
    seen = [event for name, event in wire.stage.script.events if name in ("step1", "step2")]
    at = redriven.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert seen == [{"count": 1, "at": at}] * 2


def test_an_express_execution_is_named_by_its_own_arn(wire: Wire):
    arn = wire.made(machine(A=SHOW_CONTEXT), type="EXPRESS")
    ended = wire.client.start_sync_execution(stateMachineArn=arn, name="one")
    own = json.loads(ended["output"])["about"]["Execution"]
    assert (own["Id"], own["Name"]) == (ended["executionArn"], "one")
    assert datetime.fromisoformat(own["StartTime"]) == ended["startDate"]


def test_a_step_list_hands_on_the_executions_own_id(wire: Wire):
    identity = wire.stage.start(steps("step1"), name="order-17")
    wire.stage.run()
    assert [event["step"]["idempotencyKey"] for _, event in wire.stage.script.events] == [f"{identity}/step1"]
