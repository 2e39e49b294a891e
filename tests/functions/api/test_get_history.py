from __future__ import annotations

import pytest

from stepwell.functions.api import get_history
from stepwell.functions.contract import Page
from stepwell.functions.contract.rest import HistoryView
from stepwell.functions.errors import InvalidRequest
from tests.functions.api.fakes import AT, AT_TEXT, HISTORY, FakeApi, FakeContext, answer, event

PATH = {"id": "e1"}


def test_events_with_their_details_beside_them():
    executions = FakeApi(history=Page([HISTORY], "7"))
    shown = answer(get_history, event(path=PATH), FakeContext(executions=executions))
    assert shown == {
        "events": [{"id": 7, "type": "TaskScheduled", "at": AT_TEXT, "step": "first", "task": "t1"}],
        "next": "7",
    }
    assert executions.calls == [("history", ("e1",), {"after": 0, "limit": 100})]


def test_goes_on_after_the_last_one_seen():
    executions = FakeApi(history=Page([]))
    answer(get_history, event(path=PATH, query={"after": "7", "limit": "2"}), FakeContext(executions=executions))
    assert executions.calls == [("history", ("e1",), {"after": 7, "limit": 2})]


@pytest.mark.parametrize("after", ["-1", "x", "", str(1 << 53)])
def test_a_bad_after_is_refused(after):
    with pytest.raises(InvalidRequest, match="after must be a whole number"):
        get_history.handler(event(path=PATH, query={"after": after}), FakeContext())


def test_details_do_not_hide_what_every_event_has():
    odd = HistoryView(1, "PassStateEntered", AT, {"id": "mine", "type": "mine"})
    shown = answer(get_history, event(path=PATH), FakeContext(executions=FakeApi(history=Page([odd]))))
    assert (shown["events"][0]["id"], shown["events"][0]["type"]) == (1, "PassStateEntered")
