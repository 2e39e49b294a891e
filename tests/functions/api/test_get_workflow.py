from __future__ import annotations

import pytest

from stepwell.functions.api import get_workflow
from stepwell.functions.errors import InvalidRequest, NotFound
from tests.functions.api.fakes import WORKFLOW, FakeApi, FakeContext, answer, event


def test_shows_the_definition_as_it_came():
    workflows = FakeApi(get=WORKFLOW)
    shown = answer(get_workflow, event(path={"name": "résumé"}), FakeContext(workflows=workflows))
    assert shown["definition"] == {"steps": [{"taskName": "step1"}]}
    assert workflows.calls == [("get", ("résumé",), {})]


def test_shows_a_step_list_as_its_state_machine():
    workflows = FakeApi(get=WORKFLOW, machine={"StartAt": "step1"})
    given = event(path={"name": "résumé"}, query={"form": "asl"})
    shown = answer(get_workflow, given, FakeContext(workflows=workflows))
    assert (shown["name"], shown["definition"]) == ("résumé", {"StartAt": "step1"})


def test_another_form_is_refused():
    with pytest.raises(InvalidRequest, match="form must be one of asl"):
        get_workflow.handler(event(path={"name": "a"}, query={"form": "bpmn"}), FakeContext())


def test_an_unknown_name_is_not_found():
    with pytest.raises(NotFound):
        get_workflow.handler(event(path={"name": "no"}), FakeContext(workflows=FakeApi(get=NotFound())))
