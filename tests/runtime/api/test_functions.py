"""Functions as an API handler sees them, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stepwell.functions.contract.rest import ApiContext
from stepwell.functions.errors import (
    NotFound,
    TooManyRequests,
)
from stepwell.runtime.api.functions import FunctionsApi
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.lambdas.functions import Functions
from tests.runtime.stage import Stage


def test_functions_are_listed_and_invoked(stage: Stage, api: ApiContext):
    assert {"step1", "step2"} <= {one.name for one in api.functions.list()}
    assert api.functions.openapi()["openapi"].startswith("3.")
    with pytest.raises(NotFound):
        api.functions.invoke("nobody", {})


PLACES = 3


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


def test_an_invocation_takes_a_place_of_those_that_wait():
    invoker = Waiting()
    functions = FunctionsApi(Catalog.load(), Functions({}, Path()), invoker, WaitingLimit(PLACES))  # type: ignore[arg-type]
    with ThreadPoolExecutor(PLACES) as pool:
        running = [pool.submit(functions.invoke, "step1", {}) for _ in range(PLACES)]
        for _ in running:
            assert invoker.begun.acquire(timeout=60)
        with pytest.raises(TooManyRequests) as refusal:
            functions.invoke("step1", {})
        invoker.go.set()
    assert refusal.value.headers == {"retry-after": "1"}
    assert [one.result()["error"] for one in running] == ["States.Timeout"] * PLACES
    assert functions.invoke("step1", {})["error"] == "States.Timeout"
    assert set(invoker.limits) == {30.0}
