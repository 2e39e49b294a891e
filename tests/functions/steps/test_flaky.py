import pytest

from stepwell.functions.steps import flaky
from stepwell.functions.steps._data import InvalidData
from tests.functions.steps.events import step_event


@pytest.mark.parametrize("retry", [0, 1])
def test_it_fails_twice_unless_told(retry):
    with pytest.raises(flaky.NotYet, match=f"attempt {retry + 1} fails"):
        flaky.handler(step_event(retry=retry), None)


def test_then_it_succeeds_and_tells_the_attempt():
    assert flaky.handler(step_event(retry=2), None) == {"attempt": 3, "failures": 2}


def test_the_number_of_failures_is_data():
    assert flaky.handler({"data": {"failures": 0}}, None) == {"attempt": 1, "failures": 0}
    with pytest.raises(flaky.NotYet):
        flaky.handler(step_event({"failures": 3}, retry=2), None)


@pytest.mark.parametrize("failures", [-1, 1.5, "2", True, None])
def test_a_bad_number_of_failures_is_named(failures):
    with pytest.raises(InvalidData, match=r"data\.failures must be a whole number from 0 to 1000"):
        flaky.handler(step_event({"failures": failures}), None)


def test_its_own_retry_is_enough_for_the_default():
    assert flaky.RETRY["maxAttempts"] > 2
