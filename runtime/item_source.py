"""Where the items of a map run come from: the state's own data, or a file of the artifact store.

Read in pieces from where the last one ended, so that the next hundred items of a long file cost what the first do; a
file of JSON, which has no pieces, is parsed whole and kept while it is read. ``Bucket`` says nothing here: the artifact
store is one. Source: AWS Step Functions developer guide, "ItemReader (Map)".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import md5
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from runtime.engine import jsontext
from runtime.engine.states.distributed import Plan

Json = Any

DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
KEPT = 2
"""How many files of JSON a process keeps parsed."""
Item = tuple[Json, int]


class ReaderFault(Exception):
    """The items cannot be read: States.ItemReaderFailed, for this reason."""


class Source(Protocol):
    """Items in their order. ``offset`` is 0 for the first, and else what came with the item before."""

    def read(self, first: int, offset: int) -> Iterator[Item]: ...


def source_of(plan: Plan, root: Path) -> Source:
    """The items of a run, without those beyond MaxItems. Raises ReaderFault."""
    source = _unbounded(plan, root)
    return source if plan.most_items is None else _First(source, plan.most_items)


def count(source: Source) -> int:
    """How many items there are. Raises ReaderFault."""
    return sum(1 for _ in source.read(0, 0))


def _unbounded(plan: Plan, root: Path) -> Source:
    if plan.items is not None:
        return _Listed(plan.items)
    arguments = plan.reader if isinstance(plan.reader, dict) else {}
    if plan.lists_objects:
        return _Listed(_objects(root, str(arguments.get("Prefix", ""))))
    path = _file(root, arguments.get("Key"))
    kind = plan.reader_config.get("InputType", "JSON")
    if kind == "JSONL":
        return _Lines(path)
    return _Table(path, plan.reader_config) if kind == "CSV" else _Listed(_document(path, plan.reader_config))


class _First:
    def __init__(self, source: Source, most: int) -> None:
        self._source = source
        self._most = most

    def read(self, first: int, offset: int) -> Iterator[Item]:
        return islice(self._source.read(first, offset), max(self._most - first, 0))


class _Listed:
    def __init__(self, items: list[Json]) -> None:
        self._items = items

    def read(self, first: int, offset: int) -> Iterator[Item]:
        return ((self._items[place], 0) for place in range(first, len(self._items)))


class _Lines:
    """A file of JSON Lines; empty lines are none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, first: int, offset: int) -> Iterator[Item]:
        with self._path.open("rb") as file:
            file.seek(offset)
            while line := file.readline():
                if line.strip():
                    yield _read(line), file.tell()


class _Table:
    """A file of comma-separated values: each record an object of texts by the names of its columns."""

    def __init__(self, path: Path, config: Mapping[str, Json]) -> None:
        self._path = path
        self._delimiter = DELIMITERS[config.get("CSVDelimiter", "COMMA")]
        given = config.get("CSVHeaderLocation") == "GIVEN"
        self._headers: list[str] | None = list(config.get("CSVHeaders", ())) if given else None

    def read(self, first: int, offset: int) -> Iterator[Item]:
        with self._path.open("rb") as file:
            records = self._records(file)
            names = self._headers or next(records, [])
            if offset:
                file.seek(offset)
                records = self._records(file)
            for record in records:
                if record:
                    padded = [*record, *[""] * (len(names) - len(record))]
                    yield dict(zip(names, padded, strict=False)), file.tell()

    def _records(self, file: BinaryIO) -> Iterator[list[str]]:
        lines = (line.decode("utf-8-sig" if file.tell() == len(line) else "utf-8") for line in iter(file.readline, b""))
        try:
            yield from csv.reader(lines, delimiter=self._delimiter, strict=True)
        except (csv.Error, UnicodeDecodeError) as fault:
            raise ReaderFault(f"The file is no CSV: {fault}") from None


def _file(root: Path, key: Json) -> Path:
    """The artifact of this key, and no other file."""
    if isinstance(key, str) and key:
        base = root.resolve()
        path = (base / key).resolve()
        if path.is_relative_to(base) and path.is_file():
            return path
    raise ReaderFault(f"There is no artifact {str(key)[:200]!r}")


def _document(path: Path, config: Mapping[str, Json]) -> list[Json]:
    stat = path.stat()
    items = _parsed(path, stat.st_mtime_ns, stat.st_size)
    for name in [one for one in config.get("ItemsPointer", "").split("/")[1:]]:
        member = name.replace("~1", "/").replace("~0", "~")
        if isinstance(items, dict) and member in items:
            items = items[member]
        elif isinstance(items, list) and member.isdigit() and int(member) < len(items):
            items = items[int(member)]
        else:
            raise ReaderFault(
                "The provided ReaderConfig.ItemsPointer does not match any valid path in the JSON structure."
            )
    if isinstance(items, dict):
        return [{"Key": key, "Value": value} for key, value in items.items()]
    if not isinstance(items, list):
        raise ReaderFault("Attempting to map over non-iterable node.")
    return items


@lru_cache(maxsize=KEPT)
def _parsed(path: Path, changed: int, size: int) -> Json:
    return _read(path.read_bytes())


def _read(text: bytes) -> Json:
    try:
        return jsontext.read(text)
    except jsontext.NotJson as fault:
        raise ReaderFault(f"The file holds what is no JSON: {fault}") from None


def _objects(root: Path, prefix: str) -> list[Json]:
    """What listing the objects of a bucket gives, for the artifacts whose keys begin so."""
    base = root.resolve()
    found = sorted(path for path in base.rglob("*") if path.is_file() and not path.name.startswith("."))
    keys = [(path.relative_to(base).as_posix(), path) for path in found]
    return [_object(key, path) for key, path in keys if key.startswith(prefix)]


def _object(key: str, path: Path) -> Json:
    stat = path.stat()
    tag = md5(f"{stat.st_mtime_ns}/{stat.st_size}".encode(), usedforsecurity=False).hexdigest()
    changed = datetime.fromtimestamp(stat.st_mtime, UTC).timestamp()
    return {
        "Etag": f'"{tag}"',
        "Key": key,
        "LastModified": int(changed),
        "Size": stat.st_size,
        "StorageClass": "STANDARD",
    }
