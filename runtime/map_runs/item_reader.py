"""Reads the items of a Map Run: from the state's own data, from a file of the artifact store, or from many of them.

Items are read in pieces. Each piece begins where the last one ended, so that the next hundred items of a long file cost
the same as the first hundred. The artifact store is one bucket: ``Bucket`` is only shown in ``$$.Map.Item.Source``.
Source: AWS Step Functions developer guide, "ItemReader (Map)".
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import md5
from itertools import islice
from pathlib import Path
from typing import Protocol

from stepwell.runtime.engine.states.distributed import Plan
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.ids import is_id
from stepwell.runtime.map_runs.formats import Document, Item, Lines, ReaderFault, SeparatedValues

__all__ = ["Item", "ItemSource", "ReaderFault", "source_of"]

KEPT = 2
"""How many parsed manifests a process keeps."""
LISTING = ".listing"
OLD_SECONDS = 15 * 24 * 3600
"""Age at which the list of a run that has ended is removed. A redrive within fourteen days still needs it."""
SPAN = 1 << 40
"""In a source of many files, an item's offset is the number of its file times SPAN, plus its offset in the file."""


class ItemSource(Protocol):
    """Items in their order. ``offset`` is 0 for the first item, and the previous item's ``offset`` for the others."""

    def read(self, first: int, offset: int) -> Iterator[Item]: ...


def source_of(plan: Plan, root: Path, run: str) -> ItemSource:
    """The items of a run, up to MaxItems. Raises ReaderFault."""
    source = _unbounded(plan, root, run)
    return source if plan.most_items is None else _First(source, plan.most_items)


def up_to(items: Iterable[Item], offset: int, most: int) -> Iterator[Item]:
    """The items behind ``offset``, until they take more than ``most`` bytes of their file."""
    size = 0
    for item in items:
        yield item
        # In the next file the offset begins at 0 again, so the difference would be negative.
        inside, before = item.offset % SPAN, offset % SPAN
        size += inside - before if inside >= before else inside
        if size > most:
            return
        offset = item.offset


def begin(plan: Plan, root: Path, run: str) -> None:
    """Write the list of artifacts to a file, if the run reads it: its own executions may add artifacts."""
    if not plan.lists_objects:
        return
    prefix = str(_arguments(plan).get("Prefix", ""))
    with _listing(root, run).open("w", encoding="utf-8") as file:
        file.writelines(f"{jsontext.write(one)}\n" for one in _objects(root, prefix))


def forget(root: Path, lives: Callable[[str], bool]) -> None:
    """Remove the lists of runs that do not go on any more. A new list is kept: its run may not be committed yet."""
    for path in root.glob(f".*{LISTING}"):
        run = path.name[1 : -len(LISTING)]
        with suppress(FileNotFoundError):
            if is_id(run) and time.time() - path.stat().st_mtime > OLD_SECONDS and not lives(run):
                path.unlink()


def end(plan: Plan, root: Path, run: str) -> None:
    """Remove the list of a run that has succeeded."""
    if plan.lists_objects:
        _listing(root, run).unlink(missing_ok=True)


def _unbounded(plan: Plan, root: Path, run: str) -> ItemSource:
    if plan.items is not None:
        return _Listed(plan.items, plan.is_keyed)
    arguments = _arguments(plan)
    bucket = f"S3://{arguments.get('Bucket', '')}"
    if plan.lists_objects:
        listed = Lines(_listing(root, run))
        if plan.reader_config.get("Transformation") != "LOAD_AND_FLATTEN":
            return _From(bucket, listed)
        keys = _keys(_listing(root, run))
        return _Chain(bucket, {key: _file(_artifact(root, key), plan.reader_config) for key in keys})
    key = arguments.get("Key")
    path = _artifact(root, key)
    if plan.reader_config.get("InputType") == "MANIFEST" or "ManifestType" in plan.reader_config:
        return _Chain(bucket, _named_by(path, root, plan.reader_config))
    return _Chain(bucket, {str(key): _file(path, plan.reader_config)})


def _file(path: Path, config: Mapping[str, Json]) -> ItemSource:
    kind = config.get("InputType", "JSON")
    if kind == "JSONL":
        return Lines(path)
    return SeparatedValues(path, config) if kind == "CSV" else Document(path, config.get("ItemsPointer", ""))


class _First:
    """The first items of a source."""

    def __init__(self, source: ItemSource, most: int) -> None:
        self._source = source
        self._most = most

    def read(self, first: int, offset: int) -> Iterator[Item]:
        return islice(self._source.read(first, offset), max(self._most - first, 0))


class _From:
    """The items of a source, with ``name`` as their source."""

    def __init__(self, name: str, source: ItemSource) -> None:
        self._name = name
        self._source = source

    def read(self, first: int, offset: int) -> Iterator[Item]:
        return (item._replace(source=self._name) for item in self._source.read(first, offset))


class _Listed:
    """Items in the plan itself. With ``is_keyed`` each is a member of an object, as key and value."""

    def __init__(self, items: list[Json], is_keyed: bool) -> None:
        self._items = items
        self._is_keyed = is_keyed

    def read(self, first: int, offset: int) -> Iterator[Item]:
        for place in range(first, len(self._items)):
            item = self._items[place]
            yield Item(item, key=item["Key"] if self._is_keyed else None)


class _Chain:
    """The items of several files, one file after the other, with the file's key as their source."""

    def __init__(self, bucket: str, files: Mapping[str, ItemSource]) -> None:
        self._bucket = bucket
        self._files = list(files.items())

    def read(self, first: int, offset: int) -> Iterator[Item]:
        begin, inside = divmod(offset, SPAN)
        for place in range(begin, len(self._files)):
            key, source = self._files[place]
            for item in source.read(first, inside):
                first += 1
                yield item._replace(offset=place * SPAN + item.offset, source=f"{self._bucket}/{key}")
            first, inside = 0, 0


def _arguments(plan: Plan) -> Mapping[str, Json]:
    return plan.reader if isinstance(plan.reader, dict) else {}


def _listing(root: Path, run: str) -> Path:
    return root / f".{run}{LISTING}"


@lru_cache(maxsize=KEPT)
def _keys(listing: Path) -> list[str]:
    return [item.value["Key"] for item in Lines(listing).read(0, 0)]


def _named_by(path: Path, root: Path, config: Mapping[str, Json]) -> dict[str, ItemSource]:
    """The files in a manifest of an S3 inventory or of an Athena UNLOAD. Raises ReaderFault."""
    stat = path.stat()
    if config.get("ManifestType") == "ATHENA_DATA":
        keys = _unloaded(path, stat.st_mtime_ns, stat.st_size)
        return {key: _file(_artifact(root, key), config) for key in keys}
    manifest = _inventory(path, stat.st_mtime_ns, stat.st_size)
    headers = [name.strip() for name in manifest["fileSchema"].split(",")]
    return {one["key"]: SeparatedValues(_artifact(root, one["key"]), {}, headers) for one in manifest["files"]}


@lru_cache(maxsize=KEPT)
def _inventory(path: Path, changed: int, size: int) -> Json:
    try:
        manifest = jsontext.read(path.read_bytes())
    except (jsontext.NotJson, OSError) as fault:
        raise ReaderFault(f"The manifest cannot be read: {fault}") from None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    is_list = isinstance(files, list) and all(isinstance(one, dict) and "key" in one for one in files)
    if not is_list or not isinstance(manifest.get("fileSchema"), str):
        raise ReaderFault("The manifest is none of an inventory: it needs 'fileSchema' and 'files' with a 'key' each")
    if manifest.get("fileFormat", "CSV") != "CSV":
        raise ReaderFault(f"The inventory's format is {str(manifest['fileFormat'])[:20]!r}, and must be CSV")
    return manifest


@lru_cache(maxsize=KEPT)
def _unloaded(path: Path, changed: int, size: int) -> list[str]:
    """The keys in a file of ``s3://bucket/key`` lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            places = [record[0] for record in csv.reader(file) if record]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise ReaderFault(f"The manifest cannot be read: {fault}") from None
    return [place.partition("://")[2].partition("/")[2] or place for place in places]


def _artifact(root: Path, key: Json) -> Path:
    """The path of an artifact. Raises ReaderFault when there is none, or the key leads out of the store."""
    if isinstance(key, str) and key and "\0" not in key:
        base = root.resolve()
        path = (base / key).resolve()
        if path.is_relative_to(base) and path.is_file():
            return path
    raise ReaderFault(f"There is no artifact {str(key)[:200]!r}")


def _objects(root: Path, prefix: str) -> list[Json]:
    """S3's list of objects, for the artifacts whose keys begin with the prefix."""
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
