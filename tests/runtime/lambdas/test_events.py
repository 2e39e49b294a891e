"""An event that a state machine hands to a function: taken once, and nobody waits for what becomes of it."""

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


def sent(house: Stage) -> list[Execution]:
    with database.connection_context():
        return list(Execution.select().where(Execution.workflow == EVENT).order_by(Execution.id))


def test_the_state_goes_on_and_the_function_is_called_later(house: Stage):
    house.script.let("step1", raises("No", "why"))
    identity = house.start(sending(), GIVEN)
    house.run()
    output = house.output(identity)
    assert (output["StatusCode"], output["Payload"]) == (202, "")
    (event,) = sent(house)
    assert (event.name, json.loads(event.input)) == (output["SdkResponseMetadata"]["RequestId"], {"payload": GIVEN})


def test_a_worker_that_is_lost_hands_over_no_second_one(house: Stage):
    identity = house.start(sending(), GIVEN)
    lost = house.claim(identity)
    assert [house.runtime.sender.send(call_of(lost)).error for _ in range(2)] == [None, None]
    assert len(sent(house)) == 1


def test_a_function_that_is_not_there_fails_the_state(house: Stage):
    identity = house.start(sending(), {"name": "nowhere"})
    house.run()
    assert house.execution(identity).error == "Lambda.ResourceNotFoundException"
    assert sent(house) == []
