"""Functions as an API handler sees them, on both databases."""

from __future__ import annotations

import runpy
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.errors import (
    NotFound,
    TooManyRequests,
)
from stepwell.runtime.api.functions import INVOCATIONS, FunctionsApi
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.lambdas.functions import Functions
from stepwell.runtime.settings import ROOT
from tests.runtime.stage import Stage


def test_functions_are_listed_and_invoked(stage: Stage, api: ApiContext):
    assert {"step1", "step2"} <= {one.name for one in api.functions.list()}
    assert api.functions.openapi()["openapi"].startswith("3.")
    with pytest.raises(NotFound):
        api.functions.invoke("nobody", {})


class Waiting:
    """An invoker whose invocations wait for ``go``. Each releases ``begun`` at its start."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.limits: list[float | None] = []

    def run(self, invocation: Invocation) -> Outcome:
        self.limits.append(invocation.timeout_seconds)
        self.begun.release()
        assert self.go.wait(60)
        return Outcome(error="States.Timeout")


def test_invocations_leave_threads_of_the_web_process_to_others():
    invoker = Waiting()
    functions = FunctionsApi(Catalog.load(), Functions({}, Path()), invoker)  # type: ignore[arg-type]
    with ThreadPoolExecutor(INVOCATIONS) as pool:
        running = [pool.submit(functions.invoke, "step1", {}) for _ in range(INVOCATIONS)]
        for _ in running:
            assert invoker.begun.acquire(timeout=60)
        with pytest.raises(TooManyRequests) as refusal:
            functions.invoke("step1", {})
        invoker.go.set()
    assert refusal.value.headers == {"retry-after": "1"}
    assert [one.result()["error"] for one in running] == ["States.Timeout"] * INVOCATIONS
    assert functions.invoke("step1", {})["error"] == "States.Timeout"
    assert set(invoker.limits) == {30.0}


def test_fewer_invocations_run_than_a_web_process_has_threads():
    assert INVOCATIONS <= runpy.run_path(str(ROOT / "gunicorn.conf.py"))["threads"] // 2
