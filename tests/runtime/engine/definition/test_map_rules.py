"""The readers and writers that a Map in distributed mode may have."""

from __future__ import annotations

import pytest

from stepwell.runtime.engine.definition import validate
from stepwell.runtime.engine.definition.field_kinds import Fault
from tests.runtime.maps import OBJECT, fan
from tests.runtime.stage import Json

PUT = "arn:aws:states:::s3:putObject"
LIST = "arn:aws:states:::s3:listObjectsV2"
PLACE = {"Parameters": {"Bucket": "b", "Key": "k"}}
TO = {"Resource": PUT, "Parameters": {"Bucket": "b", "Prefix": "p"}}


def reader(resource: str = OBJECT, **config: Json) -> Json:
    return {"ItemReader": {"Resource": resource, "ReaderConfig": config, **PLACE}}


def writer(**fields: Json) -> Json:
    return {"ResultWriter": fields}


def faults(definition: Json) -> list[Fault]:
    return validate.workflow(definition, ["step1"])


RIGHT = {
    "a file": reader(InputType="CSV", CSVHeaderLocation="GIVEN", CSVHeaders=["a"], CSVDelimiter="TAB", MaxItems=3),
    "a manifest": reader(InputType="MANIFEST"),
    "an inventory": reader(ManifestType="S3_INVENTORY"),
    "what Athena has unloaded": reader(ManifestType="ATHENA_DATA", InputType="JSONL"),
    "a list": reader(LIST, Transformation="NONE"),
    "what is in a list": reader(LIST, Transformation="LOAD_AND_FLATTEN", InputType="JSON"),
    "a place": writer(**TO),
    "a form": writer(WriterConfig={"Transformation": "FLATTEN", "OutputType": "JSONL"}),
    "a place and a form": writer(**TO, WriterConfig={"Transformation": "COMPACT"}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_it_may_say(name: str):
    assert faults(fan(**RIGHT[name])) == []


WRONG = {
    "no place": ({"ItemReader": {"Resource": OBJECT}}, "needs the field 'Parameters'"),
    "Parquet": (reader(InputType="PARQUET"), "must be one of CSV, JSON, JSONL, MANIFEST"),
    "an inventory of JSON": (reader(ManifestType="S3_INVENTORY", InputType="JSON"), "an inventory has no 'InputType'"),
    "Athena's nothing": (reader(ManifestType="ATHENA_DATA"), "has the 'InputType' CSV or JSONL"),
    "what is in a list of nothing": (reader(LIST, Transformation="LOAD_AND_FLATTEN"), "needs 'InputType'"),
    "a writer of nothing": (writer(), "needs 'Resource', or 'WriterConfig'"),
    "a resource alone": (writer(Resource=PUT), "has 'Resource' and 'Parameters', or neither"),
    "a place alone": (writer(Parameters={}), "has 'Resource' and 'Parameters', or neither"),
    "another form": (writer(WriterConfig={"Transformation": "ZIP"}), "must be one of NONE, COMPACT, FLATTEN"),
    "a reader that is none": ({"ItemReader": 7}, "an item reader must be an object"),
    "a configuration that is none": (reader() | {"ItemReader": {"Resource": OBJECT, **PLACE, "ReaderConfig": 7}}, "7"),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_must_not_say(name: str):
    fields, why = WRONG[name]
    found = faults(fan(**fields))
    assert found and (why in found[0].message or why == "7"), found
