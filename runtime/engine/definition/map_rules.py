"""The rules for the fields that only a Map in distributed mode has: readers, writers, batches, tolerated failures."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.runtime.engine.definition.field_kinds import (
    LARGEST_ON_AWS,
    Fault,
    FieldRule,
    Kind,
    Table,
    a_path,
    check,
    choice,
    jsonata,
    list_of,
    number,
    object_of,
    or_jsonata,
    template,
    text,
    text_up_to,
)
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import Location

_POSITIVE = number(0, LARGEST_ON_AWS, whole=True, above=True)
_READERS = ("arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2")
_DELIMITERS = ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")
_READER_CONFIG: Table = {
    "InputType": FieldRule(choice("CSV", "JSON", "JSONL", "MANIFEST")),
    "ManifestType": FieldRule(choice("S3_INVENTORY", "ATHENA_DATA")),
    "Transformation": FieldRule(choice("NONE", "LOAD_AND_FLATTEN")),
    "CSVHeaderLocation": FieldRule(choice("FIRST_ROW", "GIVEN")),
    "CSVHeaders": FieldRule(list_of(text, least=1)),
    "CSVDelimiter": FieldRule(choice(*_DELIMITERS)),
    "ItemsPointer": FieldRule(text),
}

_WRITER_CONFIG: Table = {
    "Transformation": FieldRule(choice("NONE", "COMPACT", "FLATTEN")),
    "OutputType": FieldRule(choice("JSON", "JSONL")),
}


def _distributed(arguments: Table, value: Kind, percentage: Kind, count: Kind, most: Table, twins: Table) -> Table:
    """The table of those fields in one query language.

    ``arguments`` are the fields for a call's arguments, ``value``, ``percentage`` and ``count`` the kinds of others,
    ``most`` the fields for MaxItems. ``twins`` are JSONPath's fields whose names end in Path.
    """
    reader = {"Resource": FieldRule(choice(*_READERS), required=True)}
    reader |= {name: FieldRule(one.kind, required=True) for name, one in arguments.items()}
    config = {**_READER_CONFIG, **most}
    reader |= {"ReaderConfig": FieldRule(object_of(config, "a reader's configuration"))}
    writer = {"Resource": FieldRule(choice("arn:aws:states:::s3:putObject")), **arguments}
    writer |= {"WriterConfig": FieldRule(object_of(_WRITER_CONFIG, "a writer's configuration"))}
    batcher = {
        "BatchInput": FieldRule(value),
        "MaxItemsPerBatch": FieldRule(count),
        "MaxInputBytesPerBatch": FieldRule(count),
    }
    batcher |= {f"{name}Path": FieldRule(a_path) for name in ("MaxItemsPerBatch", "MaxInputBytesPerBatch") if twins}
    return {
        "Label": FieldRule(text_up_to(40)),
        "ItemReader": FieldRule(_reader(reader)),
        "ResultWriter": FieldRule(_writer(writer, next(iter(arguments)))),
        "ItemBatcher": FieldRule(object_of(batcher, "an item batcher")),
        "ToleratedFailureCount": FieldRule(_or_zero(count)),
        "ToleratedFailurePercentage": FieldRule(percentage),
        **twins,
    }


def _reader(table: Table) -> Kind:
    """An item reader: its fields, and the combinations of formats. Source: developer guide, "ItemReader (Map)"."""

    def kind(value: Json, path: Location) -> Iterator[Fault]:
        yield from check(value, path, table, "an item reader")
        config = value.get("ReaderConfig") if isinstance(value, dict) else None
        if not isinstance(config, dict):
            return
        where, is_typed = path / "ReaderConfig", "InputType" in config
        if config.get("ManifestType") == "S3_INVENTORY" and is_typed and config["InputType"] != "MANIFEST":
            yield Fault(where, "an inventory has no 'InputType' but MANIFEST")
        if config.get("ManifestType") == "ATHENA_DATA" and config.get("InputType") not in ("CSV", "JSONL"):
            yield Fault(where, "what Athena has unloaded has the 'InputType' CSV or JSONL")
        if config.get("Transformation") == "LOAD_AND_FLATTEN" and not is_typed:
            yield Fault(where, "LOAD_AND_FLATTEN needs 'InputType'")

    return kind


def _writer(table: Table, arguments: str) -> Kind:
    """A result writer: where to, or how, or both. Source: developer guide, "ResultWriter (Map)", required fields."""

    def kind(value: Json, path: Location) -> Iterator[Fault]:
        yield from check(value, path, table, "a result writer")
        if isinstance(value, dict) and ("Resource" in value) != (arguments in value):
            yield Fault(path, f"a result writer has 'Resource' and {arguments!r}, or neither")
        if value == {}:
            yield Fault(path, "a result writer needs 'Resource', or 'WriterConfig'")

    return kind


def _or_zero(kind: Kind) -> Kind:
    return lambda value, where: iter(()) if value == 0 and not isinstance(value, bool) else kind(value, where)


_PERCENTAGE = number(0, 100)
TOLERATED = ("ToleratedFailureCount", "ToleratedFailurePercentage")
DISTRIBUTED = _distributed(
    {"Parameters": FieldRule(template)},
    template,
    _PERCENTAGE,
    _POSITIVE,
    {"MaxItems": FieldRule(_POSITIVE), "MaxItemsPath": FieldRule(a_path)},
    {"ToleratedFailureCountPath": FieldRule(a_path), "ToleratedFailurePercentagePath": FieldRule(a_path)},
)
JSONATA_DISTRIBUTED = _distributed(
    {"Arguments": FieldRule(jsonata)},
    jsonata,
    or_jsonata(_PERCENTAGE),
    or_jsonata(_POSITIVE),
    {"MaxItems": FieldRule(or_jsonata(_POSITIVE))},
    {},
)
