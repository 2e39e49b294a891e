"""``python -m benchmarks.throughput [CHECKOUT ...]`` times starts, steps and a single execution of checkouts.

Each checkout is run as its own Procfile says, on a PostgreSQL that syncs and a Redis of its own, one after the other in
every round. The figures of a round are compared with those of the first checkout in the same round: the machine drifts.

* steps/s: 500 executions of five steps that do nothing, from the first request to the last execution's end;
* CPU a step: the processor time of the web and worker processes meanwhile, in microseconds;
* starts/s: requests that start an execution while no worker runs;
* latency: from the start of one execution of five steps to its end, while nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from tests.services import Postgres, any_redis, free_port, fresh_database, fresh_redis, until

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = 8
STEPS = 5
HANDLER = "def handler(event, context):\n    return None\n"
WARM, WARM_RUNS = "warm", 50


class Durable(Postgres):
    """A PostgreSQL that syncs each commit to its disk."""

    def _command(self) -> list[str | Path]:
        return [word if word != "fsync=off" else "fsync=on" for word in super()._command()]


class Installation:
    """The processes of one checkout, on a database and a Redis of their own."""

    def __init__(self, checkout: Path, environment: dict[str, str]) -> None:
        self.checkout = checkout
        self.environment = environment
        self._local = threading.local()
        lines = (line.split(": ", 1) for line in (checkout / "Procfile").read_text().splitlines())
        self._commands = {name: shlex.split(command.removeprefix("exec ")) for name, command in lines}

    @contextmanager
    def running(self, process: str) -> Iterator[psutil.Process]:
        """A process type of the Procfile, until the block ends."""
        log = Path(self.environment["STEPWELL_HOME"]) / f"{process}.log"
        with log.open("wb") as output:
            child = subprocess.Popen(self._commands[process], stdout=output, stderr=output, **self._where())
        try:
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait(60)

    def migrate(self) -> None:
        subprocess.run(self._commands["release"], check=True, capture_output=True, **self._where())

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request, over the calling thread's own connection."""
        try:
            return self._called(method, path, body)
        except (BrokenPipeError, ConnectionResetError):  # it was idle for so long that the server has closed it
            del self._local.connection
            return self._called(method, path, body)

    def _called(self, method: str, path: str, body: Any) -> Any:
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection("127.0.0.1", int(self.environment["PORT"]), timeout=60)
        connection: HTTPConnection = self._local.connection
        connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text)

    def is_up(self) -> bool:
        try:
            return bool(self.call("GET", "/health"))
        except OSError:
            del self._local.connection
            return False

    def start(self, workflow: str, count: int) -> None:
        """Start ``count`` executions from CLIENTS threads."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            for done in [pool.submit(self.call, "POST", f"/workflows/{workflow}/execute", {}) for _ in range(count)]:
                done.result()

    def create(self, workflow: str) -> None:
        steps = [{"taskName": "nothing", "name": f"s{number}"} for number in range(STEPS)]
        self.call("POST", "/workflows", {"name": workflow, "definition": {"steps": steps}})

    def all_ended(self, workflow: str, count: int) -> None:
        """Await the end of ``count`` executions."""
        sql = "SELECT count(*) FROM execution WHERE workflow = %s AND status = 'COMPLETED'"
        until(lambda: self._found(sql, workflow) == [(count,)], f"{count} executions of {workflow} end", 300)

    def took_ms(self, workflow: str) -> list[int]:
        """How long each execution took by the database's clock, in milliseconds."""
        sql = "SELECT finished_at - created_at FROM execution WHERE workflow = %s"
        return [took for (took,) in self._found(sql, workflow)]

    def _found(self, statement: str, *values: str) -> list[Any]:
        connection = psycopg2.connect(self.environment["DATABASE_URL"])
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def _where(self) -> dict[str, Any]:
        return {"cwd": self.checkout, "env": self.environment}


def cpu_ms(*processes: psutil.Process) -> float:
    """The processor time that these processes and their children have had."""
    times = [one.cpu_times() for root in processes for one in (root, *root.children(recursive=True))]
    return sum(one.user + one.system for one in times) * 1000


def measured(one: Installation, executions: int, singles: int) -> dict[str, float]:
    """The figures of one checkout in one round."""
    figures: dict[str, float] = {}
    one.migrate()
    with one.running("web") as web:
        until(one.is_up, f"{one.checkout.name} answers", 60)
        for workflow in (WARM, "many", "idle", "starts"):
            one.create(workflow)
        with one.running("worker") as worker:
            one.start(WARM, WARM_RUNS)
            one.all_ended(WARM, WARM_RUNS)
            began, used = time.perf_counter(), cpu_ms(web, worker)
            one.start("many", executions)
            one.all_ended("many", executions)
            figures["steps/s"] = executions * STEPS / (time.perf_counter() - began)
            figures["CPU us a step"] = (cpu_ms(web, worker) - used) * 1000 / (executions * STEPS)
            for number in range(singles):
                one.start("idle", 1)
                one.all_ended("idle", number + 1)
            took = sorted(one.took_ms("idle"))
            figures["p50 ms"], figures["p99 ms"] = statistics.median(took), took[int(len(took) * 0.99)]
        began = time.perf_counter()
        one.start("starts", executions)
        figures["starts/s"] = executions / (time.perf_counter() - began)
    return figures


@contextmanager
def installed(checkout: Path, server: str, redis_server: str) -> Iterator[Installation]:
    """A checkout on an empty database and an empty Redis."""
    with (
        tempfile.TemporaryDirectory() as place,
        fresh_database(server) as database_url,
        fresh_redis(redis_server) as redis_url,
    ):
        steps = Path(place) / "own" / "steps"
        steps.mkdir(parents=True)
        (steps / "nothing.py").write_text(HANDLER)
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PORT": str(free_port()),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "STEPWELL_HOME": place,
            "FUNCTIONS_PATH": str(steps.parent),
        }
        yield Installation(checkout, environment)


def rounds(checkouts: Sequence[Path], count: int, executions: int, singles: int) -> Iterator[list[dict[str, float]]]:
    """The figures of every checkout, round by round; every second round begins with the last one."""
    with Durable() as server, any_redis() as redis_server:
        for number in range(count):
            order = checkouts if number % 2 == 0 else checkouts[::-1]
            found = {}
            for checkout in order:
                with installed(checkout, server.url, redis_server) as one:
                    found[checkout] = measured(one, executions, singles)
            yield [found[checkout] for checkout in checkouts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", nargs="*", type=Path, help="other checkouts; this one is always measured first")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--executions", type=int, default=500)
    parser.add_argument("--singles", type=int, default=100)
    options = parser.parse_args()
    checkouts = [ROOT, *(path.resolve() for path in options.checkouts)]
    all_found = []
    for found in rounds(checkouts, options.rounds, options.executions, options.singles):
        all_found.append(found)
        for checkout, figures in zip(checkouts, found, strict=True):
            print(checkout.name, *(f"{name} {value:.0f}" for name, value in figures.items()), flush=True)
    for place, checkout in enumerate(checkouts):
        for name in all_found[0][0]:
            values = [found[place][name] for found in all_found]
            ratios = [found[0][name] / found[place][name] for found in all_found]
            print(
                f"{checkout.name}: {name} median {statistics.median(values):.0f} "
                f"({min(values):.0f} to {max(values):.0f}); {ROOT.name} over it {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f})"
            )


if __name__ == "__main__":
    main()
