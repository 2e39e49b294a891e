"""An outage of the database is nobody's error: work waits, or runs again, and no cause shows an address."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from peewee import OperationalError

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution
from stepwell.functions.errors import Unavailable
from stepwell.runtime import outage
from stepwell.runtime.map_runs import result_writer
from stepwell.runtime.tasks import slot
from tests.runtime.maps import listed
from tests.runtime.stage import Json, Stage, machine, task
from tests.wire.client import Wire, served

ADDRESS = "10.11.12.13"
FAULT = OperationalError(f'connection to server at "{ADDRESS}", port 5432 failed: password=hidden')
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:"
TWICE = machine(a=task("step1", Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}]), b=task("step2"))


class Outage:
    """Lets a function of an object meet the outage the next ``left`` times that it is called."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: Any, name: str, left: int, fault: Exception = FAULT) -> None:
        self.left, self._real, self._fault = left, getattr(owner, name), fault
        patch.setattr(owner, name, self._call)

    def _call(self, *args: Any, **named: Any) -> Any:
        if self.left > 0:
            self.left -= 1
            raise self._fault
        return self._real(*args, **named)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "PATIENCE", (0,) * len(outage.PATIENCE))
    monkeypatch.setattr(slot, "SICK_SECONDS", 0)


@pytest.fixture
def wire(stage: Stage) -> Any:
    with served(stage) as made:
        yield made


def shown(stage: Stage, identity: str) -> str:
    return json.dumps(stage.everything(identity), default=str)


SHORT, LONG = len(outage.PATIENCE) - 1, len(outage.PATIENCE) + 1


def started(wire: Wire) -> str:
    wire.made(TWICE, type="EXPRESS")
    return str(wire.client.start_execution(stateMachineArn=f"{ARN}play")["executionArn"]).rpartition(":")[2]


def test_an_express_execution_waits_for_a_short_one(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    identity = started(wire)
    Outage(monkeypatch, wire.stage.runtime.functions, "find", SHORT)
    wire.stage.run()
    assert (wire.stage.status(identity), wire.stage.output(identity)) == ("COMPLETED", "step2")
    assert wire.stage.attempts(identity) == [(1, 1, "COMPLETED")]


@pytest.mark.parametrize("name", ["functions.find", "workflows.inner"])
def test_an_express_execution_runs_again_after_a_long_one(wire: Wire, monkeypatch: pytest.MonkeyPatch, name: str):
    identity = started(wire)
    owner, _, method = name.partition(".")
    Outage(monkeypatch, getattr(wire.stage.runtime, owner), method, LONG)
    wire.stage.run()
    assert (wire.stage.status(identity), wire.stage.output(identity)) == ("COMPLETED", "step2")
    assert wire.stage.attempts(identity) == [(1, 1, "RETURNED"), (1, 2, "COMPLETED")]
    assert wire.stage.task(identity).losses == 0 and ADDRESS not in shown(wire.stage, identity)


def test_a_synchronous_one_is_answered_with_503(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    wire.made(TWICE, type="EXPRESS")
    failing = Outage(monkeypatch, wire.stage.runtime.functions, "find", SHORT)
    assert wire.client.start_sync_execution(stateMachineArn=f"{ARN}play")["status"] == "SUCCEEDED"
    failing.left = 1_000
    with pytest.raises(ClientError) as refused:
        wire.client.start_sync_execution(stateMachineArn=f"{ARN}play")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert ADDRESS not in str(refused.value)
    wire.faults.clear()  # AWS's model has no error for it


def test_a_fault_of_ours_shows_no_words_of_its_own(wire: Wire, monkeypatch: pytest.MonkeyPatch):
    wire.made(TWICE, type="EXPRESS")
    Outage(monkeypatch, wire.stage.runtime.functions, "find", 1, ValueError(f"no {ADDRESS}"))
    ended = wire.client.start_sync_execution(stateMachineArn=f"{ARN}play")
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime") and ADDRESS not in ended["cause"]


NESTED = machine(
    start=task("arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": f"{ARN}inner"})
)


@pytest.mark.parametrize(("owner", "name"), [(queries, "start"), (Execution, "get_by_id")])
@pytest.mark.parametrize("fault", [FAULT, Unavailable("it may be done")], ids=["away", "not known"])
@pytest.mark.parametrize("times", [3, LONG])
def test_a_nested_start_is_made_once_and_without_an_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, fault: Exception, times: int
):
    if isinstance(fault, Unavailable) and owner is Execution:
        return
    monkeypatch.setattr("stepwell.runtime.moves.start._was_written", lambda own: False)
    stage.workflows.create("inner", machine(work=task("step1")))
    identity = stage.start(NESTED)
    failing = Outage(monkeypatch, owner, name, times, fault)
    for task_id in stage.take_queued():
        stage.work.run(task_id)
    failing.left = 0
    stage.run()
    assert stage.status(identity) == "COMPLETED" and ADDRESS not in shown(stage, identity)
    with database.connection_context():
        assert Execution.select().where(Execution.workflow == "inner").count() == 1


def test_a_result_writer_goes_on_after_one(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}
    identity = stage.start(listed(ResultWriter=writer), {"items": [1, 2, 3]})
    failing = Outage(monkeypatch, result_writer, "texts_of", 3)
    again: Callable[[], Json] = stage.run
    for _ in range(3):
        with pytest.raises(OperationalError):
            again()
    assert failing.left == 0
    stage.run()
    assert stage.status(identity) == "COMPLETED" and "ResultWriterDetails" in stage.output(identity)
