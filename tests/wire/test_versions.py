from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.runtime.stage import machine
from tests.wire.client import ROLE, Wire, refusal

Json = Any

PASS = machine(A={"Type": "Pass"})
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:play"


def changed(wire: Wire, comment: str) -> str:
    """Updates the state machine; returns the id of the new revision."""
    definition = json.dumps({**PASS, "Comment": comment})
    return str(wire.client.update_state_machine(stateMachineArn=ARN, definition=definition)["revisionId"])


def routed(*routes: tuple[int, int]) -> list[Json]:
    return [{"stateMachineVersionArn": f"{ARN}:{version}", "weight": weight} for version, weight in routes]


@pytest.fixture
def published(wire: Wire) -> Wire:
    """A state machine with the versions 1 and 2."""
    wire.made(PASS, publish=True)
    changed(wire, "second")
    wire.client.publish_state_machine_version(stateMachineArn=ARN, description="the second")
    return wire


def test_a_revision_is_published_once(wire: Wire):
    wire.made(PASS)
    publish = wire.client.publish_state_machine_version
    first = publish(stateMachineArn=ARN, revisionId="INITIAL", description="first")
    assert first["stateMachineVersionArn"] == f"{ARN}:1"
    assert publish(stateMachineArn=ARN, description="other")["stateMachineVersionArn"] == f"{ARN}:1"
    revision = changed(wire, "second")
    assert refusal(publish, stateMachineArn=ARN, revisionId="INITIAL")[0] == "ConflictException"
    assert publish(stateMachineArn=ARN, revisionId=revision)["stateMachineVersionArn"] == f"{ARN}:2"
    assert refusal(publish, stateMachineArn=f"{ARN}s")[0] == "StateMachineDoesNotExist"
    found = wire.client.describe_state_machine(stateMachineArn=f"{ARN}:1")
    assert found["description"] == "first" and "Comment" not in found["definition"]
    assert found["creationDate"] == first["creationDate"]


def test_versions_are_listed_newest_first(published: Wire):
    sfn = published.client
    listed = sfn.list_state_machine_versions(stateMachineArn=ARN, maxResults=1)
    assert [one["stateMachineVersionArn"] for one in listed["stateMachineVersions"]] == [f"{ARN}:2"]
    listed = sfn.list_state_machine_versions(stateMachineArn=ARN, maxResults=1, nextToken=listed["nextToken"])
    assert [one["stateMachineVersionArn"] for one in listed["stateMachineVersions"]] == [f"{ARN}:1"]
    assert "nextToken" not in listed
    assert sfn.list_state_machine_versions(stateMachineArn=f"{ARN}s")["stateMachineVersions"] == []


def test_a_version_is_deleted_unless_an_alias_leads_to_it(published: Wire):
    sfn = published.client
    sfn.create_state_machine_alias(name="PROD", routingConfiguration=routed((1, 100)))
    assert refusal(sfn.delete_state_machine_version, stateMachineVersionArn=f"{ARN}:1")[0] == "ConflictException"
    for _ in range(2):
        sfn.delete_state_machine_version(stateMachineVersionArn=f"{ARN}:2")
    assert refusal(sfn.start_execution, stateMachineArn=f"{ARN}:2")[0] == "StateMachineDoesNotExist"
    # The revision is still there, but the number of a deleted version is never used again.
    assert sfn.publish_state_machine_version(stateMachineArn=ARN)["stateMachineVersionArn"] == f"{ARN}:3"
    assert refusal(sfn.delete_state_machine_version, stateMachineVersionArn=ARN)[0] == "ValidationException"


def test_an_execution_knows_the_version_it_was_started_by(published: Wire):
    sfn = published.client
    sfn.create_state_machine_alias(name="PROD", routingConfiguration=routed((1, 100)))
    by = {name: f"{ARN}{qualifier}" for name, qualifier in (("plain", ""), ("version", ":2"), ("alias", ":PROD"))}
    for name, arn in by.items():
        sfn.start_execution(stateMachineArn=arn, name=name)

    def names(qualifier: str) -> list[str]:
        return [one["name"] for one in sfn.list_executions(stateMachineArn=f"{ARN}{qualifier}")["executions"]]

    assert names("") == ["alias", "version", "plain"]
    assert names(":2") == ["version"]
    assert names(":PROD") == ["alias"]
    assert refusal(sfn.list_executions, stateMachineArn=f"{ARN}:NONE")[0] == "StateMachineDoesNotExist"
    listed = {one["name"]: one for one in sfn.list_executions(stateMachineArn=ARN)["executions"]}
    assert "stateMachineVersionArn" not in listed["plain"]
    assert listed["version"]["stateMachineVersionArn"] == f"{ARN}:2"
    assert "stateMachineAliasArn" not in listed["version"]
    found = sfn.describe_execution(executionArn=listed["alias"]["executionArn"])
    assert (found["stateMachineVersionArn"], found["stateMachineAliasArn"]) == (f"{ARN}:1", f"{ARN}:PROD")
    started = sfn.get_execution_history(executionArn=found["executionArn"])["events"][0]
    details = started["executionStartedEventDetails"]
    assert (details["stateMachineVersionArn"], details["stateMachineAliasArn"]) == (f"{ARN}:1", f"{ARN}:PROD")


def test_an_alias_deals_starts_by_weight(published: Wire):
    sfn = published.client
    sfn.create_state_machine_alias(name="PROD", routingConfiguration=routed((1, 50), (2, 50)))
    sfn.create_state_machine_alias(name="OLD", routingConfiguration=routed((1, 100), (2, 0)))
    for alias in ("PROD", "OLD"):
        for _ in range(40):
            sfn.start_execution(stateMachineArn=f"{ARN}:{alias}")

    def dealt(alias: str) -> Counter[str]:
        found = sfn.list_executions(stateMachineArn=f"{ARN}:{alias}")["executions"]
        return Counter(one["stateMachineVersionArn"] for one in found)

    assert dealt("OLD") == {f"{ARN}:1": 40}
    assert set(dealt("PROD")) == {f"{ARN}:1", f"{ARN}:2"}  # by chance, one is missing once in 10^12 runs


def test_an_alias_from_its_making_to_its_end(published: Wire):
    sfn = published.client
    given = {"name": "PROD", "description": "d", "routingConfiguration": routed((1, 90), (2, 10))}
    made = sfn.create_state_machine_alias(**given)
    arn = made["stateMachineAliasArn"]
    assert arn == f"{ARN}:PROD"
    assert sfn.create_state_machine_alias(**given)["creationDate"] == made["creationDate"]
    other = {**given, "description": "e"}
    assert refusal(sfn.create_state_machine_alias, **other)[0] == "ConflictException"
    found = sfn.describe_state_machine_alias(stateMachineAliasArn=arn)
    del found["ResponseMetadata"]
    dates = {"creationDate": made["creationDate"], "updateDate": made["creationDate"]}
    assert found == {"stateMachineAliasArn": arn, **given, **dates}
    updated = sfn.update_state_machine_alias(stateMachineAliasArn=arn, routingConfiguration=routed((2, 100)))
    found = sfn.describe_state_machine_alias(stateMachineAliasArn=arn)
    assert found["routingConfiguration"] == routed((2, 100))
    assert (found["description"], found["updateDate"]) == ("d", updated["updateDate"])
    assert sfn.describe_state_machine(stateMachineArn=arn)["stateMachineArn"] == f"{ARN}:2"
    sfn.delete_state_machine_alias(stateMachineAliasArn=arn)
    assert refusal(sfn.describe_state_machine_alias, stateMachineAliasArn=arn)[0] == "ResourceNotFound"
    sfn.delete_state_machine_alias(stateMachineAliasArn=arn)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Either the routing configuration or the description"),
        ({"routingConfiguration": [{"stateMachineVersionArn": f"{ARN}s:1", "weight": 100}]}, "its own state machine"),
        ({"stateMachineAliasArn": f"{ARN}:1", "description": "d"}, "not that of a state machine alias"),
    ],
)
@pytest.mark.no_rows
def test_what_does_not_change_an_alias(wire: Wire, given: Json, said: str):
    update = wire.client.update_state_machine_alias
    code, message = refusal(update, **{"stateMachineAliasArn": f"{ARN}:PROD", **given})
    assert code == "ValidationException" and said in message


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "7"}, "ValidationException"),
        ({"name": "a b"}, "ValidationException"),
        ({"routingConfiguration": routed((1, 99))}, "ValidationException"),
        ({"routingConfiguration": routed((1, 50), (1, 50))}, "ValidationException"),
        ({"routingConfiguration": routed((7, 100))}, "ResourceNotFound"),
        ({"routingConfiguration": [{"stateMachineVersionArn": ARN, "weight": 100}]}, "ValidationException"),
        ({"routingConfiguration": [{"stateMachineVersionArn": "x", "weight": 100}]}, "InvalidArn"),
    ],
)
def test_what_is_no_alias(published: Wire, given: Json, code: str):
    valid = {"name": "PROD", "routingConfiguration": routed((1, 100))}
    assert refusal(published.client.create_state_machine_alias, **{**valid, **given})[0] == code
    assert published.client.list_state_machine_aliases(stateMachineArn=ARN)["stateMachineAliases"] == []


def test_aliases_are_listed_by_name_and_by_version(published: Wire):
    sfn = published.client
    for name, version in (("b", 1), ("a", 2), ("c", 1)):
        sfn.create_state_machine_alias(name=name, routingConfiguration=routed((version, 100)))

    def names(arn: str, **given: Any) -> list[str]:
        found = sfn.list_state_machine_aliases(stateMachineArn=arn, **given)
        names.token = found.get("nextToken")  # type: ignore[attr-defined]
        return [one["stateMachineAliasArn"].removeprefix(f"{ARN}:") for one in found["stateMachineAliases"]]

    assert names(ARN) == ["a", "b", "c"]
    assert names(f"{ARN}:1") == ["b", "c"]
    assert names(ARN, maxResults=2) == ["a", "b"]
    assert names(ARN, maxResults=2, nextToken=names.token) == ["c"]  # type: ignore[attr-defined]
    assert refusal(sfn.list_state_machine_aliases, stateMachineArn=f"{ARN}s")[0] == "StateMachineDoesNotExist"


def test_versions_and_aliases_go_with_their_state_machine(published: Wire):
    sfn = published.client
    sfn.create_state_machine_alias(name="PROD", routingConfiguration=routed((1, 100)))
    sfn.delete_state_machine(stateMachineArn=ARN)
    sfn.create_state_machine(name="play", definition=json.dumps(PASS), roleArn=ROLE)
    assert sfn.list_state_machine_versions(stateMachineArn=ARN)["stateMachineVersions"] == []
    assert sfn.list_state_machine_aliases(stateMachineArn=ARN)["stateMachineAliases"] == []


def test_tags_are_put_on_and_taken_off(wire: Wire):
    arn = wire.made(PASS, tags=[{"key": "a", "value": "1"}])
    wire.client.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "2"}, {"key": "a", "value": "3"}])
    assert wire.client.list_tags_for_resource(resourceArn=arn)["tags"] == [
        {"key": "a", "value": "3"},
        {"key": "b", "value": "2"},
    ]
    wire.client.untag_resource(resourceArn=arn, tagKeys=["a", "c"])
    assert wire.client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
    many = [{"key": str(n), "value": ""} for n in range(50)]
    assert refusal(wire.client.tag_resource, resourceArn=arn, tags=many)[0] == "TooManyTags"
    assert refusal(wire.client.tag_resource, resourceArn=f"{arn}s", tags=[])[0] == "ResourceNotFound"
    assert refusal(wire.client.list_tags_for_resource, resourceArn="arn:x")[0] == "InvalidArn"
