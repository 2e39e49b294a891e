import pytest

from stepwell.functions.steps import sleep
from stepwell.functions.steps._data import InvalidData
from tests.functions.steps.events import step_event


@pytest.fixture
def slept(monkeypatch):
    spans = []
    monkeypatch.setattr(sleep.time, "sleep", spans.append)
    return spans


def test_it_sleeps_for_a_second_unless_told(slept):
    assert sleep.handler(step_event(), None) == {"slept": 1}
    assert sleep.handler(step_event({"seconds": 0.25}), None) == {"slept": 0.25}
    assert slept == [1, 0.25]


@pytest.mark.parametrize("seconds", [-1, "1", True, float("nan"), 901])
def test_a_bad_time_is_named_and_not_slept(slept, seconds):
    with pytest.raises(InvalidData, match=r"data\.seconds must be a number from 0 to 900"):
        sleep.handler(step_event({"seconds": seconds}), None)
    assert slept == []


def test_the_longest_sleep_fits_the_time_limit():
    assert sleep.TIMEOUT_SECONDS > 900
