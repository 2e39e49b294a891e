from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from stepwell.functions.errors import TooManyRequests
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.server.threads import WorkingThreads
from tests.services import until


def test_so_many_jobs_run_at_a_time_and_in_their_order() -> None:
    threads, gate, begun = WorkingThreads("t", 2), threading.Event(), []

    def job(number: int) -> Callable[[], None]:
        return lambda: (begun.append(number), gate.wait(60))  # type: ignore[func-returns-value, return-value]

    for number in range(4):
        threads.submit(job(number))
    until(lambda: len(begun) == 2, "two run")
    assert threads.threads == 2 and sorted(begun) == [0, 1]
    gate.set()
    until(lambda: len(begun) == 4, "all have run")
    assert begun[2:] in ([2, 3], [3, 2])
    threads.close()


def test_a_job_that_waits_leaves_its_place_to_another() -> None:
    threads, limit, gate, done = WorkingThreads("t", 1), WaitingLimit(3), threading.Event(), []

    def waits() -> None:
        with limit.place(TooManyRequests()):
            assert gate.wait(60)
        done.append("waited")

    for _ in range(3):
        threads.submit(waits)
    threads.submit(lambda: done.append("worked"))
    until(lambda: done == ["worked"], "the others wait without a place")
    gate.set()
    until(lambda: len(done) == 4, "all are done")
    until(lambda: threads.threads == 1, "no thread too many is left")
    threads.close()


def test_a_job_that_fails_costs_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    threads, done = WorkingThreads("t", 1), threading.Event()

    def fails() -> None:
        raise KeyError("x")

    threads.submit(fails)
    threads.submit(done.set)
    assert done.wait(60)
    assert [record.getMessage() for record in caplog.records] == ["a request failed outside its handler"]
    threads.close()
