from __future__ import annotations

import pytest

from stepwell.functions.api import succeed_task
from stepwell.functions.errors import TaskClosed
from tests.functions.api.fakes import FakeApi, FakeContext, answer, event


@pytest.mark.parametrize("output", [None, 0, {"a": [1]}])
def test_hands_the_output_over(output):
    tasks = FakeApi(succeed=None)
    given = event(path={"token": "tok"}, body={"output": output})
    assert answer(succeed_task, given, FakeContext(tasks=tasks)) is None
    assert tasks.calls == [("succeed", ("tok", output), {})]


def test_a_closed_task_is_a_conflict():
    given = event(path={"token": "tok"}, body={"output": 1})
    with pytest.raises(TaskClosed):
        succeed_task.handler(given, FakeContext(tasks=FakeApi(succeed=TaskClosed())))
