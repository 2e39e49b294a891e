"""Names for versions of a function, with and without weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.wire.lambda_client import LambdaWire, refused, served
from tests.wire.packages import package

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
ROLE = "arn:aws:iam::123456789012:role/lambda"


@pytest.fixture
def wire(empty_url: str, tmp_path: Path) -> Iterator[LambdaWire]:
    """A function with two versions. Each returns its own number."""
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code") as wire:
        code = "return [context.function_version, context.invoked_function_arn]"
        wire.client.create_function(
            FunctionName="mine",
            Runtime="python3.12",
            Role=ROLE,
            Handler="app.handler",
            Publish=True,
            Code={"ZipFile": package(code)},
        )
        wire.client.update_function_code(FunctionName="mine", ZipFile=package(f"{code} + []"), Publish=True)
        yield wire


def test_an_alias_is_called_and_moved(wire: LambdaWire) -> None:
    one = wire.client.create_alias(FunctionName="mine", Name="PROD", FunctionVersion="1", Description="live")
    assert (one["AliasArn"], one["FunctionVersion"], one["Description"]) == (f"{ARN}mine:PROD", "1", "live")
    answer = wire.called("mine:PROD")
    assert (answer["Payload"], answer["ExecutedVersion"]) == (["1", f"{ARN}mine:PROD"], "1")
    wire.client.update_alias(FunctionName="mine", Name="PROD", FunctionVersion="2", RevisionId=one["RevisionId"])
    assert wire.called("mine", Qualifier="PROD")["Payload"][0] == "2"
    stale = refused(wire.client.update_alias, FunctionName="mine", Name="PROD", RevisionId=one["RevisionId"])
    assert stale[::2] == ("PreconditionFailedException", 412)
    found = wire.client.get_function_configuration(FunctionName="mine", Qualifier="PROD")
    assert (found["Version"], found["FunctionArn"]) == ("2", f"{ARN}mine:PROD")
    assert wire.client.get_alias(FunctionName="mine", Name="PROD")["Description"] == "live"


def test_weights_share_the_calls(wire: LambdaWire) -> None:
    given = {"AdditionalVersionWeights": {"2": 0.5}}
    one = wire.client.create_alias(FunctionName="mine", Name="SPLIT", FunctionVersion="1", RoutingConfig=given)
    assert one["RoutingConfig"] == given
    assert {wire.called("mine:SPLIT")["ExecutedVersion"] for _ in range(40)} == {"1", "2"}
    wire.client.update_alias(FunctionName="mine", Name="SPLIT", RoutingConfig={"AdditionalVersionWeights": {}})
    assert {wire.called("mine:SPLIT")["ExecutedVersion"] for _ in range(10)} == {"1"}


def test_aliases_are_listed_by_pages(wire: LambdaWire) -> None:
    for name, version in (("a", "1"), ("b", "2"), ("c", "$LATEST")):
        wire.client.create_alias(FunctionName="mine", Name=name, FunctionVersion=version)
    pages = wire.client.get_paginator("list_aliases").paginate(FunctionName="mine", PaginationConfig={"PageSize": 2})
    assert [one["Name"] for page in pages for one in page["Aliases"]] == ["a", "b", "c"]
    found = wire.client.list_aliases(FunctionName="mine", FunctionVersion="2")["Aliases"]
    assert [one["Name"] for one in found] == ["b"]


def test_what_cannot_be_is_refused(wire: LambdaWire) -> None:
    make = wire.client.create_alias
    wire.client.create_alias(FunctionName="mine", Name="PROD", FunctionVersion="1")
    assert refused(make, FunctionName="mine", Name="PROD", FunctionVersion="1")[::2] == (
        "ResourceConflictException",
        409,
    )
    for given in ({"FunctionVersion": "7"}, {"FunctionVersion": "1", "FunctionName": "nobody"}):
        refusal = refused(make, **{"FunctionName": "mine", "Name": "x", **given})
        assert refusal[::2] == ("ResourceNotFoundException", 404)
    for version, weights in (("1", {"1": 0.5}), ("$LATEST", {"1": 0.5})):
        routing = {"AdditionalVersionWeights": weights}
        refusal = refused(make, FunctionName="mine", Name="x", FunctionVersion=version, RoutingConfig=routing)
        assert refusal[::2] == ("InvalidParameterValueException", 400)
    assert refused(wire.client.get_alias, FunctionName="mine", Name="x")[0] == "ResourceNotFoundException"
    assert refused(wire.client.invoke, FunctionName="mine:x")[0] == "ResourceNotFoundException"
    used = refused(wire.client.delete_function, FunctionName="mine", Qualifier="1")
    assert used[0] == "ResourceConflictException" and used[1].endswith("aliases reference it: [PROD]")


def test_an_alias_is_gone_by_itself_or_with_its_function(wire: LambdaWire) -> None:
    for name in ("a", "b"):
        wire.client.create_alias(FunctionName="mine", Name=name, FunctionVersion="1")
    wire.client.delete_alias(FunctionName="mine", Name="a")
    wire.client.delete_alias(FunctionName="mine", Name="a")
    assert [one["Name"] for one in wire.client.list_aliases(FunctionName="mine")["Aliases"]] == ["b"]
    wire.client.delete_function(FunctionName="mine")
    assert refused(wire.client.list_aliases, FunctionName="mine")[0] == "ResourceNotFoundException"


def test_a_task_calls_an_alias(wire: LambdaWire) -> None:
    wire.client.create_alias(FunctionName="mine", Name="PROD", FunctionVersion="1")
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": f"{ARN}mine:PROD", "End": True}}}
    states = wire.states
    arn = states.create_state_machine(name="m", definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    begun = states.start_execution(stateMachineArn=arn)["executionArn"]
    with wire.worker() as worker:
        worker.run()
    assert json.loads(states.describe_execution(executionArn=begun)["output"])[0] == "1"
