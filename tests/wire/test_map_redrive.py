"""Redrive of an execution with a Map Run: failed children continue, pending ones start, the others stay as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stepwell.db.database import database
from stepwell.db.models import Execution, MapRun, Timer
from stepwell.runtime import crashpoints
from stepwell.runtime.invoke.outcome import Outcome
from tests.runtime.stage import machine, raises, returns
from tests.wire.client import Wire, refusal
from tests.wire.test_map_runs import WRITER, begun, children, counted

Json = Any


def failing(*events: Json, times: int = 1) -> Callable[[Json], Outcome]:
    """A step that returns its event, except that these events fail the first ``times`` times."""
    left = {json.dumps(event): times for event in events}

    def act(event: Json) -> Outcome:
        key = json.dumps(event)
        if left.get(key, 0):
            left[key] -= 1
            return raises("No")
        return returns(event)

    return act


def ended(wire: Wire) -> None:
    """Runs everything, then stops the children of ended Map Runs that are still open."""
    wire.stage.run()
    wire.stage.stop_orphans()


def execution_id(execution: str) -> str:
    with database.connection_context():
        return str(Execution.get(Execution.name == execution.rpartition(":")[2]).id)


def kinds(wire: Wire, execution: str) -> list[str]:
    return [one["type"] for one in wire.client.get_execution_history(executionArn=execution)["events"]]


@pytest.mark.parametrize("at_most", [0, 1, 2])
def test_what_failed_goes_on_and_what_had_not_begun_begins(wire: Wire, at_most: int):
    wire.stage.script.let("step1", failing(2, 3))
    execution, run = begun(wire, [1, 2, 3, 4], MaxConcurrency=at_most)
    ended(wire)
    while wire.client.describe_execution(executionArn=execution)["status"] == "FAILED":
        wire.client.redrive_execution(executionArn=execution)
        ended(wire)
    assert wire.client.describe_execution(executionArn=execution)["output"] == "[1,2,3,4]"
    listed = wire.client.list_map_runs(executionArn=execution)["mapRuns"]
    assert [one["mapRunArn"] for one in listed] == [run]
    found = wire.client.describe_map_run(mapRunArn=run)
    redrives = wire.client.describe_execution(executionArn=execution)["redriveCount"]
    assert (found["status"], found["redriveCount"]) == ("SUCCEEDED", redrives) and found["redriveDate"]
    assert counted(wire, run) == counted(wire, run, "executionCounts") == {"succeeded": 4, "total": 4}
    assert sum(one["redriveCount"] > 0 for one in children(wire, run)) == len(
        children(wire, run, redriveFilter="REDRIVEN")
    )
    names = kinds(wire, execution)
    at = names.index("MapRunRedriven")
    assert names[at - 2 : at] == ["ExecutionFailed", "ExecutionRedriven"]
    details = wire.client.get_execution_history(executionArn=execution)["events"][at]["mapRunRedrivenEventDetails"]
    assert details == {"mapRunArn": run, "redriveCount": 1}
    assert wire.stage.left_open(execution_id(execution)) == []


def test_those_that_wait_for_their_turn_are_pending(wire: Wire):
    wire.stage.script.let("step1", failing(1, 2, 3))
    execution, run = begun(wire, [1, 2, 3], ToleratedFailureCount=2)
    ended(wire)
    assert counted(wire, run) == {"failed": 3, "total": 3}
    wire.client.redrive_execution(executionArn=execution)
    with database.connection_context():
        MapRun.update(changes='{"concurrency":1}').execute()
    wire.stage.fire_timers()
    assert counted(wire, run) == {"running": 1, "pendingRedrive": 2, "total": 3}
    assert len(children(wire, run, statusFilter="PENDING_REDRIVE")) == 2
    assert children(wire, run, statusFilter="FAILED") == []
    pending = children(wire, run, statusFilter="PENDING_REDRIVE")[0]
    assert pending["status"] == "PENDING_REDRIVE" and pending["redriveCount"] == 0
    assert wire.client.describe_execution(executionArn=pending["executionArn"])["status"] == "PENDING_REDRIVE"
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=execution)["output"] == "[1,2,3]"


def test_an_execution_of_a_run_is_not_redriven_by_itself(wire: Wire):
    wire.stage.script.let("step1", failing(1))
    _, run = begun(wire, [1])
    ended(wire)
    code, message = refusal(wire.client.redrive_execution, executionArn=children(wire, run)[0]["executionArn"])
    assert code == "ExecutionNotRedrivable" and "Map Run" in message


def test_those_that_cannot_be_redriven_have_failed(wire: Wire):
    wire.stage.script.let("step1", failing(1, 2))
    execution, run = begun(wire, [1, 2, 3], ToleratedFailureCount=1)
    ended(wire)
    with database.connection_context():
        Execution.update(history_count=24_999).where(Execution.input == "1").execute()
    assert counted(wire, run)["failuresNotRedrivable"] == 1
    wire.client.redrive_execution(executionArn=execution)
    ended(wire)
    output = json.loads(wire.client.describe_execution(executionArn=execution)["output"])
    assert (output[0]["Status"], output[1:]) == ("FAILED", [2, 3])
    assert counted(wire, run) == {"failed": 1, "succeeded": 2, "total": 3, "failuresNotRedrivable": 1}


def test_one_that_was_stopped_waits_until_what_goes_on_has_ended(wire: Wire):
    execution, run = begun(wire, [1, 2])
    wire.client.stop_execution(executionArn=execution)
    assert wire.client.describe_map_run(mapRunArn=run)["status"] == "ABORTED"
    wire.client.redrive_execution(executionArn=execution)
    wire.stage.fire_timers()
    assert wire.client.describe_map_run(mapRunArn=run)["status"] == "ABORTED"
    wire.stage.stop_orphans()
    assert counted(wire, run) == {"aborted": 2, "total": 2}
    wire.stage.fire_timers()
    assert wire.client.describe_map_run(mapRunArn=run)["status"] == "RUNNING"
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=execution)["output"] == '["step1","step1"]'


def test_a_run_whose_results_could_not_be_used_is_followed_by_another(wire: Wire):
    execution, run = begun(wire, [1], ResultSelector={"x.$": "$[7]"})
    ended(wire)
    assert wire.client.describe_execution(executionArn=execution)["error"] == "States.Runtime"
    wire.client.redrive_execution(executionArn=execution)
    ended(wire)
    listed = wire.client.list_map_runs(executionArn=execution)["mapRuns"]
    assert len(listed) == 2 and listed[1]["mapRunArn"] == run
    assert "MapRunRedriven" not in kinds(wire, execution)


def test_a_run_that_had_not_begun_begins(wire: Wire):
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}}
    each = {"Type": "Map", "ItemProcessor": machine(i={"Type": "Pass"}) | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}}
    reader |= {"Parameters": {"Bucket": "b", "Key": "x.json"}}
    execution = wire.ran(machine(All=each | {"ItemReader": reader}))["executionArn"]
    assert wire.client.describe_execution(executionArn=execution)["error"] == "States.ItemReaderFailed"
    root = wire.stage.runtime.settings.artifacts_dir
    root.mkdir(exist_ok=True)
    (root / "x.json").write_text("[7]")
    wire.client.redrive_execution(executionArn=execution)
    wire.stage.run()
    assert wire.client.describe_execution(executionArn=execution)["output"] == "[7]"


def test_a_retry_after_a_redrive_has_a_run_of_its_own(wire: Wire):
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    wire.stage.script.let("step1", failing(1, times=3))
    execution, _ = begun(wire, [1], Retry=retry)
    ended(wire)
    assert wire.client.describe_execution(executionArn=execution)["status"] == "FAILED"
    wire.client.redrive_execution(executionArn=execution)
    ended(wire)
    assert wire.client.describe_execution(executionArn=execution)["output"] == "[1]"
    counts = [
        wire.client.describe_map_run(mapRunArn=one["mapRunArn"])["redriveCount"]
        for one in wire.client.list_map_runs(executionArn=execution)["mapRuns"]
    ]
    assert counts == [0, 1, 0]


def test_it_can_be_redriven_a_thousand_times(wire: Wire):
    wire.stage.script.let("step1", raises("No"))
    execution, _ = begun(wire, [1])
    ended(wire)
    with database.connection_context():
        MapRun.update(redrives=1_000).execute()
    wire.client.redrive_execution(executionArn=execution)
    ended(wire)
    assert wire.client.describe_execution(executionArn=execution)["error"] == "States.Runtime"


def test_many_are_redriven_so_many_at_a_time_whoever_dies(wire: Wire):
    wire.stage.script.let("step1", failing(*range(230)))
    execution, run = begun(wire, list(range(230)), ToleratedFailurePercentage=99)
    ended(wire)
    wire.client.redrive_execution(executionArn=execution)

    def die() -> None:
        raise KeyboardInterrupt("dead")

    for _ in range(3):
        crashpoints.arm("advance.before_commit", die)
        with pytest.raises(KeyboardInterrupt):
            wire.stage.fire_timers()
        crashpoints.disarm()
        wire.stage.fire_timers()
    ended(wire)
    assert wire.client.describe_execution(executionArn=execution)["output"] == json.dumps(list(range(230))).replace(
        " ", ""
    )
    assert {one["redriveCount"] for one in children(wire, run, maxResults=1000)} == {1}
    with database.connection_context():
        assert Timer.select().count() == 0


def test_results_are_written_anew(wire: Wire):
    wire.stage.script.let("step1", failing(1))
    execution, _ = begun(wire, [1, 2], ToleratedFailureCount=1, ResultWriter={**WRITER, "Parameters": {"Bucket": "b"}})
    store = wire.stage.runtime.settings.artifacts_dir
    with database.connection_context():
        run = MapRun.get().id
    store.mkdir(exist_ok=True)
    (store / run).write_text("in the way of the folder")
    ended(wire)
    assert wire.client.describe_execution(executionArn=execution)["error"] == "States.ResultWriterFailed"
    (store / run).unlink()
    wire.client.redrive_execution(executionArn=execution)
    ended(wire)
    output = json.loads(wire.client.describe_execution(executionArn=execution)["output"])
    files = json.loads((store / output["ResultWriterDetails"]["Key"]).read_text())["ResultFiles"]
    assert files["FAILED"] == [] and len(files["SUCCEEDED"]) == 1
