from __future__ import annotations

from stepwell.functions.api import get_health
from tests.functions.api.fakes import FakeContext, answer, event


def test_needs_nothing_but_the_process():
    assert answer(get_health, event(), FakeContext()) == {"status": "ok"}
