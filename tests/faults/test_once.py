"""Many copies of one request start one execution, whichever web processes they reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.client import Answer
from tests.faults.stack import Stack, Web
from tests.runtime.stage import Json, at_once, steps

AT_ONCE = 16


@pytest.fixture
def webs(stack: Stack) -> Iterator[tuple[Web, Web]]:
    stack.stage.workflows.create("w", steps("step1"))
    yield stack.web("one"), stack.web("two")


def sixteen(webs: tuple[Web, Web], body: Json, **headers: str) -> list[Answer]:
    """Send the same start sixteen times at once, half of them to each web process."""
    post = [partial(web.ask, "POST", "/workflows/w/execute", body, **headers) for web in webs]
    return at_once(*post * (AT_ONCE // 2))


def test_one_key_starts_one_execution(stack: Stack, webs: tuple[Web, Web]):
    for turn in range(5):
        answers = sixteen(webs, {"input": {"turn": turn}}, **{"idempotency-key": f"key {turn}"})
        assert {answer.status for answer in answers} == {201}
        assert len({answer.body["executionId"] for answer in answers}) == 1
    assert stack.count("IN_PROGRESS") == 5


def test_one_key_for_two_requests_starts_one_of_them(stack: Stack, webs: tuple[Web, Web]):
    bodies = [{"input": {"n": place % 2}} for place in range(AT_ONCE)]
    post = [
        partial(webs[place // 2 % 2].ask, "POST", "/workflows/w/execute", body, **{"idempotency-key": "key"})
        for place, body in enumerate(bodies)
    ]
    answers = at_once(*post)
    assert Counter(answer.status for answer in answers) == {201: AT_ONCE // 2, 422: AT_ONCE // 2}
    assert stack.count("IN_PROGRESS") == 1


def test_one_name_starts_one_execution(stack: Stack, webs: tuple[Web, Web]):
    for turn in range(5):
        answers = sixteen(webs, {"name": f"named-{turn}"})
        assert Counter(answer.status for answer in answers) == {201: 1, 409: AT_ONCE - 1}
        assert {answer.body["error"]["code"] for answer in answers if answer.status == 409} == {"NameTaken"}
    assert stack.count("IN_PROGRESS") == 5
