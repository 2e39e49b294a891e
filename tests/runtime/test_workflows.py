"""Workflows and their versions, on both databases."""

from __future__ import annotations

import json
from functools import partial

import pytest

from stepwell.db.database import database
from stepwell.db.models import Version, Workflow
from stepwell.functions.errors import InvalidDefinition, InvalidName, NotFound, PayloadTooLarge
from stepwell.runtime.ids import new_id
from stepwell.runtime.moves.start import Wanted
from stepwell.runtime.workflows import machine_document
from tests.runtime.stage import Stage, at_once, machine, steps, task

ONE = steps("step1")
TREE = {"name": "step2", "children": [{"name": "step1"}, {"name": "step1"}]}


def test_each_change_is_a_version_and_none_is_forgotten(stage: Stage):
    first = stage.workflows.create("w", ONE)
    second = stage.workflows.create("w", steps("step2"))
    assert (first.number, second.number, first.workflow_id) == (1, 2, second.workflow_id)
    assert stage.workflows.latest("w").version_id == second.id
    assert list(stage.workflows.machine(first.id).states) == ["step1"]


def test_a_definition_is_given_back_as_it_came(stage: Stage):
    definition = {"steps": [{"taskName": "step1", "data": {"z": 1.5, "a": "é", "B": None, "big": 2**62}}]}
    stored = stage.workflows.create("w", definition)
    assert json.loads(stored.definition) == definition
    assert list(json.loads(stored.definition)["steps"][0]["data"]) == ["z", "a", "B", "big"]
    assert machine_document(stored)["StartAt"] == "step1"


def test_many_at_once_make_as_many_versions(stage: Stage):
    made = at_once(*[partial(stage.workflows.create, "w", ONE)] * 8)
    assert sorted(one.number for one in made) == list(range(1, 9))
    assert stage.workflows.latest("w").number == 8


def test_trees_of_one_name_stored_at_once_are_each_started_as_they_are(stage: Stage):
    trees = [{"name": "step1", "data": number} for number in range(8)]
    made = at_once(*[partial(stage.workflows.create_flow, tree) for tree in trees])
    with database.connection_context():
        stored = [json.loads(Version.get_by_id(one.version_id).definition) for one in made]
    assert stored == trees


def test_an_execution_keeps_the_version_it_began_with(stage: Stage):
    identity = stage.start(steps("step1", "step1"), workflow="w")
    stage.workflows.create("w", steps("step2"))
    stage.run()
    assert [row.function for row in stage.rows(identity)] == ["step1", "step1"]
    assert stage.execution(identity).version == 1


@pytest.mark.no_rows
def test_all_that_is_wrong_is_told_at_once_and_where(stage: Stage):
    with pytest.raises(InvalidDefinition) as caught:
        stage.workflows.create("w", {"steps": [{"taskNmae": "step1"}, {"taskName": "step1", "name": "a/b"}]})
    error = caught.value.to_dict()["error"]
    assert error["message"].endswith("(and 2 more)") and error["path"] == "$.definition.steps[0].taskNmae"
    places = [(one["code"], one["path"], one["pointer"]) for one in error["faults"]]
    assert places == [
        ("SCHEMA_VALIDATION_FAILED", "$.definition.steps[0].taskNmae", "/definition/steps/0/taskNmae"),
        ("SCHEMA_VALIDATION_FAILED", "$.definition.steps[0]", "/definition/steps/0"),
        ("SCHEMA_VALIDATION_FAILED", "$.definition.steps[1].name", "/definition/steps/1/name"),
    ]
    assert error["faults"][0]["hint"] == "did you mean 'taskName'?" == error["hint"]


@pytest.mark.parametrize(
    ("name", "definition", "error", "path"),
    [
        ("a b", ONE, InvalidName, "$.name"),
        ("w", steps("nobody"), InvalidDefinition, "$.definition.steps[0].taskName"),
        ("w", {"steps": []}, InvalidDefinition, "$.definition.steps"),
        ("w", [], InvalidDefinition, "$.definition"),
        ("w", steps("step1", data="x" * (1 << 20)), PayloadTooLarge, "$.definition"),
    ],
)
def test_what_cannot_be_run_is_not_stored(stage: Stage, name: str, definition: object, error: type, path: str):
    with pytest.raises(error) as caught:
        stage.workflows.create(name, definition)
    assert caught.value.path == path
    with database.connection_context():
        assert (Workflow.select().count(), Version.select().count()) == (0, 0)


def test_the_functions_own_retry_and_time_out_are_frozen_in(stage: Stage):
    state = machine_document(stage.workflows.create("w", steps("flaky")))["States"]["flaky"]
    assert (state["TimeoutSeconds"], state["Retry"][0]["MaxAttempts"]) == (30, 4)


def test_a_deleted_workflow_is_gone_and_its_executions_go_on(stage: Stage):
    identity = stage.start(steps("step1", "step2"), workflow="w")
    stage.workflows.delete("w")
    for act in (stage.workflows.latest, stage.workflows.delete):
        with pytest.raises(NotFound):
            act("w")
    stage.workflows._machine.cache_clear()
    stage.run()
    assert stage.status(identity) == "COMPLETED"
    assert stage.workflows.create("w", ONE).number == 2


def test_a_seed_is_stored_once_and_stays_deleted(stage: Stage):
    stage.workflows.seed("sample", ONE)
    stage.workflows.seed("sample", steps("step2"))
    assert stage.workflows.latest("sample").number == 1
    stage.workflows.delete("sample")
    stage.workflows.seed("sample", ONE)
    with pytest.raises(NotFound):
        stage.workflows.latest("sample")


def test_many_seeds_at_once_make_one_version(stage: Stage):
    at_once(*[partial(stage.workflows.seed, "sample", ONE)] * 8)
    with database.connection_context():
        assert Version.select().count() == 1


def test_a_flow_makes_a_version_only_when_its_tree_is_new(stage: Stage):
    first = stage.workflows.create_flow(TREE)
    assert (first.name, first.number) == ("flow:step2", 1)
    assert stage.workflows.create_flow(TREE).version_id == first.version_id
    assert stage.workflows.create_flow({**TREE, "data": 1}).number == 2
    with pytest.raises(InvalidDefinition) as caught:
        stage.workflows.create_flow({"name": "step2", "children": [{"name": "nobody"}]})
    assert caught.value.path == "$.children[0].name"


def test_a_flow_runs_its_children_before_their_parent(stage: Stage):
    identity = stage.executions.start(stage.workflows.create_flow(TREE), Wanted({})).id
    stage.run()
    assert stage.status(identity) == "COMPLETED"
    assert [name for name, _ in stage.script.events] == ["step1", "step1", "step2"]
    assert stage.script.events[-1][1]["children"] == [{"name": "step1", "result": "step1"}] * 2


def test_a_machine_of_a_version_that_is_gone_is_not_found(stage: Stage):
    with pytest.raises(NotFound):
        stage.workflows.machine(new_id())


def test_a_machine_is_loaded_once(stage: Stage):
    stored = stage.workflows.create("w", machine(a=task("step1")))
    assert stage.workflows.machine(stored.id) is stage.workflows.machine(stored.id)


QUEUE = "arn:aws:states:::sqs:sendMessage"


def test_a_function_that_stands_for_an_integration_is_kept_with_the_version(stage: Stage):
    definition = machine(a=task(QUEUE, Parameters={"QueueUrl": "u", "MessageBody.$": "$.text"}))
    with pytest.raises(InvalidDefinition, match="'sqs:sendMessage' does not run here"):
        stage.workflows.create("w", definition)
    stage.workflows.aliases = {QUEUE: "step1", "arn:aws:states:::sns:publish": "step2"}
    stored = stage.workflows.create("w", definition)
    assert json.loads(stored.compiled)["aliases"] == {QUEUE: "step1"}
    stage.workflows.aliases = {}
    identity = stage.executions.start(stage.workflows.latest("w"), Wanted({"text": "hi"})).id
    stage.run()
    assert stage.script.events == [("step1", {"QueueUrl": "u", "MessageBody": "hi"})]
    assert stage.output(identity) == "step1"


def test_a_function_of_another_name_is_called_by_the_name_that_a_payload_gives(stage: Stage):
    stage.workflows.aliases = {"Charge-1A2B": "step1"}
    call = {"FunctionName.$": "$.function", "Payload.$": "$.order"}
    identity = stage.start(
        machine(a=task("arn:aws:states:::lambda:invoke", Parameters=call)),
        {"function": "arn:aws:lambda:eu-west-1:000000000000:function:Charge-1A2B:PROD", "order": 7},
    )
    stage.run()
    assert stage.script.events == [("step1", 7)]
    assert stage.output(identity)["Payload"] == "step1"
