from __future__ import annotations

import fastjsonschema

from stepwell.functions.api import sample_failing_flow
from stepwell.functions.contract.schemas import SCHEMAS
from tests.functions.api.fakes import EXECUTION, FakeApi, FakeContext, answer, event


def test_starts_its_tree():
    executions = FakeApi(start_flow=EXECUTION)
    shown = answer(sample_failing_flow, event(), FakeContext(executions=executions))
    assert shown == {"executionId": "e1", "status": "IN_PROGRESS"}
    [(name, (tree,), _)] = executions.calls
    assert name == "start_flow"
    [child] = tree["children"]
    assert (tree["name"], child["name"]) == ("always_fails", "flaky")
    assert child["opts"]["attempts"] == child["data"]["failures"] + 1
    assert child["opts"]["backoff"]["type"] == "exponential"


def test_its_tree_is_one_that_anybody_may_start():
    schema = {"$ref": "#/components/schemas/Flow", "components": {"schemas": SCHEMAS}}
    fastjsonschema.validate(schema, sample_failing_flow.TREE)
