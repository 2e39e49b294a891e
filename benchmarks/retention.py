"""``python -m benchmarks.retention`` measures what work feels of retention, and how large an execution is.

It fills a PostgreSQL that syncs with old executions of five steps, by SQL, and then runs new ones, those of
``benchmarks.throughput``, in turns with retention off and on. ``steps/s`` on over off is what work feels; the processor
time a step, of the web process, the worker and PostgreSQL, says the same on a machine that is busy with something else.
With ``--growth`` it runs executions of five steps instead, and prints how many bytes each adds to a database.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import psutil
import psycopg2

from benchmarks.throughput import ROOT, STEPS, WARM, WARM_RUNS, Durable, Installation, cpu_ms, installed
from stepwell.db.database import database, is_sqlite
from stepwell.runtime.moves.start import Wanted
from tests.runtime.stage import staged, steps
from tests.services import any_redis, fresh_database, until

AT_ONCE = 10_000
LEFT = "SELECT count(*) FROM execution WHERE workflow = 'old'"
SETTINGS = {"off": "off", "on": "30"}
# Ids as Stepwell makes them: a task's is its execution's plus its number.
FILL = """
WITH made AS (
  INSERT INTO execution (id, workflow_id, workflow, version_id, version, status, paused, revision, history_count, entry,
    entered_at, waiting, retries, open, data, input, output, created_at, finished_at)
  SELECT (lpad(to_hex(n), 12, '0') || '70008000000000000000')::uuid, md5('old')::uuid, 'old', md5('old')::uuid, 1,
    'COMPLETED', false, 10, 18, 17, n, 'ended', '', 0, 'null', '{}', '{"done": true}', n, n
  FROM generate_series(%s, %s) n RETURNING id, created_at),
tasks AS (
  INSERT INTO task (id, execution_id, number, frame, entry, step, function, status, attempt, retries, losses, data,
    input, result, created_at, started_at, finished_at)
  SELECT (left(made.id::text, 35) || t)::uuid, made.id, t, '', 3 * t, 's' || t, 'nothing', 'COMPLETED', 1, 0, 0, 'null',
    '{"data": null, "input": {}, "results": {}}', 'null', created_at, created_at, created_at
  FROM made, generate_series(1, 5) t RETURNING id),
attempts AS (
  INSERT INTO attempt (task_id, attempt, owner, outcome, logs, started_at, finished_at)
  SELECT id, 1, 'somebody', 'COMPLETED', '', 1, 1 FROM tasks)
INSERT INTO history (execution_id, id, type, at, frame, step, details)
SELECT id, h, 'TaskSucceeded', created_at, '', 's', '{"task": 1, "attempt": 1}' FROM made, generate_series(1, 18) h
"""


def fill(url: str, count: int) -> None:
    """Write old executions, each with its tasks, attempts and history."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for first in range(1, count + 1, AT_ONCE):
            cursor.execute(FILL, (first, min(first + AT_ONCE - 1, count)))
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def left(one: Installation) -> int:
    return int(one._found(LEFT)[0][0])


def work(one: Installation, retention: str, name: str, executions: int, *others: psutil.Process) -> dict[str, float]:
    """The figures of a run with retention off or on. ``others`` are processes whose processor time counts besides."""
    one.environment["STEPWELL_RETENTION_DAYS"] = SETTINGS[retention]
    before = left(one)
    with one.running("worker") as worker:
        one.create(f"{WARM}-{name}")
        one.start(f"{WARM}-{name}", WARM_RUNS)
        one.all_ended(f"{WARM}-{name}", WARM_RUNS)
        one.create(name)
        if retention == "on":
            until(lambda: left(one) < before, "the worker deletes", 120)
        old, began, used = left(one), time.perf_counter(), cpu_ms(worker, *others)
        one.start(name, executions)
        one.all_ended(name, executions)
        took = time.perf_counter() - began
        return {
            "steps/s": executions * STEPS / took,
            "CPU us a step": (cpu_ms(worker, *others) - used) * 1000 / (executions * STEPS),
            "p50 ms": statistics.median(one.took_ms(name)),
            "deleted/s": (old - left(one)) / took,
        }


def felt(count: int, rounds: int, executions: int) -> None:
    """Print each run, the ratios, and how long all old executions take while nothing else runs."""
    with Durable() as server, any_redis() as redis_server, installed(ROOT, server.url, redis_server) as one:
        one.migrate()
        began = time.perf_counter()
        fill(one.environment["DATABASE_URL"], count)
        print(f"{count} old executions written in {time.perf_counter() - began:.0f} s", flush=True)
        ratios: dict[str, list[float]] = {"steps/s": [], "CPU us a step": []}
        with one.running("web") as web:
            database_server = psutil.Process(server.pid)
            until(one.is_up, "web answers", 60)
            for number in range(rounds):
                order = ("off", "on") if number % 2 == 0 else ("on", "off")
                found = {kind: work(one, kind, f"{kind}{number}", executions, web, database_server) for kind in order}
                for kind, figures in found.items():
                    print(kind, *(f"{name} {value:.0f}" for name, value in figures.items()), flush=True)
                for name, values in ratios.items():
                    values.append(found["on"][name] / found["off"][name])
            for name, values in ratios.items():
                low, high = min(values), max(values)
                print(
                    f"{name}, on over off: median {statistics.median(values):.2f} ({low:.2f} to {high:.2f})", flush=True
                )
            one.environment["STEPWELL_RETENTION_DAYS"] = SETTINGS["on"]
            rest, began = left(one), time.perf_counter()
            with one.running("worker"):
                until(lambda: left(one) < rest, "the worker deletes", 120)
                rest, began = left(one), time.perf_counter()
                until(lambda: left(one) == 0, "all old executions are gone", 7200)
            took = time.perf_counter() - began
            print(f"the last {rest} went in {took:.0f} s while nothing else ran: {rest / took:.0f}/s")


def growth(count: int) -> None:
    """Print the bytes that an execution of five steps adds to a database of each kind."""
    with Durable() as server, fresh_database(server.url) as url, tempfile.TemporaryDirectory() as home:
        for kind, address in (("SQLite", f"sqlite:///{home}/stepwell.db"), ("PostgreSQL", url)):
            with staged(address, Path(home)) as stage:
                empty = size()
                stage.workflows.create("five", steps(*["step1"] * STEPS))
                for _ in range(count):
                    stage.executions.start(stage.workflows.latest("five"), Wanted({}))
                    stage.run()
                print(
                    f"{kind}: {(size() - empty) / count:.0f} bytes an execution of {STEPS} steps ({count} executions)"
                )


def size() -> int:
    """The bytes of the process's database, with its indexes."""
    with database.connection_context():
        if is_sqlite():
            pages, bytes_each = (
                database.execute_sql(f"PRAGMA {one}").fetchone()[0] for one in ("page_count", "page_size")
            )
            return int(pages * bytes_each)
        return int(database.execute_sql("SELECT pg_database_size(current_database())").fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--executions", type=int, default=500)
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    if options.growth:
        growth(2_000)
    else:
        felt(options.old, options.rounds, options.executions)


if __name__ == "__main__":
    main()
