import pytest

from stepwell.functions.steps import always_fails
from stepwell.functions.steps._data import InvalidData
from tests.functions.steps.events import step_event


def test_it_fails():
    with pytest.raises(always_fails.AlwaysFails, match="this step always fails"):
        always_fails.handler(step_event(), None)


def test_it_fails_with_the_error_and_the_message_that_were_asked_for():
    with pytest.raises(always_fails.AlwaysFails, match="no more left") as caught:
        always_fails.handler(step_event({"error": "OutOfStock", "message": "no more left"}), None)
    assert type(caught.value).__name__ == "OutOfStock"


@pytest.mark.parametrize("error", ["", "a b", "x\n", 5, None])
def test_what_can_be_no_name_of_an_error_is_refused(error):
    with pytest.raises(InvalidData, match=r"data\.error must be the name of an error"):
        always_fails.handler(step_event({"error": error}), None)
