from __future__ import annotations

import pytest

from functions.api import create_workflow
from functions.errors import InvalidDefinition, InvalidName
from tests.functions.api.fakes import AT_TEXT, WORKFLOW, FakeContext, Room, answer, event

BODY = {"name": "résumé", "definition": {"steps": []}}


def test_stores_the_definition_and_tells_where_it_is():
    workflows = Room(create=WORKFLOW)
    response = create_workflow.handler(event(body=BODY), FakeContext(workflows=workflows))
    assert workflows.calls == [("create", ("résumé", {"steps": []}), {})]
    assert response["statusCode"] == 201
    assert response["headers"]["location"] == "/workflows/r%C3%A9sum%C3%A9"


def test_shows_what_was_stored():
    shown = answer(create_workflow, event(body=BODY), FakeContext(workflows=Room(create=WORKFLOW)))
    assert shown == {
        "id": "w1",
        "name": "résumé",
        "version": 3,
        "definition": {"steps": [{"taskName": "step1"}]},
        "createdAt": AT_TEXT,
    }


@pytest.mark.parametrize(
    ("inside", "outside"),
    [("$.steps[0].taskNmae", "$.definition.steps[0].taskNmae"), ("$", "$.definition"), (None, "$.definition")],
)
def test_a_fault_in_the_definition_is_placed_in_the_body(inside, outside):
    fault = InvalidDefinition("unknown", path=inside, hint="did you mean 'taskName'?")
    with pytest.raises(InvalidDefinition) as refused:
        create_workflow.handler(event(body=BODY), FakeContext(workflows=Room(create=fault)))
    assert refused.value.to_dict() == {
        "error": {
            "code": "InvalidDefinition",
            "message": "unknown",
            "path": outside,
            "hint": "did you mean 'taskName'?",
        }
    }


def test_a_bad_name_is_passed_on():
    with pytest.raises(InvalidName):
        create_workflow.handler(event(body=BODY), FakeContext(workflows=Room(create=InvalidName())))
