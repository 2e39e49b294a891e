"""Hostile neighbours: how late healthy executions are beside others that fail, compute, flood and hold.

Half of the run has no neighbours, the other half has them, on the same stack: so the latency is compared with that of
the same machine. No process is hurt here.
"""

from __future__ import annotations

import json
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from tests.torture.client import Client
from tests.torture.plans import Plan
from tests.torture.stack import Options, Stack, pause, running

Json = Any

HEALTHY, WAIT_SECONDS = "healthy", 1
"""The workflow that is measured, and the seconds of its Wait, which are none of its latency."""
MOST_TIMES = 3.0
"""How many times later than alone the 99th percentile of the healthy executions may be beside neighbours."""
EVERY_SECONDS = 10.0
"""A neighbour comes so often, each kind in its turn."""
TIMERS, EATERS, ITEMS = 200, 20, 1_000
SOCKETS, POLLERS = 500, 60
"""How many connections wait at each web process, silent in the middle of a head or in a long poll."""
HALF_HEAD = b"POST /workflows HTTP/1.1\r\nHost: localhost\r\n"
ACTIVITY = {"activityArn": "arn:aws:states:us-east-1:123456789012:activity:nobody-asks"}

EATING = "{% $sum($map([1..80000], function($v) { $v * 2 })) %}"
WORKFLOWS: dict[str, Json] = {
    HEALTHY: {
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "Work"},
            "Work": {"Type": "Task", "Resource": "rests", "Parameters": {"seconds": 0}, "End": True},
        },
    },
    "poison": {
        "StartAt": "Wait",
        "States": {"Wait": {"Type": "Wait", "Seconds": 3, "Next": "P"}, "P": {"Type": "Pass", "End": True}},
    },
    "eater": {
        "QueryLanguage": "JSONata",
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Eat"},
            "Eat": {"Type": "Pass", "Output": {f"f{number}": EATING for number in range(12)}, "End": True},
        },
    },
    "flood": {
        "StartAt": "All",
        "States": {
            "All": {
                "Type": "Map",
                "End": True,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Work",
                    "States": {"Work": {"Type": "Task", "Resource": "rests", "End": True}},
                },
            }
        },
    },
}


@dataclass
class Neighbours:
    """Lets hostile executions and clients come, a kind at a time. Connections are held until the next kind comes."""

    stack: Stack
    client: Client
    kinds: Sequence[str] = ()
    came: list[str] = field(default_factory=list)
    held: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._come, name="neighbours", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Let no other come, and wait for the one that comes just now."""
        self._ended.set()
        self._thread.join()

    def _come(self) -> None:
        while not self._ended.is_set():
            kind = self.kinds[len(self.came) % len(self.kinds)]
            KINDS[kind](self)
            self.came.append(kind)
            self._ended.wait(EVERY_SECONDS)
            for connection in self.held:
                connection.close()
            self.held.clear()

    def poison_timers(self) -> None:
        """Timers whose every move fails: the rows of their executions are unreadable."""
        self._start_many("poison", TIMERS)
        with (
            closing(psycopg2.connect(self.stack.postgres.url)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE execution SET variables = '{' WHERE workflow = 'poison' AND status = 'IN_PROGRESS'")

    def eaters(self) -> None:
        """Moves that compute as much as a move may, and more."""
        self._start_many("eater", EATERS)

    def flood(self) -> None:
        """A Map with many tasks at once."""
        self._start("flood", [{"seconds": 0.01}] * ITEMS)

    def sockets(self) -> None:
        """Connections that send half a head, and nothing more."""
        self._hold(SOCKETS, HALF_HEAD)

    def pollers(self) -> None:
        """Long polls for the tasks of an activity that has none."""
        aws(self.client.webs[0].port, "CreateActivity", {"name": "nobody-asks"})
        self._hold(POLLERS, request("GetActivityTask", ACTIVITY))

    def _hold(self, count: int, sent: bytes) -> None:
        for web in self.client.webs:
            for _ in range(count):
                connection = socket.create_connection(("127.0.0.1", web.port), timeout=5)
                self.held.append(connection)
                connection.sendall(sent)

    def _start_many(self, workflow: str, count: int) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: self._start(workflow, {}), range(count)))

    def _start(self, workflow: str, given: Json) -> None:
        self.client.post(f"/workflows/{workflow}/execute", {"input": given})


KINDS: dict[str, Callable[[Neighbours], None]] = {
    "poison timers": Neighbours.poison_timers,
    "budget eaters": Neighbours.eaters,
    "a large Map": Neighbours.flood,
    "silent sockets": Neighbours.sockets,
    "pollers": Neighbours.pollers,
}
"""The kinds of neighbours by name."""


def request(operation: str, given: Json) -> bytes:
    """A whole request for an operation of Step Functions."""
    body = json.dumps(given).encode()
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSStepFunctions.{operation}\r\n"
    return f"{head}Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def aws(port: int, operation: str, given: Json) -> None:
    """Call an operation of Step Functions. Raises AssertionError unless it answers 200."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request(operation, given))
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 "), operation


@dataclass(frozen=True)
class Report:
    """The latencies of the healthy executions in seconds, alone and beside neighbours."""

    alone: Sequence[float]
    beside: Sequence[float]
    lost: int
    came: Sequence[str]

    @property
    def is_kept(self) -> bool:
        if self.lost or min(len(self.alone), len(self.beside)) < 2:
            return False
        return percentile(self.beside, 99) <= MOST_TIMES * percentile(self.alone, 99)


def run(options: Options, place: Path, kinds: Sequence[str] = tuple(KINDS)) -> Report:
    """Do one run. ``place`` is an empty folder for logs."""
    with running(place, options) as stack:
        client = Client(stack.webs, options.rate, _healthy_starts())
        for name, definition in WORKFLOWS.items():
            answer = client.post("/workflows", {"name": name, "definition": definition})
            assert answer is not None and answer.status == 201, answer
        neighbours = Neighbours(stack, client, kinds)
        client.begin()
        pause(options.minutes * 30)
        half = time.time()
        neighbours.begin()
        pause(options.minutes * 30)
        neighbours.end()
        client.end()
        ids = [story.execution_id for story in client.stories if story.execution_id]
        found = _await_ends(stack, ids)
        alone = [seconds for begun, seconds in found if begun < half - WAIT_SECONDS]
        beside = [seconds for begun, seconds in found if begun >= half]
        return Report(alone, beside, len(ids) - len(found), neighbours.came)


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def text(report: Report) -> str:
    """The table as Markdown."""
    lines = ["| healthy executions | alone | beside neighbours | required |", "|---|---|---|---|"]
    lines.append(f"| ended | {len(report.alone)} | {len(report.beside)} | all |")
    has_both = min(len(report.alone), len(report.beside)) > 1
    for percent in (50, 99) if has_both else ():
        alone, beside = percentile(report.alone, percent), percentile(report.beside, percent)
        required = f"{MOST_TIMES:g} times at most" if percent == 99 else ""
        figures = f"{alone * 1000:.0f} ms | {beside * 1000:.0f} ms ({beside / alone:.1f} times)"
        lines.append(f"| latency, {percent}th percentile | {figures} | {required} |")
    if not has_both:
        lines.append("| latency | none | none | |")
    came = ", ".join(f"{report.came.count(kind)} x {kind}" for kind in KINDS)
    return "\n".join([*lines, "", f"Neighbours: {came}. {report.lost} not ended."])


def _healthy_starts() -> Iterator[Plan]:
    number = 0
    while True:
        number += 1
        path = f"/workflows/{HEALTHY}/execute"
        yield Plan(number, path, {"input": {}}, f"healthy-{number}", True, None, 0, None, None)


def _await_ends(stack: Stack, ids: Sequence[str], patience: float = 120) -> list[tuple[float, float]]:
    """The times at which these executions began, and their latencies, of all that end in time."""
    deadline = time.monotonic() + patience
    sql = "SELECT created_at, finished_at FROM execution WHERE id = ANY(%s::uuid[]) AND status = 'COMPLETED'"
    with closing(psycopg2.connect(stack.postgres.url)) as connection:
        connection.autocommit = True
        while True:
            with connection.cursor() as cursor:
                cursor.execute(sql, (list(ids),))
                found = cursor.fetchall()
            if len(found) == len(ids) or time.monotonic() > deadline:
                return [(begun / 1000, (ended - begun) / 1000 - WAIT_SECONDS) for begun, ended in found]
            pause(0.5)
