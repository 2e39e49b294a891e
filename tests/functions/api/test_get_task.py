from __future__ import annotations

from stepwell.functions.api import get_task
from tests.functions.api.fakes import AT_TEXT, TASK, FakeApi, FakeContext, answer, event


def test_shows_each_attempt_with_its_logs():
    tasks = FakeApi(get=TASK)
    shown = answer(get_task, event(path={"id": "t1"}), FakeContext(tasks=tasks))
    assert tasks.calls == [("get", ("t1",), {})]
    assert (shown["executionId"], shown["result"], shown["retries"]) == ("e1", [False], 1)
    assert shown["attempts"] == [
        {
            "attempt": 1,
            "outcome": "FAILED",
            "error": "Boom",
            "cause": "it broke",
            "logs": "line\n",
            "startedAt": AT_TEXT,
            "finishedAt": "2026-11-24T04:30:01.000Z",
        }
    ]
