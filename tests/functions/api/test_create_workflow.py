from __future__ import annotations

from dataclasses import replace

import pytest

from stepwell.functions.api import create_workflow
from stepwell.functions.contract.rest import WarningView
from stepwell.functions.errors import InvalidDefinition, InvalidName
from tests.functions.api.fakes import AT_TEXT, WORKFLOW, FakeApi, FakeContext, answer, event

BODY = {"name": "résumé", "definition": {"steps": []}}


def test_stores_the_definition_and_tells_where_it_is():
    workflows = FakeApi(create=WORKFLOW)
    response = create_workflow.handler(event(body=BODY), FakeContext(workflows=workflows))
    assert workflows.calls == [("create", ("résumé", {"steps": []}), {})]
    assert response["statusCode"] == 201
    assert response["headers"]["location"] == "/workflows/r%C3%A9sum%C3%A9"


def test_shows_what_was_stored():
    shown = answer(create_workflow, event(body=BODY), FakeContext(workflows=FakeApi(create=WORKFLOW)))
    assert shown == {
        "id": "w1",
        "name": "résumé",
        "version": 3,
        "definition": {"steps": [{"taskName": "step1"}]},
        "createdAt": AT_TEXT,
    }


def test_tells_what_is_ignored():
    stored = replace(WORKFLOW, warnings=(WarningView("$.definition.States.A.Credentials", "is ignored"),))
    shown = answer(create_workflow, event(body=BODY), FakeContext(workflows=FakeApi(create=stored)))
    assert shown["warnings"] == [{"path": "$.definition.States.A.Credentials", "message": "is ignored"}]


@pytest.mark.parametrize("fault", [InvalidDefinition("unknown", path="$.definition.steps[0].taskNmae"), InvalidName()])
def test_a_fault_is_passed_on(fault):
    with pytest.raises(type(fault)) as refused:
        create_workflow.handler(event(body=BODY), FakeContext(workflows=FakeApi(create=fault)))
    assert refused.value is fault
