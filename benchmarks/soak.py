"""``python -m benchmarks.soak --minutes 20`` runs Stepwell at a steady rate with retention on: nothing may grow.

A web process, a worker, a PostgreSQL that syncs and a Redis run executions of each kind: step lists, flows with a tree
of their own, invoices with a PDF and a mail, and Map Runs that write files. What has ended goes after a minute. A table
shows rows, files, disk, memory, connections, open files and threads over the time. Exit status 1: something grew, that
is, it was larger in the last quarter than in the second one by more than a steady rate explains.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import redis

from benchmarks.throughput import CLIENTS, ROOT, STEPS, Durable, Installation, installed
from stepwell.db.models import TABLES
from tests.services import any_redis, until

KEPT_SECONDS = 60
SAMPLES = 40
GROWTH = 1.15
"""How much larger the last quarter may be: one minute's executions are never as many as another's."""
MIB = 1 << 20
SLACK = {"disk, MiB": 4, "memory, MiB": 16, "open files": 8, "threads": 2, "connections": 2, "files": 20}
"""What is too little to be growth, whatever part of the whole it is."""
NAMES = [model._meta.table_name for model in TABLES]
FAN = {
    "StartAt": "All",
    "States": {
        "All": {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "One",
                "States": {"One": {"Type": "Task", "Resource": "nothing", "End": True}},
            },
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": "b", "Prefix": "runs"},
            },
            "End": True,
        }
    },
}


@dataclass
class Load:
    """Starts executions at a steady rate until it is told to end."""

    one: Installation
    rate: float
    started: int = 0
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def begin(self) -> None:
        five = [{"taskName": "nothing", "name": f"s{number}"} for number in range(STEPS)]
        self.one.call("POST", "/workflows", {"name": "five", "definition": {"steps": five}})
        self.one.call("POST", "/workflows", {"name": "fan", "definition": FAN})
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            while not self._ended.wait(max(0.0, began + self.started / self.rate - time.monotonic())):
                pool.submit(self._start, self.started)
                self.started += 1

    def _start(self, number: int) -> None:
        try:
            match number % 10:
                case 0:
                    self.one.call("POST", "/workflows/invoice_pdf/execute")
                case 1:
                    self.one.call("POST", "/workflows/fan/execute", {"input": [1, 2, 3]})
                case 2 | 3:
                    self.one.call("POST", "/flows", {"name": "nothing", "data": {"number": number}})
                case _:
                    self.one.call("POST", "/workflows/five/execute")
        except (AssertionError, OSError) as fault:
            self.refused.append(str(fault)[:200])


def sampled(one: Installation, processes: list[psutil.Process], redis_url: str) -> dict[str, float]:
    """All figures at this moment."""
    members = [child for root in processes for child in (root, *root.children(recursive=True))]
    files = [path for path in Path(one.environment["STEPWELL_HOME"]).rglob("*") if path.is_file()]
    with redis.Redis.from_url(redis_url) as client:
        queue = client.info("memory")["used_memory"]
    return {
        **_rows(one.environment["DATABASE_URL"]),
        "files": sum(not path.name.endswith(".log") for path in files),
        "memory, MiB": sum(_figures(members, lambda child: child.memory_info().rss)) / MIB,
        "Redis, MiB": queue / MIB,
        "open files": sum(_figures(members, lambda child: child.num_fds())),
        "threads": sum(_figures(members, lambda child: child.num_threads())),
        "processes": len(members),
    }


def _figures(members: list[psutil.Process], figure: Any) -> Iterator[float]:
    for child in members:
        with suppress(psutil.NoSuchProcess):  # a handler's process was replaced meanwhile
            yield figure(child)


def _rows(url: str) -> dict[str, float]:
    counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in NAMES)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}")
        rows = dict(zip(NAMES, cursor.fetchone() or (), strict=True))
        cursor.execute("SELECT pg_database_size(current_database())")
        size = (cursor.fetchone() or (0,))[0]
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        connections = (cursor.fetchone() or (0,))[0]
    kinds = {name: rows[name] for name in ("execution", "task", "attempt", "history", "map_run", "version", "timer")}
    named = {f"rows of {name}": count for name, count in kinds.items()}
    others = sum(rows.values()) - sum(kinds.values())
    return {**named, "other rows": others, "disk, MiB": size / MIB, "connections": connections}


def soaked(one: Installation, redis_url: str, minutes: float, rate: float) -> tuple[Load, list[dict[str, float]]]:
    """Run the load, and sample it at even distances."""
    samples = []
    one.migrate()
    with one.running("web") as web:
        until(one.is_up, "web answers", 60)
        with one.running("worker") as worker:
            load = Load(one, rate)
            load.begin()
            began = time.monotonic()
            for number in range(1, SAMPLES + 1):
                time.sleep(max(0.0, began + number * minutes * 60 / SAMPLES - time.monotonic()))
                samples.append(sampled(one, [web, worker], redis_url))
            load.end()
    return load, samples


def is_flat(name: str, values: list[float]) -> bool:
    """False if the last quarter is larger than the second one, which is the first one after all was warm."""
    quarter = len(values) // 4
    before, after = max(values[quarter : 2 * quarter]), max(values[-quarter:])
    return after <= before * GROWTH or after - before <= SLACK.get(name, 10)


def table(samples: list[dict[str, float]]) -> str:
    """The largest figure of each quarter, as Markdown."""
    quarter = len(samples) // 4
    lines = ["| | 1st quarter | 2nd | 3rd | 4th | |", "|---|---|---|---|---|---|"]
    for name in samples[0]:
        values = [one[name] for one in samples]
        cells = " | ".join(f"{max(values[at : at + quarter]):.0f}" for at in range(0, 4 * quarter, quarter))
        lines.append(f"| {name} | {cells} | {'flat' if is_flat(name, values) else 'GREW'} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=10, help="executions started a second")
    options = parser.parse_args()
    with Durable() as server, any_redis() as redis_server, installed(ROOT, server.url, redis_server) as one:
        one.environment["STEPWELL_RETENTION_DAYS"] = str(KEPT_SECONDS / 86400)
        load, samples = soaked(one, one.environment["REDIS_URL"], options.minutes, options.rate)
    print(f"{options.minutes:g} minutes: {load.started} starts, {len(load.refused)} refused {load.refused[:3]}")
    print(table(samples))
    names = samples[0].keys()
    return 0 if all(is_flat(name, [one[name] for one in samples]) for name in names) and not load.refused else 1


if __name__ == "__main__":
    sys.exit(main())
