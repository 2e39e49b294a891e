"""What state machines, their versions and aliases answer on AWS's wire, as AWS was recorded to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runtime.stage import machine
from tests.wire.client import ROLE, Wire, refusal

Json = Any

PASS = machine(A={"Type": "Pass"})
OTHER = machine(B={"Type": "Pass"})
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:play"
READS = machine(A={"Type": "Pass", "Assign": {"v": 1}}, B={"Type": "Pass", "InputPath": "$v"})


def routed(*routes: tuple[Any, int]) -> Json:
    return {
        "routingConfiguration": [
            {"stateMachineVersionArn": arn if isinstance(arn, str) else f"{ARN}:{arn}", "weight": weight}
            for arn, weight in routes
        ]
    }


@pytest.fixture
def versions(wire: Wire) -> Wire:
    """A state machine with the versions 1 and 2."""
    wire.made(PASS, publish=True)
    wire.client.update_state_machine(stateMachineArn=ARN, definition=json.dumps(OTHER), publish=True)
    return wire


def test_the_variables_that_states_read(wire: Wire):
    arn = wire.made(READS)
    started = wire.client.start_execution(stateMachineArn=arn)["executionArn"]
    of_machine = wire.client.describe_state_machine(stateMachineArn=arn)
    of_execution = wire.client.describe_state_machine_for_execution(executionArn=started)
    assert of_machine["variableReferences"] == of_execution["variableReferences"] == {"B": ["v"]}
    bare = wire.client.describe_state_machine(stateMachineArn=arn, includedData="METADATA_ONLY")
    assert "variableReferences" not in bare


def test_where_none_is_read_there_are_no_references(wire: Wire):
    assert "variableReferences" not in wire.client.describe_state_machine(stateMachineArn=wire.made(PASS))


ROUTES: dict[str, tuple[Json, str]] = {
    "weights": (
        routed((1, 60), (2, 30)),
        "Sum of routing configuration weights must equal 100. Received: [60, 30]",
    ),
    "a version twice": (
        routed((1, 50), (1, 50)),
        f"Routing configuration must contain distinct state machine version ARNs. Received: [{ARN}:1, {ARN}:1]",
    ),
    "no version": (
        routed((1, 50), (ARN, 50)),
        f"Routing configuration must contain state machine version ARNs. Received: [{ARN}:1, {ARN}]",
    ),
    "three": (
        routed((1, 10), (2, 20), (3, 70)),
        "1 validation error detected: Value '["
        f"RoutingConfigurationListItem(stateMachineVersionArn={ARN}:1, weight=10), "
        f"RoutingConfigurationListItem(stateMachineVersionArn={ARN}:2, weight=20), "
        f"RoutingConfigurationListItem(stateMachineVersionArn={ARN}:3, weight=70)]' at 'routingConfiguration' "
        "failed to satisfy constraint: Member must have length less than or equal to 2",
    ),
}


@pytest.mark.parametrize("why", ROUTES)
def test_wrong_routes(versions: Wire, why: str):
    routes, said = ROUTES[why]
    assert refusal(versions.client.create_state_machine_alias, name="live", **routes) == ("ValidationException", said)


@pytest.mark.parametrize("changed", [routed((1, 100)), {"description": "other"}])
def test_an_alias_that_was_made_before_otherwise(versions: Wire, changed: Json):
    given = {"name": "live", "description": "d", **routed((2, 100))}
    versions.client.create_state_machine_alias(**given)
    versions.client.create_state_machine_alias(**given)
    said = (
        "Failed to create alias because an alias with the same name and a different routing configuration already "
        "exists."
    )
    assert refusal(versions.client.create_state_machine_alias, **{**given, **changed}) == ("ConflictException", said)


def test_an_alias_that_is_not_there(versions: Wire):
    alias = f"{ARN}:none"
    error = refusal(versions.client.update_state_machine_alias, stateMachineAliasArn=alias, description="d")
    assert error == ("ResourceNotFound", "Request references a resource that does not exist.")
    versions.client.delete_state_machine_alias(stateMachineAliasArn=alias)
    gone = f"{ARN}s:none"
    assert refusal(versions.client.delete_state_machine_alias, stateMachineAliasArn=gone)[0] == "ResourceNotFound"


def test_a_token_that_is_none_is_not_repeated(versions: Wire):
    error = refusal(versions.client.list_state_machine_aliases, stateMachineArn=ARN, nextToken="x")
    assert error == ("InvalidToken", "Invalid Token: 'Invalid token'")


@pytest.mark.parametrize("changes", [{"definition": json.dumps(PASS)}, {"roleArn": ROLE}])
def test_an_update_that_changes_nothing_makes_no_revision(wire: Wire, changes: Json):
    wire.made(PASS)
    assert "revisionId" not in wire.client.update_state_machine(stateMachineArn=ARN, **changes)
    changed = wire.client.update_state_machine(stateMachineArn=ARN, definition=json.dumps(OTHER))
    again = wire.client.update_state_machine(stateMachineArn=ARN, definition=json.dumps(OTHER))
    assert again["revisionId"] == changed["revisionId"]
    assert again["updateDate"] == changed["updateDate"]
    assert wire.client.describe_state_machine(stateMachineArn=ARN)["revisionId"] == changed["revisionId"]


def test_with_publish_it_has_the_version_that_the_revision_has(wire: Wire):
    wire.made(PASS)
    same = {"stateMachineArn": ARN, "definition": json.dumps(PASS)}
    first = wire.client.update_state_machine(**same, publish=True, versionDescription="d")
    assert first["stateMachineVersionArn"] == f"{ARN}:1" and "revisionId" not in first
    assert wire.client.update_state_machine(**same, publish=True)["stateMachineVersionArn"] == f"{ARN}:1"
    assert "stateMachineVersionArn" not in wire.client.update_state_machine(**same)
    assert len(wire.client.list_state_machine_versions(stateMachineArn=ARN)["stateMachineVersions"]) == 1
    assert wire.client.describe_state_machine(stateMachineArn=f"{ARN}:1")["description"] == "d"


def test_what_differs_in_white_space_is_a_change(wire: Wire):
    wire.made(PASS)
    spaced = json.dumps(PASS, indent=1)
    error = refusal(wire.client.create_state_machine, name="play", definition=spaced, roleArn=ROLE)
    assert error == ("StateMachineAlreadyExists", f"State Machine Already Exists: '{ARN}'")
    assert wire.client.update_state_machine(stateMachineArn=ARN, definition=spaced)["revisionId"]


def test_the_version_of_another_revision_is_not_published(wire: Wire):
    wire.made(PASS)
    error = refusal(wire.client.publish_state_machine_version, stateMachineArn=ARN, revisionId="other")
    said = (
        "Failed to publish the State Machine version for revision other. The current State Machine revision is INITIAL."
    )
    assert error == ("ConflictException", said)
    now = wire.client.update_state_machine(stateMachineArn=ARN, definition=json.dumps(OTHER))["revisionId"]
    error = refusal(wire.client.publish_state_machine_version, stateMachineArn=ARN, revisionId="INITIAL")
    assert error[1].endswith(f"for revision INITIAL. The current State Machine revision is {now}.")


@pytest.mark.parametrize("more", [{}, {"publish": True}])
def test_a_version_cannot_be_updated(versions: Wire, more: Json):
    arn = f"{ARN}:1"
    error = refusal(versions.client.update_state_machine, stateMachineArn=arn, definition=json.dumps(PASS), **more)
    assert error == ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def test_an_update_of_nothing(wire: Wire):
    wire.made(PASS)
    said = (
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    )
    assert refusal(wire.client.update_state_machine, stateMachineArn=ARN) == ("MissingRequiredParameter", said)


def test_an_unknown_status(wire: Wire):
    wire.made(PASS)
    _, said = refusal(wire.client.list_executions, stateMachineArn=ARN, statusFilter="X")
    assert said.endswith("enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]")
