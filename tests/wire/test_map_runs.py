"""Map Runs on the wire: described, listed and updated while they run, with their child executions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runtime.stage import machine, raises, returns, task
from tests.wire.client import ROLE, Wire, refusal

Json = Any

PREFIX = "arn:aws:states:us-east-1:123456789012"
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}
CONFIG = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}


def fan(**fields: Json) -> Json:
    each = {
        "Type": "Map",
        "Label": "each",
        "ItemsPath": "$.items",
        "ItemProcessor": machine(item=task("step1")) | CONFIG,
    }
    return machine(all=each | fields)


def begun(wire: Wire, items: Json, **fields: Json) -> tuple[str, str]:
    """Starts an execution and its Map Run; returns the ARNs of both."""
    arn = wire.made(fan(**fields))
    given = json.dumps({"items": items})
    execution = wire.client.start_execution(stateMachineArn=arn, name="one", input=given)["executionArn"]
    wire.stage.fire_timers()
    return execution, wire.client.list_map_runs(executionArn=execution)["mapRuns"][0]["mapRunArn"]


def counted(wire: Wire, run: str, kind: str = "itemCounts") -> Json:
    """The counts of a Map Run, without zeros and without ``resultsWritten``."""
    counts = wire.client.describe_map_run(mapRunArn=run)[kind]
    return {name: count for name, count in counts.items() if count and name != "resultsWritten"}


def children(wire: Wire, run: str, **given: Any) -> Json:
    return wire.client.list_executions(mapRunArn=run, **given)["executions"]


def test_a_run_is_described_from_its_start_to_its_end(wire: Wire):
    execution, run = begun(wire, [1, 2, 3], MaxConcurrency=2, ToleratedFailurePercentage=50.5, ToleratedFailureCount=2)
    listed = wire.client.list_map_runs(executionArn=execution)["mapRuns"]
    started = listed[0]["startDate"]
    assert run.startswith(f"{PREFIX}:mapRun:play/each:")
    assert listed == [
        {
            "executionArn": execution,
            "mapRunArn": run,
            "stateMachineArn": f"{PREFIX}:stateMachine:play/each",
            "startDate": started,
        }
    ]
    found = wire.client.describe_map_run(mapRunArn=run)
    counts = {"pending": 1, "running": 2, "total": 3}
    zeros = dict.fromkeys(("succeeded", "failed", "timedOut", "aborted", "resultsWritten"), 0)
    unredriven = dict.fromkeys(("failuresNotRedrivable", "pendingRedrive"), 0)
    del found["ResponseMetadata"]
    assert found == {
        "mapRunArn": run,
        "executionArn": execution,
        "status": "RUNNING",
        "startDate": started,
        "maxConcurrency": 2,
        "toleratedFailurePercentage": 50.5,
        "toleratedFailureCount": 2,
        "itemCounts": {**counts, **zeros, **unredriven},
        "executionCounts": {**counts, **zeros, **unredriven},
        "redriveCount": 0,
    }
    wire.stage.script.let("step1", raises("No"), returns(1))
    wire.stage.run()
    found = wire.client.describe_map_run(mapRunArn=run)
    assert found["status"] == "SUCCEEDED" and found["stopDate"] >= started
    assert counted(wire, run) == counted(wire, run, "executionCounts") == {"failed": 1, "succeeded": 2, "total": 3}


def test_without_bounds_it_says_none(wire: Wire):
    _, run = begun(wire, [1])
    found = wire.client.describe_map_run(mapRunArn=run)
    bounds = ("maxConcurrency", "toleratedFailurePercentage", "toleratedFailureCount")
    assert [found[name] for name in bounds] == [0, 0, 0]


def test_a_run_that_fails_aborts_what_goes_on(wire: Wire):
    execution, run = begun(wire, [1, 2, 3], MaxConcurrency=2)
    wire.stage.script.let("step1", raises("No"))
    wire.stage.work.run(wire.stage.take_queued()[0])
    wire.stage.fire_timers()
    wire.stage.stop_orphans()
    found = wire.client.describe_map_run(mapRunArn=run)
    assert found["status"] == "FAILED"
    assert counted(wire, run) == {"failed": 1, "aborted": 1, "pending": 1, "total": 3}
    assert wire.client.describe_execution(executionArn=execution)["status"] == "FAILED"


def chained(wire: Wire, execution: str) -> list[tuple[str, int]]:
    """The type and the previous event's id of each event in the history."""
    events = wire.client.get_execution_history(executionArn=execution)["events"]
    return [(one["type"], one["previousEventId"]) for one in events]


def test_its_history_is_linked_as_awss(wire: Wire):
    """Source: localstack/localstack, tests/aws/services/stepfunctions/v2/scenarios/test_base_scenarios.snapshot.json,

    test_map_state_config_distributed_item_selector. The link of MapStateExited follows AWS since November 2024, see
    test_map_state_item_selector_parameters and in floci-io/floci#3167.
    """
    execution, run = begun(wire, [1, 2])
    wire.stage.script.let("step1", returns(1), returns(2))
    wire.stage.run()
    events = wire.client.get_execution_history(executionArn=execution)["events"]
    assert events[2]["mapStateStartedEventDetails"] == {"length": 2}
    assert events[3]["mapRunStartedEventDetails"] == {"mapRunArn": run}
    assert chained(wire, execution) == [
        ("ExecutionStarted", 0),
        ("MapStateEntered", 0),
        ("MapStateStarted", 2),
        ("MapRunStarted", 3),
        ("MapRunSucceeded", 4),
        ("MapStateSucceeded", 5),
        ("MapStateExited", 4),
        ("ExecutionSucceeded", 7),
    ]


def test_the_history_of_one_that_fails_is_linked_as_awss(wire: Wire):
    """Source: the same file, the failing case of test_map_item_reader_csv_max_items_paths."""
    execution, _ = begun(wire, [1])
    wire.stage.script.let("step1", raises("No"))
    wire.stage.run()
    assert chained(wire, execution)[3:] == [
        ("MapRunStarted", 3),
        ("MapRunFailed", 4),
        ("MapStateFailed", 5),
        ("ExecutionFailed", 6),
    ]


def test_its_executions_are_listed_newest_first_and_described(wire: Wire):
    wire.stage.script.let("step1", raises("No"), returns("b"))
    _, run = begun(wire, [1, 2, 3], ToleratedFailureCount=1)
    wire.stage.run()
    listed = children(wire, run)
    assert [one["name"] for one in listed] == sorted((one["name"] for one in listed), reverse=True)
    of = {one["status"]: one["executionArn"] for one in listed}
    assert sorted(one["status"] for one in listed) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    assert {(one["mapRunArn"], one["itemCount"]) for one in listed} == {(run, 1)}
    pages = wire.client.get_paginator("list_executions").paginate(mapRunArn=run, PaginationConfig={"PageSize": 1})
    assert [one["executionArn"] for page in pages for one in page["executions"]] == [
        one["executionArn"] for one in listed
    ]
    assert [one["status"] for one in children(wire, run, statusFilter="FAILED")] == ["FAILED"]
    assert len(children(wire, run, redriveFilter="NOT_REDRIVEN")) == 3
    assert children(wire, run, redriveFilter="REDRIVEN") == children(wire, run, statusFilter="PENDING_REDRIVE") == []
    failed = wire.client.describe_execution(executionArn=of["FAILED"])
    assert failed["executionArn"] == f"{PREFIX}:execution:play/each:{failed['name']}"
    assert failed["stateMachineArn"] == f"{PREFIX}:stateMachine:play/each"
    assert (failed["mapRunArn"], failed["input"], failed["redriveStatus"]) == (run, "1", "REDRIVABLE_BY_MAP_RUN")
    done = wire.client.describe_execution(executionArn=of["SUCCEEDED"])
    assert (done["output"], done["redriveStatus"]) == ('"b"', "NOT_REDRIVABLE")
    assert wire.client.get_execution_history(executionArn=of["SUCCEEDED"])["events"]


def test_an_execution_of_a_run_tells_its_machine(wire: Wire):
    _, run = begun(wire, [1])
    found = wire.client.describe_state_machine_for_execution(executionArn=children(wire, run)[0]["executionArn"])
    assert (found["name"], found["label"], found["mapRunArn"], found["roleArn"]) == ("play", "each", run, ROLE)
    assert found["stateMachineArn"] == f"{PREFIX}:stateMachine:play/each"
    assert json.loads(found["definition"])["StartAt"] == "item"


def test_batches_count_their_items(wire: Wire):
    wire.stage.script.let("step1", raises("No"), returns(1))
    _, run = begun(wire, [1, 2, 3, 4, 5], ItemBatcher={"MaxItemsPerBatch": 2}, ToleratedFailurePercentage=90)
    assert sorted(one["itemCount"] for one in children(wire, run)) == [1, 2, 2]
    assert counted(wire, run) == {"running": 5, "total": 5}
    assert counted(wire, run, "executionCounts") == {"running": 3, "total": 3}
    wire.stage.run()
    assert counted(wire, run) == {"failed": 2, "succeeded": 3, "total": 5}
    assert counted(wire, run, "executionCounts") == {"failed": 1, "succeeded": 2, "total": 3}


@pytest.mark.parametrize(("fields", "written"), [({}, 1), ({"ResultWriter": WRITER}, 2)])
def test_results_are_counted_and_with_a_writer_failures_too(wire: Wire, fields: Json, written: int):
    wire.stage.script.let("step1", raises("No"), returns(1))
    _, run = begun(wire, [1, 2], ToleratedFailureCount=1, **fields)
    assert wire.client.describe_map_run(mapRunArn=run)["itemCounts"]["resultsWritten"] == 0
    wire.stage.run()
    found = wire.client.describe_map_run(mapRunArn=run)
    assert found["itemCounts"]["resultsWritten"] == found["executionCounts"]["resultsWritten"] == written


def test_more_go_on_at_a_time_when_that_is_wanted(wire: Wire):
    _, run = begun(wire, [1, 2, 3, 4], MaxConcurrency=1)
    assert counted(wire, run) == {"pending": 3, "running": 1, "total": 4}
    wire.client.update_map_run(mapRunArn=run, maxConcurrency=3)
    wire.stage.fire_timers()
    assert counted(wire, run) == {"pending": 1, "running": 3, "total": 4}
    wire.client.update_map_run(mapRunArn=run, maxConcurrency=0)
    wire.stage.fire_timers()
    assert counted(wire, run) == {"running": 4, "total": 4}
    assert wire.client.describe_map_run(mapRunArn=run)["maxConcurrency"] == 0


def test_fewer_go_on_at_a_time_when_that_is_wanted(wire: Wire):
    _, run = begun(wire, [1, 2, 3, 4], MaxConcurrency=2)
    wire.client.update_map_run(mapRunArn=run, maxConcurrency=1)
    [wire.stage.work.run(one) for one in wire.stage.take_queued()[:1]]
    wire.stage.fire_timers()
    assert counted(wire, run) == {"pending": 2, "running": 1, "succeeded": 1, "total": 4}


@pytest.mark.parametrize("changed", [{"toleratedFailureCount": 1}, {"toleratedFailurePercentage": 50}])
def test_more_may_fail_when_that_is_wanted(wire: Wire, changed: Json):
    execution, run = begun(wire, [1, 2])
    wire.client.update_map_run(mapRunArn=run, **changed)
    wire.stage.script.let("step1", raises("No"), returns("b"))
    wire.stage.run()
    failed, succeeded = json.loads(wire.client.describe_execution(executionArn=execution)["output"])
    assert (failed["Status"], failed["Error"], succeeded) == ("FAILED", "No", "b")


def test_less_may_fail_when_that_is_wanted(wire: Wire):
    execution, run = begun(wire, [1, 2, 3], MaxConcurrency=1, ToleratedFailureCount=2)
    wire.stage.script.let("step1", raises("No"))
    wire.stage.work.run(wire.stage.take_queued()[0])
    wire.stage.fire_timers()
    assert wire.client.describe_map_run(mapRunArn=run)["status"] == "RUNNING"
    wire.client.update_map_run(mapRunArn=run, toleratedFailureCount=0)
    wire.stage.fire_timers()
    found = wire.client.describe_execution(executionArn=execution)
    assert found["error"] == "States.ExceedToleratedFailureThreshold"


def test_what_cannot_be_asked(wire: Wire):
    execution, run = begun(wire, [1])
    client = wire.client
    update = client.update_map_run
    assert refusal(update, mapRunArn=run)[0] == "ValidationException"
    assert refusal(update, mapRunArn=run, toleratedFailurePercentage=100.5)[0] == "ValidationException"
    wire.stage.run()
    code, message = refusal(update, mapRunArn=run, maxConcurrency=1)
    assert code == "ValidationException" and "SUCCEEDED" in message
    for other in (run[:-1] + ("0" if run[-1] != "0" else "1"), run.replace("/each", "/other"), f"{run}x"):
        assert refusal(client.describe_map_run, mapRunArn=other)[0] == "ResourceNotFound"
        assert refusal(client.list_executions, mapRunArn=other)[0] == "ResourceNotFound"
        assert refusal(update, mapRunArn=other, maxConcurrency=1)[0] == "ResourceNotFound"
    assert refusal(client.describe_map_run, mapRunArn=execution)[0] == "InvalidArn"
    assert refusal(client.list_map_runs, executionArn=f"{execution}x")[0] == "ExecutionDoesNotExist"
    assert refusal(client.list_executions, mapRunArn=run, stateMachineArn=execution)[0] == "ValidationException"
