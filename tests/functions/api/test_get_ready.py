from __future__ import annotations

import pytest

from stepwell.functions.api import get_ready
from stepwell.functions.errors import Unavailable
from tests.functions.api.fakes import FakeApi, FakeContext, answer, event


def test_says_what_is_there():
    ready = {"database": "ok", "queue": "away", "lostRings": 2, "fencedResults": 0}
    assert answer(get_ready, event(), FakeContext(health=FakeApi(ready=ready))) == ready


def test_is_not_ready_without_the_database():
    with pytest.raises(Unavailable):
        get_ready.handler(event(), FakeContext(health=FakeApi(ready=Unavailable())))
