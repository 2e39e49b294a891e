from __future__ import annotations

import fastjsonschema

from stepwell.functions.api import sample_flow
from stepwell.functions.contract.schemas import SCHEMAS
from tests.functions.api.fakes import EXECUTION, FakeApi, FakeContext, answer, event


def test_starts_its_tree():
    executions = FakeApi(start_flow=EXECUTION)
    shown = answer(sample_flow, event(), FakeContext(executions=executions))
    assert shown == {"executionId": "e1", "status": "IN_PROGRESS"}
    [(name, (tree,), _)] = executions.calls
    assert name == "start_flow"
    assert tree["name"] == "step2"
    assert [child["name"] for child in tree["children"]] == ["step1", "step2"]


def test_its_tree_is_one_that_anybody_may_start():
    schema = {"$ref": "#/components/schemas/Flow", "components": {"schemas": SCHEMAS}}
    fastjsonschema.validate(schema, sample_flow.TREE)
