"""Acts: each runs one execution from start to end inside this process, and returns its id.

An act repeats a request after a 503, and repeats a worker's turn after a fault, as clients and workers do.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from stepwell.runtime.app import create_app
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.outage import one_turn
from tests.crash.plays import PLAYS
from tests.runtime.stage import LONG_AGO, Stage, raises, returns

Json = Any
Act = Callable[[Stage], str]

NOTHING: Mapping[str, str] = MappingProxyType({})


def three(stage: Stage) -> str:
    return _performed(stage, "three")


def fan(stage: Stage) -> str:
    return _performed(stage, "fan")


def wait(stage: Stage) -> str:
    return _performed(stage, "wait")


def map_run(stage: Stage) -> str:
    return _performed(stage, "files")


def retry(stage: Stage) -> str:
    stage.script.let("flaky", raises("NotYet"), returns("well"))
    return _performed(stage, "retry")


def start_without_a_key(stage: Stage) -> str:
    identity = _insist(stage, "/workflows/three/execute")["executionId"]
    go_on(stage)
    return identity


def start_with_a_key(stage: Stage) -> str:
    key = {"idempotency-key": secrets.token_hex(8)}
    first, second = (_insist(stage, "/workflows/three/execute", headers=key)["executionId"] for _ in range(2))
    assert first == second
    go_on(stage)
    return first


def answer(stage: Stage) -> str:
    identity = _performed(stage, "ask")
    _insist(stage, f"/tasks/{stage.task(identity).token}/success", {"output": "yes"})
    go_on(stage)
    return identity


def cancel(stage: Stage) -> str:
    identity = stage.start(PLAYS["three"].definition)
    stage.script.let("step1", lambda event: _steer(stage, identity, "cancel"))
    go_on(stage)
    return identity


def pause_and_resume(stage: Stage) -> str:
    identity = stage.start(PLAYS["three"].definition)
    stage.script.let("step1", lambda event: _steer(stage, identity, "pause"), returns(1))
    go_on(stage)
    assert stage.statuses(identity) == ["COMPLETED", "QUEUED", "PENDING"]
    _steer(stage, identity, "resume")
    go_on(stage)
    return identity


def hand_back(stage: Stage) -> str:
    stage.script.let("step1", lambda event: stage.work.hand_back() or Outcome(killed=True), returns(1))
    return _performed(stage, "three")


def lose(stage: Stage) -> str:
    return _lost_after(stage, losses=0)


def lose_for_the_last_time(stage: Stage) -> str:
    return _lost_after(stage, losses=2)


ACTS: dict[str, tuple[Act, ...]] = {
    "start": (start_without_a_key, start_with_a_key),
    "claim": (three, retry, fan),
    "finish": (three, wait),
    "advance": (retry, wait, fan, map_run, answer, cancel, pause_and_resume, lose_for_the_last_time),
    "await": (answer,),
    "return": (hand_back,),
    "lose": (lose, lose_for_the_last_time),
    "pause": (pause_and_resume,),
}
"""For each move, by the name of its crash points, the acts with that move."""


def go_on(stage: Stage) -> None:
    """Do the work of workers and their loops until nothing waits, whether workers were notified or not."""
    while True:
        stage.take_queued()
        waiting = stage.waiting()
        for one in waiting:
            stage.work.run(one.id)
        fired = one_turn("timers", stage.fire_timers)
        if not waiting and fired == 0:
            return


def _performed(stage: Stage, play: str) -> str:
    identity = stage.start(PLAYS[play].definition)
    go_on(stage)
    return identity


def _steer(stage: Stage, identity: str, verb: str) -> Outcome:
    _insist(stage, f"/executions/{identity}/{verb}")
    return returns(verb)


def _lost_after(stage: Stage, losses: int) -> str:
    identity = stage.start(PLAYS["three"].definition)
    claim = stage.claim(identity, stage.another_worker())
    lost = stage.task(identity)
    stage.set(lost, lease_until=LONG_AGO, losses=losses)
    while stage.task(identity).attempt == claim.attempt and stage.statuses(identity)[0] == "IN_PROGRESS":
        one_turn("sweep", stage.tasks.sweep)
    go_on(stage)
    return identity


def _insist(stage: Stage, path: str, body: Json = None, headers: Mapping[str, str] = NOTHING) -> Json:
    """The answer to this request; after a 503 (the outcome is unknown), the answer to its repetition."""
    client = create_app(stage.runtime.settings, stage.runtime).test_client()
    answer = client.post(path, json=body, headers=dict(headers))
    if answer.status_code == 503:
        assert answer.headers["retry-after"] and answer.get_json()["error"]["code"] == "Unavailable"
        answer = client.post(path, json=body, headers=dict(headers))
        assert answer.status_code < 300 or answer.status_code == 409, answer.text
    else:
        assert answer.status_code < 300, answer.text
    return answer.get_json(silent=True)
