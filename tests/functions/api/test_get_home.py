from __future__ import annotations

from stepwell.functions.api import get_home
from tests.functions.api.fakes import FakeContext, answer, event


def test_leads_to_the_dashboard():
    assert answer(get_home, event(), FakeContext()) is None
    assert get_home.handler(event(), FakeContext())["headers"]["location"] == "/queues"
