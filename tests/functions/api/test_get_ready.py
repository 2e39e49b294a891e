from __future__ import annotations

import pytest

from functions.api import get_ready
from functions.errors import Unavailable
from tests.functions.api.fakes import FakeContext, Room, answer, event


def test_says_what_is_there():
    context = FakeContext(health=Room(ready={"database": "ok"}))
    assert answer(get_ready, event(), context) == {"database": "ok"}


def test_is_not_ready_without_the_database():
    with pytest.raises(Unavailable):
        get_ready.handler(event(), FakeContext(health=Room(ready=Unavailable())))
