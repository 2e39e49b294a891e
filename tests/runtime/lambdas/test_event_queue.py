"""An asynchronous call of a function by a state machine: stored exactly once, and the state does not wait for it."""

from __future__ import annotations

import json

from stepwell.db.database import database
from stepwell.db.models import Execution
from stepwell.runtime.tasks.slot import call_of
from tests.runtime.stage import Json, Stage, machine, raises, task

EVENT = "event:step1"
GIVEN = {"name": "step1"}


def sending() -> Json:
    arguments = {"FunctionName.$": "$.name", "InvocationType": "Event", "Payload.$": "$"}
    return machine(send=task("arn:aws:states:::lambda:invoke", Parameters=arguments))


def sent(stage: Stage) -> list[Execution]:
    with database.connection_context():
        return list(Execution.select().where(Execution.workflow == EVENT).order_by(Execution.id))


def test_the_state_goes_on_and_the_function_is_called_later(stage: Stage):
    stage.script.let("step1", raises("No", "why"))
    identity = stage.start(sending(), GIVEN)
    stage.run()
    output = stage.output(identity)
    assert (output["StatusCode"], output["Payload"]) == (202, "")
    (event,) = sent(stage)
    assert (event.name, json.loads(event.input)) == (output["SdkResponseMetadata"]["RequestId"], {"payload": GIVEN})


def test_a_worker_that_is_lost_hands_over_no_second_one(stage: Stage):
    identity = stage.start(sending(), GIVEN)
    lost = stage.claim(identity)
    assert [stage.runtime.sender.send(call_of(lost)).error for _ in range(2)] == [None, None]
    assert len(sent(stage)) == 1


def test_a_function_that_is_not_there_fails_the_state(stage: Stage):
    identity = stage.start(sending(), {"name": "nowhere"})
    stage.run()
    assert stage.execution(identity).error == "Lambda.ResourceNotFoundException"
    assert sent(stage) == []
