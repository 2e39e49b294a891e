"""Collects the results of a Map Run: as the state's own result, or in files of the artifact store with a manifest.

The files grow a piece at a time. Their sizes are in the run's row: the next piece cuts off the bytes of a piece that
was written and never committed. The artifact store is one bucket: ``Bucket`` has no effect. Source: AWS Step Functions
developer guide, "ResultWriter (Map)".
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from stepwell.db.models import Execution
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.engine.values.times import timestamp
from stepwell.runtime.moves.completion import described

NONE, COMPACT, FLATTEN = "NONE", "COMPACT", "FLATTEN"
SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
"""Kinds of result files, by the end of the executions in them."""


class WriterFault(Exception):
    """The results cannot be written: States.ResultWriterFailed. The message is the reason."""


class ResultTooLarge(Exception):
    """The results are larger than a state's result may be."""


class ResultFiles:
    """The result files of a run. ``sizes`` are their bytes by kind, SUCCEEDED or FAILED; a kind may have no file.

    Every method raises WriterFault.
    """

    def __init__(self, root: Path, arguments: Json, config: Mapping[str, Json], arn: str, sizes: dict[str, int]):
        given = arguments if isinstance(arguments, dict) else {}
        self._bucket, prefix = (str(given.get(name) or "") for name in ("Bucket", "Prefix"))
        self._arn = arn
        self._key = "/".join(part for part in (prefix.strip("/"), arn.rpartition(":")[2]) if part)
        self._directory = (root.resolve() / self._key).resolve()
        if "\0" in prefix or not self._directory.is_relative_to(root.resolve()):
            raise WriterFault(f"The prefix {prefix[:200]!r} leads out of the artifact store")
        self._transformation = config.get("Transformation", NONE)
        self._is_lines = config.get("OutputType") == "JSONL"
        self.sizes = sizes

    def append(self, children: Iterable[Execution], most: int) -> int:
        """Write the results of children until they have ``most`` bytes. Returns how many children were written."""
        count = size = 0
        found: dict[str, list[str]] = {SUCCEEDED: [], FAILED: []}
        for child in children:
            count += 1
            texts = texts_of(child, self._transformation)
            found[SUCCEEDED if child.status == Status.COMPLETED else FAILED] += texts
            size += sum(map(len, texts))
            if size > most:
                break
        for kind, texts in found.items():
            if texts:
                self._write(kind, "".join(self._framed(texts, is_first=not self.sizes.get(kind))))
        return count

    def finish(self) -> Json:
        """Write the manifest. Returns the state's result, which names it."""
        if not self._is_lines:
            for kind in self.sizes:
                self._write(kind, "]")
        files: dict[str, list[Json]] = {FAILED: [], "PENDING": [], SUCCEEDED: []}
        for kind, size in self.sizes.items():
            files[kind].append({"Key": f"{self._key}/{self._path(kind).name}", "Size": size})
        manifest = {"DestinationBucket": self._bucket, "MapRunArn": self._arn, "ResultFiles": files}
        key = f"{self._key}/manifest.json"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _put(self._directory / "manifest.json", jsontext.write(manifest))
        except OSError as fault:
            raise _unwritable(fault) from None
        return {"MapRunArn": self._arn, "ResultWriterDetails": {"Bucket": self._bucket, "Key": key}}

    def _framed(self, texts: list[str], is_first: bool) -> Iterator[str]:
        if self._is_lines:
            yield from (f"{text}\n" for text in texts)
            return
        yield "[" if is_first else ","
        yield ",".join(texts)

    def _write(self, kind: str, text: str) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            path, size = self._path(kind), self.sizes.get(kind, 0)
            # Not the append mode: a piece that was written without its commit has to be cut off first.
            with path.open("r+b" if path.exists() else "x+b") as file:
                _cut(file, size)
                self.sizes[kind] = size + file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as fault:
            raise _unwritable(fault) from None

    def _path(self, kind: str) -> Path:
        return self._directory / f"{kind}_0.json"


def as_value(children: Iterable[Execution], config: Mapping[str, Json], most: int) -> Json:
    """The results as the state's own result. Raises ResultTooLarge when they have more than ``most`` bytes."""
    found: list[str] = []
    size = 0
    for child in children:
        texts = texts_of(child, config.get("Transformation", COMPACT))
        size += sum(jsontext.size(text) + 1 for text in texts)
        if size > most:
            raise ResultTooLarge()
        found += texts
    if config.get("OutputType") == "JSONL":
        return "".join(f"{text}\n" for text in found)
    return [json.loads(text) for text in found]


def texts_of(child: Execution, transformation: str) -> list[str]:
    """An execution's part of the results, as JSON texts. A failed execution is described whole, always."""
    if transformation == NONE or child.status != Status.COMPLETED:
        return [jsontext.write(_record(child))]
    output = str(child.output)
    if transformation == FLATTEN and output.startswith("["):
        return [jsontext.write(one) for one in json.loads(output)]
    return [output]


def _record(child: Execution) -> Json:
    """An execution as DescribeExecution shows it, with its times as texts."""
    known = described(child, as_json=False)
    dates = {name: timestamp(known[name]) for name in ("StartDate", "StopDate")}
    if child.status == Status.COMPLETED:
        reason = {"RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven"}
        redrive = {"RedriveStatus": "NOT_REDRIVABLE", **reason}
    else:
        redrive = {"RedriveStatus": "REDRIVABLE_BY_MAP_RUN"}
    return dict(sorted({**known, **dates, "RedriveCount": child.redrives, **redrive}.items()))


def _cut(file: BinaryIO, size: int) -> None:
    if file.seek(0, os.SEEK_END) < size:
        raise WriterFault("A file of the results was cut while they were written")
    file.truncate(size)
    file.seek(size)


def _put(path: Path, text: str) -> None:
    # A reader sees the old manifest or the new one, never half of it.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _unwritable(fault: OSError) -> WriterFault:
    return WriterFault(f"The results cannot be written: {fault.strerror}")
