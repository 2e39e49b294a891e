from __future__ import annotations

import pytest

from stepwell.functions.api import execute_workflow
from stepwell.functions.errors import InvalidRequest, KeyReused
from tests.functions.api.fakes import EXECUTION, FakeApi, FakeContext, answer, event

PATH = {"name": "résumé"}


def started_with(given):
    executions = FakeApi(start=EXECUTION)
    shown = answer(execute_workflow, given, FakeContext(executions=executions))
    assert shown == {"executionId": "e1", "status": "IN_PROGRESS"}
    [(_, arguments, named)] = executions.calls
    return arguments, named


def test_no_body_means_an_empty_input():
    assert started_with(event(path=PATH)) == (("résumé", {}), {"name": None, "idempotency_key": None})


@pytest.mark.parametrize("given", [None, 0, False, "", [], {"a": 1}])
def test_any_json_is_an_input(given):
    assert started_with(event(path=PATH, body={"input": given}))[0] == ("résumé", given)


def test_passes_the_name_and_the_key_on():
    given = event(path=PATH, body={"name": "n1"}, headers={"idempotency-key": "k1"})
    assert started_with(given) == (("résumé", {}), {"name": "n1", "idempotency_key": "k1"})


def test_tells_where_the_execution_is():
    response = execute_workflow.handler(event(path=PATH), FakeContext(executions=FakeApi(start=EXECUTION)))
    assert response["headers"]["location"] == "/executions/e1"


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb"])
def test_a_bad_key_starts_nothing(key):
    executions = FakeApi(start=EXECUTION)
    with pytest.raises(InvalidRequest, match="Idempotency-Key"):
        execute_workflow.handler(event(path=PATH, headers={"idempotency-key": key}), FakeContext(executions=executions))
    assert executions.calls == []


def test_a_key_used_for_another_request_is_refused():
    with pytest.raises(KeyReused):
        execute_workflow.handler(event(path=PATH), FakeContext(executions=FakeApi(start=KeyReused())))
