"""Requests that wait are bounded together; polls leave some of the places to others."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from stepwell.functions.errors import TooManyRequests
from stepwell.runtime.http.waiting import WaitingLimit, in_thread_of


def test_a_place_beyond_the_last_is_refused_and_a_free_one_is_given_again() -> None:
    limit, refusal = WaitingLimit(2), TooManyRequests()
    with limit.place(refusal):
        with limit.place(refusal), pytest.raises(TooManyRequests) as refused, limit.place(refusal):
            raise AssertionError("a third was let in")
        assert refused.value is refusal
        with limit.place(refusal):
            pass


def test_a_request_that_fails_gives_its_place_back() -> None:
    limit = WaitingLimit(1)
    for _ in range(3):
        with pytest.raises(KeyError), limit.place(TooManyRequests()):
            raise KeyError


@pytest.mark.parametrize(("most", "polls"), [(1, 1), (3, 3), (4, 3), (32, 24)])
def test_polls_leave_a_quarter_of_the_places_to_others(most: int, polls: int) -> None:
    limit = WaitingLimit(most)
    with ExitStack() as waiting:
        taken = [waiting.enter_context(limit.place_of_poll()) for _ in range(most + 1)]
        assert taken == [True] * polls + [False] * (most + 1 - polls)
        for _ in range(most - polls):
            waiting.enter_context(limit.place(AssertionError("none was left")))
    with limit.place_of_poll() as may_wait:
        assert may_wait


def test_polls_end_with_the_process() -> None:
    limit = WaitingLimit(1)
    assert limit.pause(0)
    limit.end_polls()
    assert not limit.pause(60)


def test_a_server_is_told_once_that_its_thread_waits() -> None:
    told: list[int] = []
    limit = WaitingLimit(1)
    with in_thread_of(lambda: told.append(1)) as thread:
        assert not thread.has_waited
        for _ in range(2):
            with limit.place(TooManyRequests()):
                assert told == [1]
        assert thread.has_waited
    with limit.place(TooManyRequests()):
        assert told == [1]
