"""PostgreSQL stopped, restarted, frozen, its connections killed: requests get 503 meanwhile, then work goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import psutil
import psycopg2
import pytest

from stepwell.db.database import database
from tests.faults.client import Answer, Load
from tests.faults.conftest import Measured
from tests.faults.stack import QUICK, Stack, Web, is_gone
from tests.runtime.stage import steps
from tests.services import Postgres, fresh_database, until

ANSWER_SECONDS = 20.0
BACK_SECONDS = 10.0
CALM = 50
PATIENT = {"STEPWELL_LEASE_SECONDS": "60"}
"""Longer than any outage here: a lease that runs out during an outage may count as a loss."""
LEASES = 3


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    with fresh_database(postgres.url) as url:
        try:
            yield url
        finally:
            postgres.resume()
            postgres.start()


def restart_fast(postgres: Postgres) -> None:
    """Restart like ``pg_ctl -m fast restart``: it rolls transactions back, ends sessions and writes everything."""
    assert postgres.pid is not None
    process = psutil.Process(postgres.pid)
    os.kill(process.pid, signal.SIGINT)
    until(lambda: is_gone(process), "PostgreSQL has stopped")
    postgres.restart()


def end_connections(postgres: Postgres) -> None:
    with closing(psycopg2.connect(postgres.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


@dataclass(frozen=True)
class Hurt:
    act: Callable[[Postgres], None]
    seconds: float = 0.0
    """The shortest length of the outage."""
    mend: Callable[[Postgres], None] = Postgres.start
    refuses: bool = False
    """True if requests are refused during the outage. Otherwise they wait, or the outage ends at once."""


HURTS = {
    "restarted, fast": Hurt(restart_fast),
    "restarted, immediate": Hurt(Postgres.restart),
    "killed and started": Hurt(Postgres.kill),
    "its connections ended": Hurt(end_connections),
    "away for 5 s": Hurt(Postgres.stop, 5.0, refuses=True),
    "frozen for 5 s": Hurt(Postgres.pause, 5.0, Postgres.resume),
    "frozen for 20 s": Hurt(Postgres.pause, 20.0, Postgres.resume, refuses=True),
}


def questions(web: Web) -> list[Callable[[], Answer]]:
    start = partial(web.ask, "POST", "/workflows/w/execute")
    look = [partial(web.ask, "GET", path) for path in ("/executions", "/queues", "/ready", "/health")]
    return [start, start, start, *look]


def fits(answer: Answer) -> bool:
    """True for an answer allowed during and after an outage: success, or 503 with Retry-After; and in time."""
    if answer.seconds > ANSWER_SECONDS:
        return False
    if answer.request == "GET /health":
        return answer.status == 200
    return answer.status in (200, 201) or (answer.status == 503 and answer.headers.get("retry-after") == "1")


def is_calm(load: Load, since: int) -> bool:
    """True if the last CALM answers since then are all successes."""
    latest = load.answers[since:][-CALM:]
    return len(latest) == CALM and all(answer.status in (200, 201) for answer in latest)


@pytest.mark.parametrize("name", HURTS)
def test_requests_are_put_off_and_work_goes_on(stack: Stack, postgres: Postgres, measured: Measured, name: str):
    hurt = HURTS[name]
    web = stack.web()
    for number in (1, 2):
        stack.worker(f"worker-{number}", **PATIENT)
    stack.stage.workflows.create("w", steps("works", "works", "works"))
    with Load(questions(web)) as load:
        until(lambda: len(load.started()) > 30 and stack.noted("ended"), f"it works; {stack.said()}")
        began = time.monotonic()
        hurt.act(postgres)
        until(lambda: time.monotonic() - began > hurt.seconds, "PostgreSQL was away for so long")
        hurt.mend(postgres)
        back = time.monotonic()
        since = len(load.answers)
        until(lambda: is_calm(load, since), f"all is well again; {stack.said()}")
    refused = [answer for answer in load.answers if answer.status == 503]
    last = max([0.0, *(answer.at - back for answer in refused)])
    measured("answered 503", f"{len(refused)} of {len(load.answers)}")
    measured("seconds from its return to the last 503", last)
    measured("slowest answer, in seconds", max(answer.seconds for answer in load.answers))
    assert [answer for answer in load.answers if not fits(answer)] == []
    assert last < BACK_SECONDS
    assert not hurt.refuses or min(answer.at for answer in refused) < back
    database.close_all()  # the outage broke this process's own connections, too
    assert stack.keeps(load)
    ended = time.monotonic()
    stack.drains(stack.executions(), BACK_SECONDS)
    measured("seconds from the last start until nothing is left to do", time.monotonic() - ended)
    assert stack.losses() == 0 and set(stack.outcomes()) == {"COMPLETED"}
    assert set(stack.noted("ended").values()) == {1}


def test_what_runs_while_postgresql_is_frozen_for_longer_than_a_lease_ends_once(stack: Stack, postgres: Postgres):
    """The handlers end during the outage. No worker can report their results before all leases have run out."""
    stack.worker(**QUICK)
    running = [stack.start("works", "works", data={"gate": "gate"}) for _ in range(3)]
    for identity in running:
        stack.handler_of(identity)
    began = time.monotonic()
    postgres.pause()
    until(lambda: time.monotonic() - began > LEASES * float(QUICK["STEPWELL_LEASE_SECONDS"]), "leases have run out")
    stack.open("gate")
    until(lambda: stack.noted("ended").total() == len(running), "the handlers have ended")
    postgres.resume()
    stack.all_end(len(running))
    assert stack.outcomes()["COMPLETED"] == 2 * len(running) and set(stack.outcomes()) <= {"COMPLETED", "LOST"}
    for identity in running:
        assert stack.stage.history(identity).count("ExecutionSucceeded") == 1
