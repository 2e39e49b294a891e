"""What moves an execution, inside this process: each act brings one from its start to its end, and gives its id.

An act asks again what was answered 503, and begins the rounds again that have failed, as clients and workers do.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.runtime.app import create_app
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.outage import one_turn
from tests.crash.plays import PLAYS
from tests.runtime.stage import LONG_AGO, Stage, raises, returns

Json = Any
Act = Callable[[Stage], str]

NOTHING: Mapping[str, str] = MappingProxyType({})


def three(house: Stage) -> str:
    return _performed(house, "three")


def fan(house: Stage) -> str:
    return _performed(house, "fan")


def wait(house: Stage) -> str:
    return _performed(house, "wait")


def map_run(house: Stage) -> str:
    return _performed(house, "files")


def retry(house: Stage) -> str:
    house.script.let("flaky", raises("NotYet"), returns("well"))
    return _performed(house, "retry")


def start_without_a_key(house: Stage) -> str:
    identity = _insist(house, "/workflows/three/execute")["executionId"]
    go_on(house)
    return identity


def start_with_a_key(house: Stage) -> str:
    key = {"idempotency-key": secrets.token_hex(8)}
    first, second = (_insist(house, "/workflows/three/execute", headers=key)["executionId"] for _ in range(2))
    assert first == second
    go_on(house)
    return first


def answer(house: Stage) -> str:
    identity = _performed(house, "ask")
    _insist(house, f"/tasks/{house.task(identity).token}/success", {"output": "yes"})
    go_on(house)
    return identity


def cancel(house: Stage) -> str:
    identity = house.start(PLAYS["three"].definition)
    house.script.let("step1", lambda event: _steer(house, identity, "cancel"))
    go_on(house)
    return identity


def pause_and_resume(house: Stage) -> str:
    identity = house.start(PLAYS["three"].definition)
    house.script.let("step1", lambda event: _steer(house, identity, "pause"), returns(1))
    go_on(house)
    assert house.statuses(identity) == ["COMPLETED", "QUEUED", "PENDING"]
    _steer(house, identity, "resume")
    go_on(house)
    return identity


def hand_back(house: Stage) -> str:
    house.script.let("step1", lambda event: house.work.hand_back() or Outcome(killed=True), returns(1))
    return _performed(house, "three")


def lose(house: Stage) -> str:
    return _lost_after(house, losses=0)


def lose_for_the_last_time(house: Stage) -> str:
    return _lost_after(house, losses=2)


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
"""The acts that each move of the house is part of, by the name of its crash points."""


def go_on(house: Stage) -> None:
    """What workers and their rounds do, until nothing waits; whatever was rung for, or not."""
    while True:
        house.rung()
        with database.connection_context():
            waiting = queries.queued_tasks(0, 100)
        for task_id in waiting:
            house.work.run(task_id)
        fired = one_turn("timers", house.fire_timers)
        if not waiting and fired == 0:
            return


def _performed(house: Stage, play: str) -> str:
    identity = house.start(PLAYS[play].definition)
    go_on(house)
    return identity


def _steer(house: Stage, identity: str, verb: str) -> Outcome:
    _insist(house, f"/executions/{identity}/{verb}")
    return returns(verb)


def _lost_after(house: Stage, losses: int) -> str:
    identity = house.start(PLAYS["three"].definition)
    claim = house.claim(identity, house.another_worker())
    lost = house.task(identity)
    house.set(lost, lease_until=LONG_AGO, losses=losses)
    while house.task(identity).attempt == claim.attempt and house.statuses(identity)[0] == "IN_PROGRESS":
        one_turn("sweep", house.tasks.sweep)
    go_on(house)
    return identity


def _insist(house: Stage, path: str, body: Json = None, headers: Mapping[str, str] = NOTHING) -> Json:
    """The answer; when it is that nobody knows, the answer to the same request sent again."""
    client = create_app(house.runtime.settings, house.runtime).test_client()
    answer = client.post(path, json=body, headers=dict(headers))
    if answer.status_code == 503:
        assert answer.headers["retry-after"] and answer.get_json()["error"]["code"] == "Unavailable"
        answer = client.post(path, json=body, headers=dict(headers))
        assert answer.status_code < 300 or answer.status_code == 409, answer.text
    else:
        assert answer.status_code < 300, answer.text
    return answer.get_json(silent=True)
