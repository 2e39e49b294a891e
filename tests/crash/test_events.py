"""A worker or the emulator dies during an asynchronous invocation: the invocation runs again, and ends once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stepwell.db.database import database
from stepwell.db.models import Attempt, Execution, Task
from stepwell.runtime.workflow_names import EVENT
from tests.crash.cases import Fault
from tests.crash.conftest import on_servers
from tests.crash.stand import EMULATOR, WORKER, Process, Stand
from tests.runtime.stage import staged

Json = Any

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
RETRY_SECONDS = 1.0


@pytest.fixture
def stand(emptied_postgres: str, redis_url: str, tmp_path: Path) -> Iterator[Stand]:
    with on_servers(emptied_postgres, redis_url, tmp_path, event_retry_seconds=RETRY_SECONDS) as made:
        yield made


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Stand]:
    environment = {"STEPWELL_EVENT_RETRY_SECONDS": str(RETRY_SECONDS)}
    with staged(f"sqlite:///{tmp_path / 'stepwell.db'}", tmp_path) as stage, ExitStack() as opened:
        yield Stand(stage, tmp_path, environment, opened)


def sent(stand: Stand, function: str, event: Json) -> None:
    """Send an event to a function. ``noted`` is its destination, and so receives its outcome."""
    rules = {name: {"Destination": f"{ARN}noted"} for name in ("OnSuccess", "OnFailure")}
    stand.ask("PUT", f"/2019-09-25/functions/{function}/event-invoke-config", {"DestinationConfig": rules})
    answer = stand.client.send(
        "POST", f"/2015-03-31/functions/{function}/invocations", event, {"x-amz-invocation-type": "Event"}
    )
    assert answer == (202, None)


def gated(key: str) -> Json:
    """An event for the handler ``gated``."""
    return {"step": {"idempotencyKey": f"{key}/x", "name": "x"}}


def record(stand: Stand) -> Json:
    """Await the event's end. Returns the one record sent to its destination."""

    def has_ended() -> bool:
        with database.connection_context():
            return Execution.get(Execution.workflow.startswith(EVENT)).status != "IN_PROGRESS"

    stand.until(has_ended, "the event ends")
    with database.connection_context():
        assert Execution.get().status == "COMPLETED"
    (line,) = (stand.place / "notes").read_text().splitlines()
    return json.loads(line)


def attempts() -> list[tuple[str, str]]:
    """The step and the outcome of each ended attempt, in their order."""
    with database.connection_context():
        steps = {task.id: task.step for task in Task.select()}
        return [(steps[one.task_id], one.outcome) for one in Attempt.select().order_by(Attempt.finished_at)]


def killed_while_the_function_runs(stand: Stand, first: Process, command: Sequence[str]) -> None:
    sent(stand, "gated", gated("k"))
    stand.until((stand.place / "k-x.seen").exists, "the function runs")
    stand.kill(first)
    (stand.place / "k-x.seen").unlink()
    stand.begin(command)
    stand.until((stand.place / "k-x.seen").exists, "the function runs again")
    (stand.place / "k.gate").touch()
    said = record(stand)
    assert (said["requestContext"]["condition"], said["responsePayload"]) == ("Success", "opened")
    assert attempts() == [("Invoke", "LOST"), ("Invoke", "COMPLETED"), ("OnSuccess", "COMPLETED")]


def killed_between_two_tries(stand: Stand, first: Process, command: Sequence[str]) -> None:
    sent(stand, "fails_once", {})
    stand.until(lambda: attempts() == [("Invoke", "FAILED")], "the function fails")
    stand.kill(first)
    stand.begin(command)
    said = record(stand)["requestContext"]
    assert (said["condition"], said["approximateInvokeCount"]) == ("Success", 2)
    assert attempts() == [("Invoke", "FAILED"), ("Invoke", "COMPLETED"), ("OnSuccess", "COMPLETED")]


@pytest.mark.parametrize("death", [killed_while_the_function_runs, killed_between_two_tries])
def test_a_worker_is_killed(stand: Stand, death: Callable[..., None]) -> None:
    death(stand, stand.begin(WORKER), WORKER)


@pytest.mark.parametrize("death", [killed_while_the_function_runs, killed_between_two_tries])
def test_the_emulator_is_killed(laptop: Stand, death: Callable[..., None]) -> None:
    death(laptop, laptop.serve(EMULATOR), EMULATOR)


@pytest.mark.parametrize(
    "point",
    [
        *("claim.before_commit", "claim.after_commit", "handler.before", "handler.after"),
        *("finish.before_commit", "finish.after_commit", "advance.before_commit", "advance.after_commit"),
    ],
)
def test_a_worker_dies_at_a_point_on_the_way(stand: Stand, point: str) -> None:
    """For the points of ``advance`` the event's function fails first."""
    stand.begin(WORKER, Fault(point))
    (stand.place / "k.gate").touch()
    sent(stand, "fails_once" if point.startswith("advance") else "gated", gated("k"))
    stand.dies()
    assert record(stand)["requestContext"]["condition"] == "Success"
