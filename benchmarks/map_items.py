"""``python -m benchmarks.map_items``: does an item of a Map cost as much among a hundred thousand as among a thousand?

Each run has an empty database and a process of its own. The process does a worker's work, with handlers that return at
once. The figures are ratios to the smallest run: the time per item, the processor time per item (which depends less on
the machine's other load), and the process's peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stepwell.db import queries
from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.db.models import MapRun
from stepwell.functions.contract import Json
from stepwell.runtime.assembly import Runtime
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.settings import Settings
from tests.runtime.stage import Script, Stage, machine, returns, task
from tests.services import any_postgres, fresh_database

AT_ONCE = 100
DONE = returns("done")
FULL = "x" * 80
"""One inline item: the largest list of them nearly fills an execution's input."""
DATABASES = ("sqlite", "postgresql")


def lines(count: int) -> Iterator[str]:
    yield from (f'{{"id": {number}}}\n' for number in range(count))


def table(count: int) -> Iterator[str]:
    yield "id,name\n"
    yield from (f"{number},n\n" for number in range(count))


def array(count: int) -> Iterator[str]:
    yield "["
    yield from (f'{"," if number else ""}{{"id": {number}}}\n' for number in range(count))
    yield "]"


SOURCES: dict[str, tuple[str, Callable[[int], Iterator[str]]]] = {
    "lines": ("JSONL", lines),
    "table": ("CSV", table),
    "array": ("JSON", array),
}
SIZES = {name: (1_000, 10_000, 100_000) for name in SOURCES} | {"inline": (500, 1_500, 3_000)}


class Quick(Script):
    """Handlers that return at once, and are not recorded."""

    def run(self, invocation: Invocation) -> Outcome:
        return DONE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=SIZES, action="append")
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--most", type=int, default=100_000, help="leave larger runs out")
    parser.add_argument("--one", nargs=3, metavar=("SOURCE", "COUNT", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return print(json.dumps(measured(options.one[0], int(options.one[1]), options.one[2])))
    for kind in options.database or DATABASES:
        for source in options.source or SIZES:
            compare(kind, source, [size for size in SIZES[source] if size <= options.most])


def compare(kind: str, source: str, sizes: list[int]) -> None:
    """Run the sizes one after the other, and print each one's ratios to the smallest."""
    first: Json = None
    for size in sizes:
        with empty(kind) as url:
            command = [sys.executable, "-m", "benchmarks.map_items", "--one", source, str(size), url]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        first = first or found
        figures = (f"{one} {found[one]:.2f} ({found[one] / first[one]:.2f})" for one in found)
        print(f"{kind}, {source}, {size} items: {', '.join(figures)}", flush=True)


def measured(source: str, size: int, url: str) -> Json:
    """The figures of one run."""
    with tempfile.TemporaryDirectory() as place, opened(url, Path(place)) as stage:
        definition, given = workflow(source, size, Path(place))
        began, computed = time.perf_counter(), time.process_time()
        identity = stage.start(definition, given)
        work_off(stage)
        took, computed = time.perf_counter() - began, time.process_time() - computed
        ended = stage.execution(identity)
        assert ended.status == "COMPLETED", (ended.error, ended.cause)
        assert source == "inline" or counted() == size
    item = {"ms an item": took * 1000 / size, "ms computed": computed * 1000 / size}
    return {**item, "MB at most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def workflow(source: str, size: int, place: Path) -> tuple[Json, Json]:
    """A machine of one Map over ``size`` items, and its input."""
    processor = machine(item=task("step1", ResultPath=None))
    if source == "inline":
        return machine(all={"Type": "Map", "ItemProcessor": processor, "ResultPath": None}), [FULL] * size
    kind, write = SOURCES[source]
    with (place / "items").open("w") as file:
        file.writelines(write(size))
    processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    bucket = {"Bucket": "b"}
    return machine(
        all={
            "Type": "Map",
            "MaxConcurrency": AT_ONCE,
            "ItemProcessor": processor,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": kind},
                "Parameters": {**bucket, "Key": "items"},
            },
            "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {**bucket, "Prefix": "out"}},
        }
    ), {}


def work_off(stage: Stage) -> None:
    """Do the work of workers and timers until nothing is left."""
    while True:
        for task_id in stage.take_queued():
            stage.work.run(task_id)
        while stage.executions.fire_next() is not None:
            pass
        with database.connection_context():
            if not stage.queue.depth() and queries.next_timer_ms() is None:
                return


def counted() -> int:
    with database.connection_context():
        run = MapRun.get()
        return int(run.succeeded)


@contextmanager
def opened(url: str, place: Path) -> Iterator[Stage]:
    connect(url)
    migrate()
    script = Quick()
    runtime = Runtime(Settings(home=place, database_url=url, artifacts_dir=place, outbox_dir=place), script)
    try:
        yield Stage(runtime, script)
    finally:
        runtime.close()


@contextmanager
def empty(kind: str) -> Iterator[str]:
    """The URL of a database without rows."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as place:
            yield f"sqlite:///{place}/stepwell.db"
        return
    with any_postgres() as server, fresh_database(server) as url:
        yield url


if __name__ == "__main__":
    main()
