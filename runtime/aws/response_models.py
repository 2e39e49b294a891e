"""The models of AWS's responses, and the check of a value against one, as TestState does it with a mocked result.

The models of Lambda and Step Functions are in the tables beside this file. Those of all other services are botocore's
(Apache-2.0), where it is installed: ``pip install 'stepwell[models]'``. Without it they are not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stepwell.functions.contract import Json

Shape = Mapping[str, Json]

TABLES = {"lambda": "lambda.json", "stepfunctions": "stepfunctions.json"}
"""The services whose models are in a table here."""
NAMES = {
    "states": "stepfunctions",
    "elasticmapreduce": "emr",
    "applicationdiscoveryservice": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "configservice": "config",
    "costandusagereportservice": "cur",
    "costexplorer": "ce",
    "databasemigrationservice": "dms",
    "directoryservice": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearchservice": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuildingservice": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntimeservice": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlementservice": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "pinpointsmsvoice": "sms-voice",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
"""Step Functions' names of services for which botocore has another name. All others differ in hyphens alone."""

_NOTHING: Mapping[str, Json] = MappingProxyType({"outputs": {}, "shapes": {}})
_RULES = ("type", "required", "min", "max", "enum", "document")
_KINDS: Mapping[str, tuple[str, Any]] = {
    **dict.fromkeys(("string", "timestamp", "blob", "character"), ("a string", (str,))),
    **dict.fromkeys(("integer", "long", "float", "double"), ("a number", (int, float))),
    **dict.fromkeys(("structure", "map"), ("an object", (dict,))),
    "boolean": ("a boolean", (bool,)),
    "list": ("an array", (list,)),
}


@dataclass(frozen=True)
class ResponseModel:
    """The shape of one response, by name, and all shapes inside it."""

    name: str
    shapes: Mapping[str, Shape]

    def faults(self, value: Json, *, is_strict: bool, changed: tuple[str, ...] = ()) -> Iterator[str]:
        """The places where a response differs from its model, in AWS's words.

        Members are in PascalCase. A strict check also asks for the required ones. The members in ``changed`` are not
        looked at, and unknown ones never are.
        """
        if not isinstance(value, dict):
            yield "Mocked result must be a JSON object."
            return
        rest = {name: one for name, one in value.items() if name not in changed}
        members = [name for name in self._required(self.name) if is_strict and name not in (*value, *changed)]
        yield from (f"Required field '{name}' is missing" for name in members)
        yield from self._members(rest, self.shapes[self.name], is_strict)

    def _required(self, name: str) -> list[str]:
        return [_pascal(one) for one in self.shapes[name].get("required", ())]

    def _members(self, value: Mapping[str, Json], shape: Shape, is_strict: bool) -> Iterator[str]:
        names = {_pascal(member): of for member, of in shape["members"].items()}
        for name, one in value.items():
            if name in names:
                yield from self._value(one, names[name], name, is_strict)

    def _value(self, value: Json, of: str, field: str, is_strict: bool) -> Iterator[str]:
        """The faults of a field's value, or of one item or member of it: they go by the field's name, too."""
        shape = self.shapes[of]
        if shape.get("document"):
            return
        wanted, types = _KINDS[shape["type"]]
        if not isinstance(value, types) or (isinstance(value, bool) and shape["type"] != "boolean"):
            yield f"Field '{field}' must be {wanted}"
        elif shape["type"] == "structure":
            if is_strict:
                missing = (name for name in self._required(of) if name not in value)
                yield from (f"Required field '{name}' is missing" for name in missing)
            yield from self._members(value, shape, is_strict)
        elif shape["type"] in ("list", "map"):
            inner = shape["member"] if shape["type"] == "list" else shape["value"]
            for one in value if shape["type"] == "list" else value.values():
                yield from self._value(one, inner, field, is_strict)
        else:
            yield from _bounds(value, shape, field)


def _bounds(value: Json, shape: Shape, field: str) -> Iterator[str]:
    if value not in shape.get("enum", [value]):
        yield f"Field '{field}' is not an expected value"
    if isinstance(value, bool) or shape["type"] == "timestamp":
        return
    if isinstance(value, str):
        if len(value) < shape.get("min", 0):
            yield f"Field '{field}' is smaller than the minimum length"
        if len(value) > shape.get("max", len(value)):
            yield f"Field '{field}' exceeds the maximum length"
    elif value < shape.get("min", value):
        yield f"Field '{field}' is less than the minimum value"
    elif value > shape.get("max", value):
        yield f"Field '{field}' exceeds the maximum value"


@lru_cache(maxsize=256)
def response_model(service: str, action: str) -> ResponseModel | None:
    """The model of an action's response, by Step Functions' names; None when it is not known or has no members.

    One is read once, and only its own shapes are kept: a whole service may take a hundred megabytes.
    """
    known, operation = NAMES.get(service, service), _pascal(action)
    for source in (_table, _installed):
        table = source(known)
        if operation in table["outputs"]:
            name = table["outputs"][operation]
            return ResponseModel(name, _closure(name, table["shapes"]))
    return None


def _table(service: str) -> Mapping[str, Json]:
    if service not in TABLES:
        return _NOTHING
    found: Mapping[str, Json] = json.loads(Path(__file__).with_name(TABLES[service]).read_text())
    return found


def _installed(service: str) -> Mapping[str, Json]:
    """The outputs and shapes of a service of which botocore has a model."""
    name = _services().get(service.replace("-", ""))
    if name is None:
        return _NOTHING
    from botocore.loaders import Loader

    model = Loader().load_service_model(name, "service-2")
    outputs = {one: of["output"]["shape"] for one, of in model["operations"].items() if "output" in of}
    return {"outputs": outputs, "shapes": model["shapes"]}


@cache
def _services() -> Mapping[str, str]:
    """The services of which botocore has a model, by their names without hyphens; none when it is not installed."""
    try:
        from botocore.loaders import Loader
    except ImportError:
        return {}
    return {name.replace("-", ""): name for name in Loader().list_available_services("service-2")}


def _closure(name: str, shapes: Mapping[str, Json]) -> dict[str, Shape]:
    """A shape and all shapes inside it, in the form of our tables."""
    found: dict[str, Shape] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        given = shapes[one]
        own = {rule: given[rule] for rule in _RULES if rule in given}
        inner = {part: _name_of(given[part]) for part in ("member", "value") if part in given}
        members = {member: _name_of(of) for member, of in given.get("members", {}).items()}
        found[one] = {**own, **inner, "members": members}
        waiting += [*inner.values(), *members.values()]
    return found


def _name_of(reference: Json) -> str:
    """The name of a shape inside another one: our tables have it alone, botocore in an object."""
    return reference if isinstance(reference, str) else reference["shape"]


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]
