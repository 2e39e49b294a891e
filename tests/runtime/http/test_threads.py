"""A limited number of slow requests may run. One more is refused at once, until one of them ends."""

from __future__ import annotations

import pytest

from stepwell.functions.errors import TooManyRequests
from stepwell.runtime.http.threads import ThreadLimit


def test_one_more_than_the_limit_is_refused_until_one_ends():
    limit, refusal = ThreadLimit(2), TooManyRequests()
    with limit.held(refusal):
        with limit.held(refusal), pytest.raises(TooManyRequests) as refused, limit.held(refusal):
            pass
        assert refused.value is refusal
        with limit.held(refusal):
            pass


def test_a_request_that_fails_makes_room():
    limit = ThreadLimit(1)
    for _ in range(2):
        with pytest.raises(KeyError), limit.held(TooManyRequests()):
            raise KeyError
