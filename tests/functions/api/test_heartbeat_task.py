from __future__ import annotations

from stepwell.functions.api import heartbeat_task
from tests.functions.api.fakes import FakeApi, FakeContext, answer, event


def test_passes_the_heartbeat_on():
    tasks = FakeApi(heartbeat=None)
    assert answer(heartbeat_task, event(path={"token": "tok"}), FakeContext(tasks=tasks)) is None
    assert tasks.calls == [("heartbeat", ("tok",), {})]
