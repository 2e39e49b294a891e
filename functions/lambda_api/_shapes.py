"""Renders views in the words of Lambda's API."""

from __future__ import annotations

from datetime import UTC, datetime

from stepwell.functions.contract import Json
from stepwell.functions.contract.lambda_ import AliasConfiguration, EventRules, FunctionConfiguration

PAGE = 50
"""The most rows that AWS puts on a page, even if a caller wants more."""


_NOTHING: tuple[Json, ...] = ("", {}, {"Variables": {}}, {"TargetArn": ""})
"""Values with which a caller clears an option: it is no longer shown. Only a description may be empty."""


def modified(at: int) -> str:
    """A time as LastModified has it: ``2026-11-24T00:00:00.000+0000``."""
    text = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "+0000")


def alias(view: AliasConfiguration) -> dict[str, Json]:
    """An AliasConfiguration."""
    return {
        "AliasArn": view.arn,
        "Name": view.alias,
        "FunctionVersion": view.version,
        "Description": view.description,
        "RoutingConfig": {"AdditionalVersionWeights": dict(view.weights)} if view.weights else None,
        "RevisionId": view.revision,
    }


def event_rules(view: EventRules) -> dict[str, Json]:
    """A FunctionEventInvokeConfig."""
    chosen = {"OnSuccess": view.on_success, "OnFailure": view.on_failure}
    return {
        "FunctionArn": view.arn,
        "LastModified": view.modified_at / 1000,
        "MaximumRetryAttempts": view.retries,
        "MaximumEventAgeInSeconds": view.max_age,
        "DestinationConfig": {name: {"Destination": arn} if arn else {} for name, arn in chosen.items()},
    }


def chosen_rules(given: Json) -> dict[str, Json]:
    """The rules for events that an input sets."""
    members = {"MaximumRetryAttempts": "retries", "MaximumEventAgeInSeconds": "max_age"}
    chosen = {own: given[name] for name, own in members.items() if name in given}
    for name, own in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
        if name in given.get("DestinationConfig", {}):
            chosen[own] = given["DestinationConfig"][name].get("Destination")
    return chosen


def weights(given: Json) -> dict[str, float]:
    """The weights in an input's RoutingConfig."""
    return dict(given.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}))


def configuration(view: FunctionConfiguration) -> dict[str, Json]:
    """A FunctionConfiguration. A stored function can be called at once, so it is Active from the first answer on."""
    logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{view.name}"}
    return {
        **{name: option for name, option in view.options.items() if option not in _NOTHING},
        "Description": view.options["Description"],
        "FunctionName": view.name,
        "FunctionArn": view.arn,
        "CodeSize": view.code_size,
        "CodeSha256": view.code_sha256,
        "LastModified": modified(view.modified_at),
        "Version": view.version,
        "RevisionId": view.revision,
        "LoggingConfig": {**logging, **view.options.get("LoggingConfig", {})},
        "SnapStart": {"ApplyOn": "None", **view.options.get("SnapStart", {}), "OptimizationStatus": "Off"},
        "VpcConfig": _network(view.options.get("VpcConfig", {})),
        "PackageType": "Zip",
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }


def _network(chosen: Json) -> Json:
    """A VpcConfigResponse with the chosen subnets and groups, or None. There is no such network here."""
    if not (chosen.get("SubnetIds") or chosen.get("SecurityGroupIds")):
        return None
    return {"SubnetIds": [], "SecurityGroupIds": [], **chosen, "VpcId": ""}
