"""Reading can begin at any item, in every kind of file; an error names its line or item."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.engine.states.distributed import Plan
from stepwell.runtime.map_runs import item_reader
from stepwell.runtime.map_runs.formats import LARGEST_ITEM
from stepwell.runtime.map_runs.item_reader import Item, ReaderFault

Json = Any

RUN = "r-1"
CSV = {"InputType": "CSV"}
JSONL = {"InputType": "JSONL"}
GIVEN = {**CSV, "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"]}


def plan(**fields: Json) -> Plan:
    none = dict.fromkeys(Plan.__dataclass_fields__)
    return Plan(
        **{**none, "lists_objects": False, "reader_config": {}, "writer_config": {}, "is_keyed": False, **fields}
    )


def of(key: str, **config: Json) -> Plan:
    return plan(reader={"Bucket": "b", "Key": key}, reader_config=config)


def read(wanted: Plan, root: Path, at_once: int = 1_000_000) -> list[Item]:
    """Read all items in pieces: each piece begins at the end of the last one."""
    item_reader.begin(wanted, root, RUN)
    found: list[Item] = []
    while True:
        offset = found[-1].offset if found else 0
        more = list(islice(item_reader.source_of(wanted, root, RUN).read(len(found), offset), at_once))
        found += more
        if len(more) < at_once:
            return found


def values(wanted: Plan, root: Path) -> list[Json]:
    found = read(wanted, root)
    for at_once in (1, 2, 3):
        assert read(wanted, root, at_once) == found
    return [item.value for item in found]


FILES = {
    "lines": (b'{"n": 1}\n\n[2]\r\n"\xc3\xa9"', JSONL, [{"n": 1}, [2], "é"]),
    "lines with a byte order mark": (b"\xef\xbb\xbf1\n2", JSONL, [1, 2]),
    "no lines": (b"", JSONL, []),
    "a table": (
        b'a,b\r\n1,"x\ny"\r\n\r\n2,"say ""so"""\n',
        CSV,
        [{"a": "1", "b": "x\ny"}, {"a": "2", "b": 'say "so"'}],
    ),
    "a table with a byte order mark": (b"\xef\xbb\xbfa\n1", CSV, [{"a": "1"}]),
    "a table of its header": (b"a,b\n", CSV, []),
    "an empty table": (b"", CSV, []),
    "a header that is given": (b"1,2\n3,4", GIVEN, [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
    "fields too few and too many": (b"1\n1,2,3", GIVEN, [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]),
    "backslashes": (
        b'C:\\\\Programs,a\\,b\n\\x,\\"q\\"\n',
        GIVEN,
        [{"a": "C:\\Programs", "b": "a,b"}, {"a": "x", "b": '"q"'}],
    ),
    "pipes": (b"1|2", {**GIVEN, "CSVDelimiter": "PIPE"}, [{"a": "1", "b": "2"}]),
    "tabs": (b"1\t2", {**GIVEN, "CSVDelimiter": "TAB"}, [{"a": "1", "b": "2"}]),
    "semicolons": (b"1;2", {**GIVEN, "CSVDelimiter": "SEMICOLON"}, [{"a": "1", "b": "2"}]),
    "spaces": (b"1 2", {**GIVEN, "CSVDelimiter": "SPACE"}, [{"a": "1", "b": "2"}]),
    "a list": (b' [1, {"x": [2]}, "]"] ', {}, [1, {"x": [2]}, "]"]),
    "a list with a byte order mark": (b"\xef\xbb\xbf[1]", {}, [1]),
    "an empty list": (b"[]", {}, []),
    "a list inside": (b'{"a/b": {"c": [[0], [1, 2]]}, "z": ', {"ItemsPointer": "/a~1b/c/1"}, [1, 2]),
    "an object": (b'{"k": 1, "l": [2]}', {}, [{"Key": "k", "Value": 1}, {"Key": "l", "Value": [2]}]),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_is_read_from_any_item_on(tmp_path: Path, name: str, suffix: str):
    content, config, expected = FILES[name]
    (tmp_path / f"x{suffix}").write_bytes(gzip.compress(content) if suffix else content)
    assert values(of(f"x{suffix}", **config), tmp_path) == expected


WRONG = {
    "no file": (None, {}, "There is no artifact 'x'"),
    "an empty file": (b"", {}, "it is no JSON"),
    "a line that is no JSON": (b"1\n2\n{\n4", JSONL, "line 3 is no JSON"),
    "half a line": (b'1\n{"a"', JSONL, "line 2 is no JSON"),
    "UTF-16": ("[1]".encode("utf-16"), JSONL, "line 1 is not UTF-8 at its byte 0"),
    "Latin 1": ("a\né".encode("latin-1"), CSV, "line 2 is not UTF-8 at its byte 0"),
    "a quote without an end": (b'a\n1\n"2\n', CSV, "line 3 is no CSV"),
    "a line that is too long": (b"1\n" + b" " * (LARGEST_ITEM + 1), JSONL, "line 2 has more than 8388608 bytes"),
    "a list without an end": (b"[1, 2", {}, "byte 5"),
    "an item that is no JSON": (b'[1, {"a" 2}]', {}, "item 1 is no JSON"),
    "a key twice": (b'[{"a": 1, "a": 2}]', {}, "stands twice"),
    "what follows a list": (b"[1] 2", {}, "more follows"),
    "no list": (b"7", {}, "Attempting to map over non-iterable node."),
    "nothing there": (b"[]", {"ItemsPointer": "/a"}, "does not match any valid path"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_says_where(tmp_path: Path, name: str):
    content, config, why = WRONG[name]
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(ReaderFault) as caught:
        read(of("x", **config), tmp_path)
    assert why in str(caught.value)


@pytest.mark.parametrize("content", [b"no zip", gzip.compress(b"[1, 2, 3]" * 99, mtime=0)[:-9]])
def test_what_is_not_packed_as_its_name_says_cannot_be_read(tmp_path: Path, content: bytes):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(ReaderFault, match="The file cannot be read"):
        read(of("x.gz", **JSONL), tmp_path)


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "", None, "a\0b", "."])
def test_no_other_file_is_read(tmp_path: Path, key: Json):
    root = tmp_path / "store"
    root.mkdir()
    (tmp_path / "x").write_text("[]")
    with pytest.raises(ReaderFault, match="There is no artifact"):
        read(of(key), root)


def test_no_more_than_so_many_items_are_read(tmp_path: Path):
    (tmp_path / "x").write_text("1\n2\nno JSON")
    wanted = plan(reader={"Key": "x"}, reader_config=JSONL, most_items=2)
    assert values(wanted, tmp_path) == [1, 2]


def test_an_inventory_names_its_files(tmp_path: Path):
    (tmp_path / "one.csv").write_text('"b","k 1","5"\n')
    (tmp_path / "two.csv.gz").write_bytes(gzip.compress(b'"b","k 2","6"\n"b","k 3","7"\n'))
    files = [{"key": "one.csv", "size": 1}, {"key": "two.csv.gz", "size": 2}]
    manifest = {"fileFormat": "CSV", "fileSchema": "Bucket, Key, Size", "files": files}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    for config in ({"InputType": "MANIFEST"}, {"ManifestType": "S3_INVENTORY"}):
        wanted = of("manifest.json", **config)
        assert [one["Key"] for one in values(wanted, tmp_path)] == ["k 1", "k 2", "k 3"]
        assert read(wanted, tmp_path)[2].described() == {"Source": "S3://b/two.csv.gz"}


@pytest.mark.parametrize(
    "manifest",
    ["[]", "{", '{"files": [], "fileFormat": "ORC", "fileSchema": "Key"}', '{"files": [{}], "fileSchema": ""}'],
)
def test_what_is_no_inventory_is_refused(tmp_path: Path, manifest: str):
    (tmp_path / "m").write_text(manifest)
    with pytest.raises(ReaderFault, match=r"manifest|inventory"):
        read(of("m", InputType="MANIFEST"), tmp_path)


def test_what_athena_has_unloaded_is_read(tmp_path: Path):
    (tmp_path / "q").mkdir()
    for name in ("1", "2"):
        (tmp_path / "q" / name).write_text(f"{name}\n{name}{name}\n")
    (tmp_path / "q-manifest.csv").write_text("s3://bucket/q/1\ns3://bucket/q/2\n")
    wanted = of("q-manifest.csv", ManifestType="ATHENA_DATA", InputType="JSONL")
    assert values(wanted, tmp_path) == [1, 11, 2, 22]
    assert [item.source for item in read(wanted, tmp_path)] == ["S3://b/q/1"] * 2 + ["S3://b/q/2"] * 2


def listing(**config: Json) -> Plan:
    return plan(reader={"Bucket": "b", "Prefix": "in-"}, reader_config=config, lists_objects=True)


def test_the_keys_of_artifacts_are_those_that_there_were_at_the_beginning(tmp_path: Path):
    for name in ("in-2", "in-1", "out"):
        (tmp_path / name).write_text("x")
    wanted = listing()
    item_reader.begin(wanted, tmp_path, RUN)
    (tmp_path / "in-0").write_text("x")
    source = item_reader.source_of(wanted, tmp_path, RUN)
    assert [(item.value["Key"], item.source) for item in source.read(0, 0)] == [("in-1", "S3://b"), ("in-2", "S3://b")]
    item_reader.end(wanted, tmp_path, RUN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in-0", "in-1", "in-2", "out"]


def test_what_is_in_artifacts_may_be_the_items(tmp_path: Path):
    (tmp_path / "in-1").write_text("[1, 2]")
    (tmp_path / "in-2").write_text('{"k": 3}')
    wanted = listing(Transformation="LOAD_AND_FLATTEN", InputType="JSON")
    assert values(wanted, tmp_path) == [1, 2, {"Key": "k", "Value": 3}]
    assert read(wanted, tmp_path)[2].described() == {"Source": "S3://b/in-2", "Key": "k", "Value": 3}


def test_the_state_itself_may_have_the_items(tmp_path: Path):
    assert [item.described() for item in read(plan(items=[7]), tmp_path)] == [{"Source": "STATE_DATA"}]
    keyed = read(plan(items=[{"Key": "a", "Value": 7}], is_keyed=True), tmp_path)
    assert [item.described() for item in keyed] == [{"Source": "STATE_DATA", "Key": "a", "Value": 7}]


def test_no_more_is_held_than_so_many_bytes_and_one_item(tmp_path: Path):
    for name in ("in-1", "in-2"):
        (tmp_path / name).write_text("12345678\n" * 5)
    wanted = listing(Transformation="LOAD_AND_FLATTEN", InputType="JSONL")
    item_reader.begin(wanted, tmp_path, RUN)
    found, offset = 0, 0
    pieces = []
    while found < 10:
        items = item_reader.source_of(wanted, tmp_path, RUN).read(found, offset)
        piece = list(item_reader.up_to(items, offset, 20))
        found, offset = found + len(piece), piece[-1].offset
        pieces.append(len(piece))
    assert pieces == [3, 3, 3, 1]
