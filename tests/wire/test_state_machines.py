from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.runtime.stage import machine, steps, task
from tests.wire.client import ROLE, Wire, refusal

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:play"


def test_is_described_as_it_was_given(wire: Wire):
    text = json.dumps(PASS, indent=3)
    made = wire.client.create_state_machine(name="play", definition=text, roleArn=ROLE)
    assert made["stateMachineArn"] == ARN
    assert "stateMachineVersionArn" not in made
    assert abs(datetime.now(UTC) - made["creationDate"]) < timedelta(minutes=1)
    found = wire.client.describe_state_machine(stateMachineArn=ARN)
    del found["ResponseMetadata"]
    assert found == {
        "stateMachineArn": ARN,
        "name": "play",
        "status": "ACTIVE",
        "definition": text,
        "roleArn": ROLE,
        "type": "STANDARD",
        "creationDate": made["creationDate"],
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }
    assert wire.client.describe_state_machine(stateMachineArn=ARN, includedData="METADATA_ONLY")["definition"] == "{}"


def test_configurations_are_kept_and_given_back(wire: Wire):
    group = {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}}
    logging = {"level": "ALL", "includeExecutionData": True, "destinations": [group]}
    key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k", "kmsDataKeyReusePeriodSeconds": 60}
    given = {"tracingConfiguration": {"enabled": True}, "loggingConfiguration": logging, "encryptionConfiguration": key}
    wire.made(PASS, type="EXPRESS", **given)
    found = wire.client.describe_state_machine(stateMachineArn=ARN)
    assert found["type"] == "EXPRESS"
    assert {name: found[name] for name in given} == given


def test_made_again_just_so_it_is_the_same(wire: Wire):
    first = wire.client.create_state_machine(name="play", definition=json.dumps(PASS), roleArn=ROLE)
    other = "arn:aws:iam::123456789012:role/other"
    again = wire.client.create_state_machine(
        name="play", definition=json.dumps(PASS), roleArn=other, tags=[{"key": "a", "value": "b"}]
    )
    assert (again["stateMachineArn"], again["creationDate"]) == (first["stateMachineArn"], first["creationDate"])
    assert wire.client.describe_state_machine(stateMachineArn=ARN)["roleArn"] == ROLE


@pytest.mark.parametrize(
    "other",
    [
        {"definition": json.dumps({**PASS, "Comment": "other"})},
        {"type": "EXPRESS"},
        {"tracingConfiguration": {"enabled": True}},
        {"publish": True},
    ],
)
def test_made_again_otherwise_it_is_refused(wire: Wire, other: dict[str, object]):
    wire.made(PASS)
    given = {"name": "play", "definition": json.dumps(PASS), "roleArn": ROLE, **other}
    error = refusal(wire.client.create_state_machine, **given)
    assert error == ("StateMachineAlreadyExists", f"State Machine Already Exists: '{ARN}'")


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"name": "a b"}, "InvalidName", "Invalid Name: 'a b'"),
        ({"roleArn": "me"}, "InvalidArn", "Invalid Role Arn: 'me'"),
        ({"definition": "{"}, "InvalidDefinition", "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: "),
        (
            {"definition": json.dumps(steps("step1"))},
            "InvalidDefinition",
            "These fields are required: [States, StartAt] at /'",
        ),
        (
            {"definition": json.dumps({"StartAt": "B", "States": PASS["States"]})},
            "InvalidDefinition",
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: there is no state 'B' here at /StartAt, ",
        ),
        ({"loggingConfiguration": {"level": "ALL"}}, "InvalidLoggingConfiguration", "Log Destination"),
        (
            {"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY"}},
            "InvalidEncryptionConfiguration",
            "kmsKeyId",
        ),
        (
            {"encryptionConfiguration": {"type": "AWS_OWNED_KEY", "kmsKeyId": "k"}},
            "InvalidEncryptionConfiguration",
            "no other members",
        ),
        (
            {"loggingConfiguration": {"destinations": [{}, {}]}},
            "InvalidLoggingConfiguration",
            "Log Destination",
        ),
        ({"tags": [{"value": "v"}]}, "ValidationException", "A tag needs a key"),
        ({"versionDescription": "first"}, "ValidationException", "Version description can only be set when publish"),
        ({"tags": [{"key": str(n), "value": ""} for n in range(51)]}, "TooManyTags", "50"),
    ],
)
def test_what_cannot_be_made(wire: Wire, changed: dict[str, object], code: str, said: str):
    given = {"name": "play", "definition": json.dumps(PASS), "roleArn": ROLE, **changed}
    error = refusal(wire.client.create_state_machine, **given)
    assert error[0] == code and said in error[1]
    assert wire.client.list_state_machines()["stateMachines"] == []


def test_an_update_is_a_new_revision_and_changes_no_more_than_it_says(wire: Wire):
    wire.made(PASS, tracingConfiguration={"enabled": True})
    other = {**PASS, "Comment": "other"}
    first = wire.client.update_state_machine(stateMachineArn=ARN, definition=json.dumps(other))
    found = wire.client.describe_state_machine(stateMachineArn=ARN)
    assert found["revisionId"] == first["revisionId"]
    assert json.loads(found["definition"]) == other
    assert (found["roleArn"], found["tracingConfiguration"]) == (ROLE, {"enabled": True})
    role = "arn:aws:iam::123456789012:role/other"
    second = wire.client.update_state_machine(stateMachineArn=ARN, roleArn=role)
    assert second["revisionId"] != first["revisionId"]
    found = wire.client.describe_state_machine(stateMachineArn=ARN)
    assert (json.loads(found["definition"]), found["roleArn"]) == (other, role)


def test_an_update_may_publish(wire: Wire):
    made = wire.client.create_state_machine(name="play", definition=json.dumps(PASS), roleArn=ROLE, publish=True)
    assert made["stateMachineVersionArn"] == f"{ARN}:1"
    updated = wire.client.update_state_machine(
        stateMachineArn=ARN, roleArn=f"{ROLE}2", publish=True, versionDescription="the second"
    )
    assert updated["stateMachineVersionArn"] == f"{ARN}:2"
    found = wire.client.describe_state_machine(stateMachineArn=f"{ARN}:2")
    assert (found["stateMachineArn"], found["description"]) == (f"{ARN}:2", "the second")


def test_what_cannot_be_updated(wire: Wire):
    update = wire.client.update_state_machine
    gone = ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{ARN}'")
    assert refusal(update, stateMachineArn=ARN, roleArn=ROLE) == gone
    wire.made(PASS)
    assert refusal(update, stateMachineArn=ARN)[0] == "MissingRequiredParameter"
    assert refusal(update, stateMachineArn=ARN, definition="{}")[0] == "InvalidDefinition"
    assert refusal(update, stateMachineArn=f"{ARN}:live", roleArn=ROLE)[0] == "ValidationException"


def test_one_that_is_deleted_is_gone_and_may_be_made_again(wire: Wire):
    wire.made(PASS, publish=True)
    wire.client.update_state_machine(stateMachineArn=ARN, roleArn=ROLE)
    for _ in range(2):
        wire.client.delete_state_machine(stateMachineArn=ARN)
        assert refusal(wire.client.describe_state_machine, stateMachineArn=ARN)[0] == "StateMachineDoesNotExist"
    made = wire.client.create_state_machine(
        name="play", definition=json.dumps(PASS), roleArn=ROLE, type="EXPRESS", publish=True
    )
    assert made["stateMachineVersionArn"] == f"{ARN}:1"
    found = wire.client.describe_state_machine(stateMachineArn=ARN)
    assert (found["type"], found.get("revisionId")) == ("EXPRESS", None)


def test_they_are_listed_by_name_a_page_at_a_time(wire: Wire):
    for name in ("c", "a", "b"):
        wire.made(PASS, name)
    wire.stage.workflows.create_flow({"name": "step1"})
    pages = list(wire.client.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2}))
    assert [[one["name"] for one in page["stateMachines"]] for page in pages] == [["a", "b"], ["c"]]
    assert pages[0]["stateMachines"][0]["type"] == "STANDARD"


def test_a_token_is_good_for_its_own_question_only(wire: Wire):
    arns = [wire.made(PASS, name) for name in ("a", "b")]
    token = wire.client.list_state_machines(maxResults=1)["nextToken"]
    assert [one["name"] for one in wire.client.list_state_machines(nextToken=token)["stateMachines"]] == ["b"]
    error = refusal(wire.client.list_executions, stateMachineArn=arns[0], nextToken=token)
    assert error == ("InvalidToken", "Invalid Token: 'Invalid token'")
    for garbled in ("x", token[:-8], token.swapcase()):
        assert refusal(wire.client.list_state_machines, nextToken=garbled)[0] == "InvalidToken"


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("play", "Invalid Arn: 'Invalid ARN prefix: play'"),
        (
            ARN.replace("stateMachine", "execution") + ":x",
            "Invalid Arn: 'Resource type not valid in this context: execution'",
        ),
        (f"{ARN}:1:2", f"Invalid Arn: 'Unrecognized format: {ARN}:1:2'"),
        ("arn:aws:s3:::bucket", "Invalid Arn: 'Unrecognized format: arn:aws:s3:::bucket'"),
    ],
)
@pytest.mark.no_rows
def test_what_is_no_arn_of_a_state_machine(wire: Wire, arn: str, said: str):
    assert refusal(wire.client.describe_state_machine, stateMachineArn=arn) == ("InvalidArn", said)


def test_an_arn_of_any_account_and_region_is_taken(wire: Wire):
    wire.made(PASS)
    foreign = "arn:aws-cn:states:cn-north-1:999999999999:stateMachine:play"
    assert wire.client.describe_state_machine(stateMachineArn=foreign)["stateMachineArn"] == ARN


def test_what_is_made_over_rest_is_a_state_machine_and_the_other_way_round(wire: Wire):
    wire.stage.workflows.create("play", steps("step1", "step2"))
    found = wire.client.describe_state_machine(stateMachineArn=ARN)
    assert list(json.loads(found["definition"])["States"]) == ["step1", "step2"]
    assert found["roleArn"].startswith("arn:aws:iam::")
    wire.made(machine(A=task("step1")), "other")
    assert wire.stage.workflows.newest("other").number == 1


def test_a_new_version_over_rest_keeps_what_only_aws_knows(wire: Wire):
    wire.made(PASS, tracingConfiguration={"enabled": True})
    wire.stage.workflows.create("play", steps("step1"))
    found = wire.client.describe_state_machine(stateMachineArn=ARN)
    assert (found["roleArn"], found["tracingConfiguration"]) == (ROLE, {"enabled": True})
    assert "step1" in found["definition"]
