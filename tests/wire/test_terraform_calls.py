"""The calls of Terraform's AWS provider, in its order, with its arguments, and the members it reads.

No provider can be fetched where the tests run, so this follows its public source: hashicorp/terraform-provider-aws,
``internal/service/sfn/state_machine.go``, ``activity.go``, ``alias.go``, ``tags_gen.go`` and the data sources beside
them. Requests are as the Go SDK sends them: an empty description is an empty text, a false ``publish`` is absent.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runtime.stage import machine, task
from tests.wire.client import ROLE, Wire, refusal

Json = Any

FIRST, SECOND = (json.dumps(machine(**{name: {"Type": "Pass"}})) for name in ("A", "B"))
PREFIX = "arn:aws:states:us-east-1:123456789012"
LOGGED = {
    "level": "ALL",
    "includeExecutionData": True,
    "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "g"}}],
}


class StateMachine:
    """``aws_sfn_state_machine``: ``id`` and ``state`` are the resource's id and attributes in Terraform's state."""

    def __init__(self, client: Any, name: str, **given: Json) -> None:
        self.client = client
        self.name = name
        self.given = {"type": "STANDARD", "roleArn": ROLE, **given}
        self.plan(self.given)
        publish = {"publish": True} if self.given.pop("publish", False) else {}
        made = client.create_state_machine(name=name, **publish, **self.given)
        self.id = made["stateMachineArn"]
        self.state = self.read()

    def plan(self, given: Json) -> None:
        """The call at ``terraform plan`` after a change of the definition; the definition must be valid."""
        checked = {name: given[name] for name in ("definition", "type") if name in given}
        answer = self.client.validate_state_machine_definition(**checked)
        assert answer["result"] == "OK", [
            f"{one['severity']} ({one['code']}): {one['message']}" for one in answer["diagnostics"]
        ]

    def read(self) -> Json:
        found = self.client.describe_state_machine(stateMachineArn=self.id)
        versions = self.client.list_state_machine_versions(stateMachineArn=self.id)["stateMachineVersions"]
        tags = self.client.list_tags_for_resource(resourceArn=self.id)["tags"]
        return {
            "arn": found["stateMachineArn"],
            "creation_date": found["creationDate"].isoformat(),
            "definition": found["definition"],
            "description": found.get("description"),
            "encryption_configuration": found["encryptionConfiguration"]["type"],
            "logging_configuration": found["loggingConfiguration"],
            "name": found["name"],
            "revision_id": found.get("revisionId"),
            "role_arn": found["roleArn"],
            "state_machine_version_arn": versions[0]["stateMachineVersionArn"] if versions else None,
            "status": found["status"],
            "tags": {one["key"]: one["value"] for one in tags},
            "tracing_configuration": found["tracingConfiguration"]["enabled"],
            "type": found["type"],
        }

    def update(self, definition: str, publish: bool = False, **changed: Json) -> None:
        """Updates the state machine. The provider polls for the new values; here the first read must have them."""
        self.plan({"definition": definition, "type": self.given["type"]})
        published = {"publish": True, "versionDescription": ""} if publish else {}
        given = {"definition": definition, "roleArn": self.given["roleArn"], **published, **changed}
        self.client.update_state_machine(stateMachineArn=self.id, **given)
        found = self.client.describe_state_machine(stateMachineArn=self.id)
        assert {name: found[name] for name in ("definition", *changed)} == {"definition": definition, **changed}
        self.state = self.read()

    def retag(self, **tags: str) -> None:
        before = self.state["tags"]
        removed = [key for key in before if key not in tags]
        updated = [{"key": key, "value": value} for key, value in tags.items() if before.get(key) != value]
        if removed:
            self.client.untag_resource(resourceArn=self.id, tagKeys=removed)
        if updated:
            self.client.tag_resource(resourceArn=self.id, tags=updated)
        self.state = self.read()

    def delete(self) -> None:
        self.client.delete_state_machine(stateMachineArn=self.id)
        gone = refusal(self.client.describe_state_machine, stateMachineArn=self.id)[0]
        assert gone == "StateMachineDoesNotExist", "it would wait for this error"


def test_a_state_machine_from_its_plan_to_its_end(wire: Wire):
    made = StateMachine(wire.client, "play", definition=FIRST, tags=[{"key": "team", "value": "a"}])
    known = {
        "arn": f"{PREFIX}:stateMachine:play",
        "creation_date": made.state["creation_date"],
        "definition": FIRST,
        "description": None,
        "encryption_configuration": "AWS_OWNED_KEY",
        "logging_configuration": {"level": "OFF", "includeExecutionData": False},
        "name": "play",
        "revision_id": None,
        "role_arn": ROLE,
        "state_machine_version_arn": None,
        "status": "ACTIVE",
        "tags": {"team": "a"},
        "tracing_configuration": False,
        "type": "STANDARD",
    }
    assert made.state == known == made.read(), "a plan after it is empty"
    made.update(SECOND, tracingConfiguration={"enabled": True}, loggingConfiguration=LOGGED)
    assert made.state["revision_id"] and made.state["state_machine_version_arn"] is None
    assert (made.state["definition"], made.state["tracing_configuration"]) == (SECOND, True)
    made.retag(team="b", stage="dev")
    made.retag(stage="dev")
    assert made.state["tags"] == {"stage": "dev"}
    made.delete()
    made.client.delete_state_machine(stateMachineArn=made.id)


def test_one_that_is_published_with_each_change(wire: Wire):
    made = StateMachine(wire.client, "play", definition=FIRST, publish=True)
    assert made.state["state_machine_version_arn"] == f"{PREFIX}:stateMachine:play:1"
    made.update(SECOND, publish=True)
    assert made.state["state_machine_version_arn"] == f"{PREFIX}:stateMachine:play:2"
    made.delete()


def test_one_that_is_replaced_as_its_type_changes(wire: Wire):
    made = StateMachine(wire.client, "play", definition=FIRST)
    made.delete()
    again = StateMachine(wire.client, "play", definition=FIRST, type="EXPRESS")
    assert again.state["type"] == "EXPRESS"


def test_a_definition_that_is_wrong_is_told_at_the_plan(wire: Wire):
    broken = json.dumps({"StartAt": "Nowhere", "States": {"A": {"Type": "Pass", "End": True}}})
    with pytest.raises(AssertionError, match=r"ERROR \([A-Z_]+\): "):
        StateMachine(wire.client, "play", definition=broken)
    assert wire.client.list_state_machines()["stateMachines"] == []


def test_an_alias_moves_from_version_to_version(wire: Wire):
    made = StateMachine(wire.client, "play", definition=FIRST, publish=True)
    one = [{"stateMachineVersionArn": made.state["state_machine_version_arn"], "weight": 100}]
    client = wire.client
    alias = client.create_state_machine_alias(name="live", description="", routingConfiguration=one)
    arn = alias["stateMachineAliasArn"]
    found = client.describe_state_machine_alias(stateMachineAliasArn=arn)
    assert (found["stateMachineAliasArn"], found["name"], found["routingConfiguration"]) == (arn, "live", one)
    assert found.get("description", "") == "" and found["creationDate"]
    made.update(SECOND, publish=True)
    both = [{**one[0], "weight": 90}, {"stateMachineVersionArn": f"{made.id}:2", "weight": 10}]
    client.update_state_machine_alias(stateMachineAliasArn=arn, routingConfiguration=both)
    client.update_state_machine_alias(stateMachineAliasArn=arn, description="both")
    found = client.describe_state_machine_alias(stateMachineAliasArn=arn)
    assert (found["routingConfiguration"], found["description"]) == (both, "both")
    listed = client.list_state_machine_aliases(stateMachineArn=made.id)["stateMachineAliases"]
    assert [one["stateMachineAliasArn"] for one in listed] == [arn]
    client.delete_state_machine_alias(stateMachineAliasArn=arn)
    assert refusal(client.describe_state_machine_alias, stateMachineAliasArn=arn)[0] == "ResourceNotFound"
    made.delete()


def test_an_activity_from_its_plan_to_its_end(wire: Wire):
    client = wire.client
    arn = client.create_activity(name="dig", tags=[{"key": "team", "value": "a"}])["activityArn"]
    found = client.describe_activity(activityArn=arn)
    assert (found["name"], found["encryptionConfiguration"]) == ("dig", {"type": "AWS_OWNED_KEY"})
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "a"}]
    client.untag_resource(resourceArn=arn, tagKeys=["team"])
    client.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "dev"}])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "stage", "value": "dev"}]
    client.delete_activity(activityArn=arn)
    assert refusal(client.describe_activity, activityArn=arn)[0] == "ActivityDoesNotExist"


def test_data_sources_find_what_is_there(wire: Wire):
    client = wire.client
    made = StateMachine(client, "play", definition=FIRST, publish=True)
    StateMachine(client, "other", definition=FIRST)
    client.create_activity(name="dig")
    pages = client.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 1})
    arns = [one["stateMachineArn"] for page in pages for one in page["stateMachines"] if one["name"] == "play"]
    assert arns == [made.id] and client.describe_state_machine(stateMachineArn=arns[0])["status"] == "ACTIVE"
    versions = client.list_state_machine_versions(stateMachineArn=made.id)["stateMachineVersions"]
    assert [one["stateMachineVersionArn"] for one in versions] == [f"{made.id}:1"]
    pages = client.get_paginator("list_activities").paginate()
    assert [one["name"] for page in pages for one in page["activities"]] == ["dig"]


def test_the_action_that_starts_an_execution(wire: Wire):
    made = StateMachine(wire.client, "play", definition=json.dumps(machine(A=task("step1"))))
    begun = wire.client.start_execution(stateMachineArn=made.id, name="from-terraform", input='{"a":1}')
    assert begun["executionArn"] == f"{PREFIX}:execution:play:from-terraform" and begun["startDate"]
