"""Clients beyond single calls: boto3's waiters and paginators, and the Terraform provider's calls.

The provider's calls follow hashicorp/terraform-provider-aws, ``internal/service/lambda``, in its order:
``function.go`` (create, read, update, delete), ``permission.go``, ``alias.go``, ``function_event_invoke_config.go``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore import xform_name
from botocore.exceptions import WaiterError
from botocore.loaders import Loader

from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres
from tests.wire import lambda_model
from tests.wire.lambda_client import LambdaWire, refused, served
from tests.wire.packages import package

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres"]

Json = Any

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
ROLE = "arn:aws:iam::123456789012:role/lambda"
MODEL = Loader()
WAITERS = MODEL.load_service_model("lambda", "waiters-2")["waiters"]
PAGINATORS = MODEL.load_service_model("lambda", "paginators-1")["pagination"]


@pytest.fixture
def wire(empty_url: str, tmp_path: Path) -> Iterator[LambdaWire]:
    with served(empty_url, tmp_path / "home", code_dir=tmp_path / "code") as wire:
        yield wire


def made(wire: LambdaWire, name: str, **options: Any) -> Json:
    chosen = {"Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler", **options}
    return wire.client.create_function(FunctionName=name, Code={"ZipFile": package("return event")}, **chosen)


# boto3


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *(("FunctionActive", {}), ("FunctionActiveV2", {}), ("FunctionExists", {}), ("FunctionUpdated", {})),
        *(("FunctionUpdatedV2", {}), ("PublishedVersionActive", {"Qualifier": "1"})),
        *(("FunctionExists", {"Qualifier": "PROD"}), ("FunctionActiveV2", {"Qualifier": "1"})),
    ],
)
def test_a_waiter_is_content_at_once(wire: LambdaWire, name: str, more: Json) -> None:
    made(wire, "mine", Publish=True)
    wire.client.create_alias(FunctionName="mine", Name="PROD", FunctionVersion="1")
    given = {"FunctionName": "mine", "WaiterConfig": {"MaxAttempts": 1, "Delay": 0}, **more}
    waiter = wire.client.get_waiter(xform_name(name))
    waiter.wait(**given)
    with pytest.raises(WaiterError):
        waiter.wait(**{**given, "FunctionName": "nobody"})


def test_every_waiter_is_tried() -> None:
    tried = {name for mark in test_a_waiter_is_content_at_once.pytestmark for name, _ in mark.args[1]}
    assert tried == set(WAITERS)


@pytest.mark.parametrize("operation", sorted(set(PAGINATORS) & set(lambda_model.names())))
def test_a_paginator_finds_all_by_pages_of_one(wire: LambdaWire, operation: str) -> None:
    for name in ("a", "b", "c"):
        made(wire, name, Publish=True)
    wire.client.update_function_code(FunctionName="a", ZipFile=package("return 2"), Publish=True)
    for alias in ("x", "y", "z"):
        wire.client.create_alias(FunctionName="a", Name=alias, FunctionVersion="1")
    for qualifier in ("x", "1", "$LATEST"):
        wire.client.put_function_event_invoke_config(FunctionName="a", Qualifier=qualifier, MaximumRetryAttempts=0)
    paginator = wire.client.get_paginator(xform_name(operation))
    given = {} if operation == "ListFunctions" else {"FunctionName": "a"}
    key = PAGINATORS[operation]["result_key"]
    pages = [page[key] for page in paginator.paginate(**given, PaginationConfig={"PageSize": 1})]
    whole = paginator.paginate(**given).build_full_result()[key]
    assert [one for page in pages for one in page] == whole and len(whole) >= 3
    assert {len(page) for page in pages} == {1}


# Terraform


class Provider:
    """The calls of ``aws_lambda_function``, with the provider's arguments."""

    def __init__(self, wire: LambdaWire, name: str) -> None:
        self.act = wire.client
        self.name = name

    def create(self, code: bytes, reserved: int = -1, **chosen: Any) -> Json:
        defaults = {"Description": "", "MemorySize": 128, "Timeout": 3, "Publish": False, "Tags": {}}
        given = {**defaults, "PackageType": "Zip", "Role": ROLE, "Handler": "app.handler", "Runtime": "python3.13"}
        self.act.create_function(FunctionName=self.name, Code={"ZipFile": code}, **{**given, **chosen})
        assert self.found()["Configuration"]["State"] == "Active"
        if reserved >= 0:
            self.act.put_function_concurrency(FunctionName=self.name, ReservedConcurrentExecutions=reserved)
        return self.read()

    def read(self) -> Json:
        """The attributes of the resource. A missing member fails here if the provider does not check for it."""
        found = self.found()
        one = found["Configuration"]
        pages = self.act.get_paginator("list_versions_by_function").paginate(
            FunctionName=self.name, PaginationConfig={"PageSize": 10_000}
        )
        latest = [version for page in pages for version in page["Versions"]][-1]
        signing = self.act.get_function_code_signing_config(FunctionName=self.name)
        return {
            "arn": one["FunctionArn"],
            "architectures": one["Architectures"],
            "code_sha256": one["CodeSha256"],
            "code_signing_config_arn": signing["CodeSigningConfigArn"],
            "dead_letter": one.get("DeadLetterConfig"),
            "description": one["Description"],
            "environment": one.get("Environment"),
            "ephemeral_storage": one["EphemeralStorage"]["Size"],
            "logging_config": one["LoggingConfig"],
            "memory_size": one["MemorySize"],
            "qualified_arn": latest["FunctionArn"],
            "reserved": found.get("Concurrency", {}).get("ReservedConcurrentExecutions", -1),
            "runtime": one["Runtime"],
            "snap_start": one.get("SnapStart"),
            "tags": found.get("Tags", {}),
            "timeout": one["Timeout"],
            "tracing": one["TracingConfig"]["Mode"],
            "version": latest["Version"],
            "vpc_config": one.get("VpcConfig"),
            "source_kms_key_arn": found["Code"].get("SourceKMSKeyArn"),
        }

    def configure(self, **changes: Any) -> None:
        self.act.update_function_configuration(FunctionName=self.name, **changes)
        assert self.found()["Configuration"]["LastUpdateStatus"] == "Successful"

    def replace(self, code: bytes) -> None:
        self.act.update_function_code(FunctionName=self.name, ZipFile=code)
        assert self.found()["Configuration"]["LastUpdateStatus"] == "Successful"

    def publish(self) -> None:
        """Publishes a version and waits for it twice, as the provider does: by its qualified ARN, and by its number."""
        made = self.act.publish_version(FunctionName=self.name)
        given = {"FunctionName": made["FunctionArn"], "Qualifier": made["Version"]}
        assert self.act.get_function_configuration(**given)["LastUpdateStatus"] == "Successful"

    def delete(self) -> None:
        self.act.delete_function(FunctionName=self.name)
        assert refused(self.act.get_function, FunctionName=self.name)[::2] == ("ResourceNotFoundException", 404)

    def found(self) -> Json:
        return self.act.get_function(FunctionName=self.name)


def test_terraform_makes_changes_and_destroys_a_function(wire: LambdaWire) -> None:
    provider = Provider(wire, "shop")
    first = provider.create(
        package("return 1"),
        reserved=5,
        Environment={"Variables": {"STAGE": "dev"}},
        Architectures=["x86_64"],
        EphemeralStorage={"Size": 1024},
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"},
        TracingConfig={"Mode": "Active"},
        DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"},
        SnapStart={"ApplyOn": "PublishedVersions"},
        VpcConfig={"Ipv6AllowedForDualStack": False, "SecurityGroupIds": ["sg-1"], "SubnetIds": ["subnet-1"]},
        Tags={"team": "shop"},
    )
    assert first == provider.read(), "a second plan would find a difference"
    assert first["environment"] == {"Variables": {"STAGE": "dev"}} and first["reserved"] == 5
    assert (first["version"], first["qualified_arn"]) == ("$LATEST", f"{ARN}shop:$LATEST")
    assert first["logging_config"]["LogFormat"] == "JSON" and first["tracing"] == "Active"

    assert first["snap_start"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert (first["vpc_config"]["SubnetIds"], first["vpc_config"]["SecurityGroupIds"]) == (["subnet-1"], ["sg-1"])

    wire.client.tag_resource(Resource=first["arn"], Tags={"stage": "dev"})
    wire.client.untag_resource(Resource=first["arn"], TagKeys=["team"])
    provider.configure(
        DeadLetterConfig={"TargetArn": ""},
        Description="sells",
        Environment={"Variables": {}},
        FileSystemConfigs=[],
        ImageConfig={},
        Layers=[],
        SnapStart={"ApplyOn": "None"},
        Timeout=7,
        VpcConfig={"Ipv6AllowedForDualStack": False, "SecurityGroupIds": [], "SubnetIds": []},
    )
    provider.replace(package("return 2"))
    wire.client.delete_function_concurrency(FunctionName="shop")
    provider.publish()
    second = provider.read()
    assert (second["description"], second["timeout"], second["reserved"]) == ("sells", 7, -1)
    assert (second["dead_letter"], second["environment"], second["vpc_config"]) == (None, None, None)
    assert second["snap_start"]["ApplyOn"] == "None"
    assert second["tags"] == {"stage": "dev"} and second["code_sha256"] != first["code_sha256"]
    assert (second["version"], second["qualified_arn"]) == ("1", f"{ARN}shop:1")
    assert second["memory_size"] == first["memory_size"] and second["tracing"] == "Active"
    provider.delete()


@pytest.mark.parametrize("nothing", [{}, {"Variables": {}}])
def test_variables_that_were_taken_back_are_not_told(wire: LambdaWire, nothing: Json) -> None:
    made(wire, "mine", Environment={"Variables": {"A1": "x"}})
    wire.client.update_function_configuration(FunctionName="mine", Environment=nothing)
    assert "Environment" not in wire.client.get_function_configuration(FunctionName="mine")


def test_terraform_s_defaults_are_what_it_reads_back(wire: LambdaWire) -> None:
    found = Provider(wire, "shop").create(package("return 1"))
    assert found["logging_config"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/shop"}
    assert (found["environment"], found["ephemeral_storage"], found["tracing"]) == (None, 512, "PassThrough")
    assert (found["architectures"], found["code_signing_config_arn"]) == (["x86_64"], "")
    assert found["snap_start"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}


def test_terraform_s_permission_alias_and_event_rules(wire: LambdaWire) -> None:
    act = wire.client
    Provider(wire, "shop").create(package("return 1"), Publish=True)
    act.create_alias(FunctionName="shop", Name="live", FunctionVersion="1", Description="")
    assert act.get_alias(FunctionName="shop", Name="live")["AliasArn"] == f"{ARN}shop:live"

    given = {"FunctionName": "shop", "Qualifier": "live", "StatementId": "terraform-20261124"}
    act.add_permission(**given, Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    policy = json.loads(act.get_policy(FunctionName="shop", Qualifier="live")["Policy"])
    assert [(one["Sid"], one["Resource"]) for one in policy["Statement"]] == [("terraform-20261124", f"{ARN}shop:live")]
    act.remove_permission(**given)
    assert refused(act.get_policy, FunctionName="shop", Qualifier="live")[0] == "ResourceNotFoundException"

    rules = {"FunctionName": "shop", "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    act.put_function_event_invoke_config(**rules, DestinationConfig={})
    assert act.get_function_event_invoke_config(FunctionName="shop")["MaximumRetryAttempts"] == 0
    act.delete_function_event_invoke_config(FunctionName="shop")

    act.update_alias(FunctionName="shop", Name="live", FunctionVersion="$LATEST", RoutingConfig={})
    act.delete_alias(FunctionName="shop", Name="live")
    assert refused(act.get_alias, FunctionName="shop", Name="live")[::2] == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize("path", ["/2017-03-31/tags/{arn}", "/2015-03-31/functions/{arn}/configuration"])
def test_an_arn_may_be_escaped_as_the_go_sdk_does(wire: LambdaWire, path: str) -> None:
    made(wire, "mine")
    connection = HTTPConnection(wire.url.removeprefix("http://"))
    connection.request("GET", path.format(arn=quote(f"{ARN}mine", safe="")))
    assert connection.getresponse().status == 200
    connection.close()
