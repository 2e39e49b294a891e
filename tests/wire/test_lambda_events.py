"""Asynchronous invocations: stored as a row, retried, and reported to destinations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution
from stepwell.functions.contract.function_names import FunctionReference
from stepwell.functions.contract.lambda_ import EventRules
from stepwell.runtime.engine.definition import validate
from stepwell.runtime.lambdas.event_queue import machine
from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.wire.lambda_client import LambdaWire, refused, served
from tests.wire.packages import package

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

Json = Any

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
ROLE = "arn:aws:iam::123456789012:role/lambda"
NOTES = "import json; open({path!r}, 'a').write(json.dumps([event, context.aws_request_id]) + '\\n')"


@pytest.fixture
def wire(empty_url: str, tmp_path: Path) -> Iterator[LambdaWire]:
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code") as wire:
        yield wire


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def make(wire: LambdaWire, name: str, body: str) -> None:
    wire.client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": package(body)},
    )


def noted(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def send(wire: LambdaWire, name: str, event: Json) -> str:
    """Sends an event, which must be accepted; returns the request's id."""
    answer = wire.client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    return str(answer["ResponseMetadata"]["RequestId"])


def test_an_event_is_a_row_before_it_is_answered_and_runs_later(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", NOTES.format(path=str(notes)))
    request_id = send(wire, "mine", {"a": 1})
    assert noted(notes) == []
    with database.connection_context():
        assert Execution.get(Execution.name == request_id).status == "IN_PROGRESS"
    with wire.worker() as worker:
        worker.run()
    assert noted(notes) == [[{"a": 1}, request_id]]
    with database.connection_context():
        assert Execution.get(Execution.name == request_id).status == "COMPLETED"


def test_a_failed_event_is_tried_again_after_one_minute_and_after_two(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", NOTES.format(path=str(notes)) + "; raise ValueError('no')")
    request_id = send(wire, "mine", 7)
    with wire.worker() as worker:
        worker.run_one()
        assert worker.delays() == [60]
        worker.fire_timers()
        worker.run_one()
        assert worker.delays() == [120]
        worker.run()
    assert noted(notes) == [[7, request_id]] * 3
    with database.connection_context():
        assert Execution.get(Execution.name == request_id).status == "FAILED"
        assert [one.outcome for one in Attempt.select()] == ["FAILED"] * 3


def test_another_worker_goes_on_with_an_event(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", NOTES.format(path=str(notes)) + "; raise ValueError('no')")
    send(wire, "mine", 7)
    with wire.worker() as first:
        first.run_one()
    with wire.worker() as second:
        second.run()
    assert len(noted(notes)) == 3


def test_the_failure_s_record_reaches_its_destination(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", "raise ValueError('no')")
    make(wire, "sink", NOTES.format(path=str(notes)))
    config = wire.client.put_function_event_invoke_config(
        FunctionName="mine",
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": f"{ARN}sink"}},
    )
    assert (config["FunctionArn"], config["MaximumRetryAttempts"]) == (f"{ARN}mine:$LATEST", 1)
    request_id = send(wire, "mine", {"order": 7})
    with wire.worker() as worker:
        worker.run()
    ((record, _),) = noted(notes)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    payload = record.pop("responsePayload")
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "no")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{ARN}mine:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 2,
        },
        "requestPayload": {"order": 7},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    }


def test_the_success_s_record_reaches_its_destination(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", "return [event]")
    make(wire, "sink", NOTES.format(path=str(notes)))
    destination = {"OnSuccess": {"Destination": f"{ARN}sink"}}
    wire.client.put_function_event_invoke_config(FunctionName="mine", DestinationConfig=destination)
    send(wire, "mine", None)
    with wire.worker() as worker:
        worker.run()
    ((record, _),) = noted(notes)
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert (record["requestPayload"], record["responsePayload"]) == (None, [None])
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


def test_a_queue_is_a_destination_where_a_step_type_stands_for_it(empty_url: str, tmp_path: Path, notes: Path) -> None:
    queue = "arn:aws:sqs:us-east-1:123456789012:failed"
    steps = tmp_path / "mine" / "steps"
    steps.mkdir(parents=True)
    body = NOTES.format(path=str(notes)).replace("; ", "\n    ")
    (steps / "failed.py").write_text(f"def handler(event, context):\n    {body}\n")
    options = {"function_paths": (steps.parent,), "resource_aliases": {queue: "failed", "step2": "failed"}}
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code", **options) as wire:
        make(wire, "mine", "raise ValueError('no')")
        given = {"OnFailure": {"Destination": queue}}
        wire.client.put_function_event_invoke_config(
            FunctionName="mine", DestinationConfig=given, MaximumRetryAttempts=0
        )
        send(wire, "mine", 7)
        with wire.worker() as worker:
            worker.run()
        ((record, _),) = noted(notes)
        assert (record["requestContext"]["condition"], record["requestPayload"]) == ("RetriesExhausted", 7)


def test_rules_are_set_changed_and_dropped(wire: LambdaWire) -> None:
    act = wire.client
    assert refused(act.get_function_event_invoke_config, FunctionName="step1")[0] == "ResourceNotFoundException"
    act.put_function_event_invoke_config(FunctionName="step1", MaximumEventAgeInSeconds=60)
    act.update_function_event_invoke_config(FunctionName="step1", MaximumRetryAttempts=0)
    found = act.get_function_event_invoke_config(FunctionName="step1")
    assert (found["MaximumEventAgeInSeconds"], found["MaximumRetryAttempts"]) == (60, 0)
    assert found["LastModified"].year >= 2026
    act.delete_function_event_invoke_config(FunctionName="step1")
    assert refused(act.delete_function_event_invoke_config, FunctionName="step1")[0] == "ResourceNotFoundException"
    for destination in (f"{ARN}nobody", "arn:aws:sqs:us-east-1:123456789012:queue"):
        given = {"OnFailure": {"Destination": destination}}
        refusal = refused(act.put_function_event_invoke_config, FunctionName="step1", DestinationConfig=given)
        assert refusal[::2] == ("InvalidParameterValueException", 400)


def test_what_is_no_event_is_refused_before_it_is_stored(wire: LambdaWire) -> None:
    send(wire, "step1", {})
    for given, code in (
        ({"FunctionName": "nobody"}, "ResourceNotFoundException"),
        ({"FunctionName": "step1", "Payload": b"{"}, "InvalidRequestContentException"),
        ({"FunctionName": "step1", "Payload": b'{"a": 1, "a": 2}'}, "InvalidRequestContentException"),
        ({"FunctionName": "step1", "Payload": b'"' + b"x" * 1_048_575 + b'"'}, "RequestTooLargeException"),
    ):
        assert refused(wire.client.invoke, InvocationType="Event", **given)[0] == code
    with database.connection_context():
        assert Execution.select().count() == 1


def test_the_events_of_a_function_are_no_state_machine_of_anybody(wire: LambdaWire) -> None:
    send(wire, "step1", {})
    assert wire.states.list_state_machines()["stateMachines"] == []


@pytest.mark.parametrize("qualifier", [None, "$LATEST", "7"])
@pytest.mark.parametrize("to", [None, f"{ARN}sink"])
def test_the_machine_is_one_that_anybody_may_write(qualifier: str | None, to: str | None) -> None:
    document = machine(FunctionReference("mine", qualifier), EventRules(0, 60, to, to), 0.1)
    assert validate.workflow(document, ("mine", "mine::7", "sink")) == []


# Limits of size and age


def recorded(wire: LambdaWire, notes: Path, **rules: Any) -> None:
    """Sets these rules for events of ``mine``; a function ``sink`` writes down the record of each event's end."""
    make(wire, "sink", NOTES.format(path=str(notes)))
    to = {"Destination": f"{ARN}sink"}
    wire.client.put_function_event_invoke_config(
        FunctionName="mine", DestinationConfig={"OnFailure": to, "OnSuccess": to}, **rules
    )


def ended(wire: LambdaWire, notes: Path) -> Json:
    """Runs a worker until nothing is left; returns the only record."""
    with wire.worker() as worker:
        worker.run()
    ((record, _),) = noted(notes)
    return record


def grow_old(seconds: int) -> None:
    """Makes every event this many seconds older."""
    with database.connection_context():
        Execution.update(created_at=Execution.created_at - seconds * 1000).execute()


def test_an_event_has_a_megabyte_and_reaches_function_and_record_whole(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", "return len(event)")
    recorded(wire, notes)
    text = "x" * (1_048_576 - 2)
    send(wire, "mine", text)
    record = ended(wire, notes)
    assert (record["responsePayload"], record["requestPayload"]) == (len(text), text)


def test_a_result_may_be_as_large_as_lambda_s(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", "return 'x' * (6_291_556 - 2)")
    recorded(wire, notes)
    send(wire, "mine", {})
    record = ended(wire, notes)
    assert record["requestContext"]["condition"] == "Success"
    assert len(record["responsePayload"]) == 6_291_554


def test_a_result_that_is_too_large_is_the_function_s_failure(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", "return 'x' * (6_291_556 - 1)")
    recorded(wire, notes)
    send(wire, "mine", {})
    record = ended(wire, notes)
    how = record["requestContext"]
    assert (how["condition"], how["approximateInvokeCount"]) == ("RetriesExhausted", 3)
    assert record["responsePayload"]["errorType"] == "Function.ResponseSizeTooLarge"


def test_an_error_too_long_to_be_kept_whole_is_recorded_all_the_same(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", "raise ValueError('}' * 1_000_000)")
    recorded(wire, notes, MaximumRetryAttempts=0)
    send(wire, "mine", {})
    record = ended(wire, notes)
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert record["responsePayload"]["errorMessage"].endswith("}}}}")


@pytest.mark.parametrize(("rule", "age", "is_run"), [(100, 99, True), (100, 101, False), (None, 21_601, False)])
def test_an_event_that_waited_for_too_long_is_not_handed_over(
    wire: LambdaWire, notes: Path, rule: int | None, age: int, is_run: bool
) -> None:
    make(wire, "mine", "return 'ran'")
    recorded(wire, notes, **({} if rule is None else {"MaximumEventAgeInSeconds": rule}))
    request_id = send(wire, "mine", 7)
    grow_old(age)
    record = ended(wire, notes)
    if is_run:
        assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", "ran")
        return
    assert record.pop("timestamp")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{ARN}mine:$LATEST",
            "condition": "EventAgeExceeded",
            "approximateInvokeCount": 0,
        },
        "requestPayload": 7,
    }


def test_an_event_grows_too_old_between_two_tries(wire: LambdaWire, notes: Path) -> None:
    make(wire, "mine", "raise ValueError('no')")
    recorded(wire, notes, MaximumEventAgeInSeconds=300)
    send(wire, "mine", 7)
    with wire.worker() as worker:
        worker.run_one()
    grow_old(301)
    how = ended(wire, notes)["requestContext"]
    assert (how["condition"], how["approximateInvokeCount"]) == ("EventAgeExceeded", 1)


@pytest.mark.parametrize(
    ("age", "condition", "tries"),
    [(60, "EventAgeExceeded", 1), (180, "EventAgeExceeded", 2), (181, "RetriesExhausted", 3)],
)
def test_no_try_is_waited_for_that_would_come_too_late(
    wire: LambdaWire, notes: Path, age: int, condition: str, tries: int
) -> None:
    make(wire, "mine", "raise ValueError('no')")
    recorded(wire, notes, MaximumEventAgeInSeconds=age)
    send(wire, "mine", 7)
    record = ended(wire, notes)
    how = record["requestContext"]
    assert (how["condition"], how["approximateInvokeCount"]) == (condition, tries)
    assert record["responsePayload"]["errorMessage"] == "no"


def test_without_a_destination_an_event_that_is_too_old_fails_saying_so(wire: LambdaWire) -> None:
    make(wire, "mine", "return 1")
    request_id = send(wire, "mine", 7)
    grow_old(21_601)
    with wire.worker() as worker:
        worker.run()
    with database.connection_context():
        row = Execution.get(Execution.name == request_id)
    assert (row.status, row.error) == ("FAILED", "EventAgeExceeded") and "older than 21600 seconds" in row.cause


def test_the_events_of_a_function_that_is_stopped_go_to_their_destination_at_once(
    wire: LambdaWire, notes: Path
) -> None:
    make(wire, "mine", "return 1")
    recorded(wire, notes)
    wire.client.put_function_concurrency(FunctionName="mine", ReservedConcurrentExecutions=0)
    send(wire, "mine", 7)
    with wire.worker() as worker:
        worker.run_one()
        assert worker.delays() == []
    record = ended(wire, notes)
    how = record["requestContext"]
    assert (how["condition"], how["approximateInvokeCount"]) == ("ZeroReservedConcurrency", 0)
    assert "responsePayload" not in record and "responseContext" not in record
