"""Reserved concurrency: a limit on a function's invocations at a time, over every way to call it and every process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from stepwell.functions.contract.function_names import FunctionReference
from stepwell.functions.contract.lambda_ import LambdaCall
from stepwell.functions.errors.lambda_ import TooManyRequestsException
from stepwell.runtime.assembly import Runtime
from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.services import until
from tests.wire.lambda_client import LambdaWire, refused, served
from tests.wire.test_lambda_functions import ARN, ROLE, made, run

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

Json = Any

COUNTS = """
import os, time, uuid

def handler(event, context):
    mine = os.path.join(event, str(uuid.uuid4()))
    open(mine, "w").close()
    time.sleep(0.02)
    found = len(os.listdir(event))
    os.remove(mine)
    return found
"""


@pytest.fixture
def wire(empty_url: str, tmp_path: Path) -> Iterator[LambdaWire]:
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code") as wire:
        yield wire


def test_reserved_concurrency_is_what_runs_at_a_time(wire: LambdaWire) -> None:
    made(wire)
    wire.client.put_function_concurrency(FunctionName="mine", ReservedConcurrentExecutions=0)
    with pytest.raises(wire.client.exceptions.TooManyRequestsException) as caught:
        wire.client.invoke(FunctionName="mine")
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    shown = wire.client.get_function(FunctionName="mine")
    assert shown["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    wire.client.put_function_concurrency(FunctionName="mine", ReservedConcurrentExecutions=1)
    assert wire.called("mine", 5)["Payload"] == [5, 1]
    wire.client.delete_function_concurrency(FunctionName="mine")
    assert "ReservedConcurrentExecutions" not in wire.client.get_function_concurrency(FunctionName="mine")


def test_a_function_that_is_stopped_runs_nowhere(wire: LambdaWire, tmp_path: Path) -> None:
    note = tmp_path / "note"
    made(wire, f"open({str(note)!r}, 'w').close()")
    states = wire.states
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": f"{ARN}mine", "End": True}}}
    given = {"name": "quick", "definition": json.dumps(definition), "roleArn": ROLE, "type": "EXPRESS"}
    quick = states.create_state_machine(**given)["stateMachineArn"]
    wire.client.put_function_concurrency(FunctionName="mine", ReservedConcurrentExecutions=0)
    assert refused(wire.client.invoke, FunctionName="mine")[0] == "TooManyRequestsException"
    assert states.start_sync_execution(stateMachineArn=quick)["error"] == "Lambda.TooManyRequestsException"
    tried = states.test_state(definition=json.dumps(definition["States"]["A"]), roleArn=ROLE)
    assert tried["error"] == "Lambda.TooManyRequestsException"
    with urlopen(Request(f"{wire.url}/functions/mine/invoke", b"3", {"content-type": "application/json"})) as answer:
        assert json.load(answer)["error"] == "Lambda.TooManyRequestsException"
    with wire.worker() as worker:
        assert run(wire, worker, f"{ARN}mine", 1)["error"] == "Lambda.TooManyRequestsException"
    assert not note.exists()


def test_a_reservation_holds_over_web_processes_and_workers(wire: LambdaWire, tmp_path: Path) -> None:
    gate, seen = tmp_path / "gate", tmp_path / "seen"
    waits = f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    made(wire, f"import os, time; open({str(seen)!r}, 'w').close()\n    {waits}", Timeout=60)
    wire.client.put_function_concurrency(FunctionName="mine", ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as pool, closing(Runtime(wire.runtime.settings)) as other, wire.worker() as worker:
        first = pool.submit(wire.called, "mine")
        try:
            until(seen.exists, "the function runs")
            with pytest.raises(TooManyRequestsException):
                other.api_context("1").lambdas.invoke(FunctionReference("mine"), LambdaCall("1", "2"))
            assert run(wire, worker, f"{ARN}mine", 1)["error"] == "Lambda.TooManyRequestsException"
        finally:
            gate.touch()
        assert first.result()["Payload"] is None
        assert run(wire, worker, f"{ARN}mine", 1)["status"] == "SUCCEEDED"


def test_a_throttled_task_fails_as_on_aws(wire: LambdaWire) -> None:
    made(wire)
    wire.client.put_function_concurrency(FunctionName="mine", ReservedConcurrentExecutions=0)
    with wire.worker() as worker:
        assert run(wire, worker, f"{ARN}mine", 1)["error"] == "Lambda.TooManyRequestsException"


def test_under_load_no_more_run_than_are_reserved(wire: LambdaWire, tmp_path: Path) -> None:
    """Two runtimes (as two web processes), eight callers that retry until they succeed, a reservation of two."""
    made(wire, {"app.py": COUNTS})
    (place := tmp_path / "running").mkdir()
    wire.client.put_function_concurrency(FunctionName="mine", ReservedConcurrentExecutions=2)
    with closing(Runtime(wire.runtime.settings)) as other:
        apis = [runtime.api_context("1").lambdas for runtime in (wire.runtime, other)]

        def insist(number: int) -> int:
            while True:
                try:
                    ended = apis[number % 2].invoke(
                        FunctionReference("mine"), LambdaCall(json.dumps(str(place)), str(number))
                    )
                except TooManyRequestsException:
                    continue
                assert not ended.failed, ended.payload
                return int(ended.payload)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(insist, range(40)))
    assert max(found) <= 2 and len(found) == 40
