"""Collects the results of a Map Run: as the state's own result, or in files of the artifact store with a manifest.

Each piece is a file of its own with a name that no other pump gives, and no file is ever written again. The run's row
names those that count, and so does the manifest. So a pump that froze, and wakes after others have gone on, harms
nothing: what it writes is named nowhere. The artifact store is one bucket: ``Bucket`` has no effect. Source: AWS Step
Functions developer guide, "ResultWriter (Map)".
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stepwell.db.models import Execution
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.engine.values.times import timestamp
from stepwell.runtime.moves.completion import described

NONE, COMPACT, FLATTEN = "NONE", "COMPACT", "FLATTEN"
SUCCEEDED, FAILED = "SUCCEEDED", "FAILED"
"""Kinds of result files, by the end of the executions in them."""
_CUT = "A file of the results was cut while they were written"


class WriterFault(Exception):
    """The results cannot be written: States.ResultWriterFailed. The message is the reason."""


class ResultTooLarge(Exception):
    """The results are larger than a state's result may be."""


class ResultFiles:
    """The result files of a run: ``files`` are the name and the bytes of each, by kind, SUCCEEDED or FAILED.

    A kind may have no file. Every method raises WriterFault.
    """

    def __init__(self, root: Path, arguments: Json, config: Mapping[str, Json], arn: str, files: dict[str, Json]):
        given = arguments if isinstance(arguments, dict) else {}
        self._bucket, prefix = (str(given.get(name) or "") for name in ("Bucket", "Prefix"))
        self._arn = arn
        self._key = "/".join(part for part in (prefix.strip("/"), arn.rpartition(":")[2]) if part)
        self._directory = (root.resolve() / self._key).resolve()
        if "\0" in prefix or not self._directory.is_relative_to(root.resolve()):
            raise WriterFault(f"The prefix {prefix[:200]!r} leads out of the artifact store")
        self._transformation = config.get("Transformation", NONE)
        self._is_lines = config.get("OutputType") == "JSONL"
        self.files = files

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
                self._write(kind, self._framed(texts))
        return count

    def finish(self) -> Json:
        """Write the manifest. Returns the state's result, which names it."""
        files: dict[str, list[Json]] = {FAILED: [], "PENDING": [], SUCCEEDED: []}
        for kind in self.files:
            self._take_over(kind)
            for name, size in self.files[kind]:
                self._check(name, size)
                files[kind].append({"Key": f"{self._key}/{name}", "Size": size})
        manifest = {"DestinationBucket": self._bucket, "MapRunArn": self._arn, "ResultFiles": files}
        key = f"{self._key}/manifest.json"
        # A pump that wakes late writes the same executions' results into it, and files that are as whole as these.
        self._put("manifest.json", jsontext.write(manifest))
        return {"MapRunArn": self._arn, "ResultWriterDetails": {"Bucket": self._bucket, "Key": key}}

    def _framed(self, texts: Sequence[str]) -> str:
        return "".join(f"{text}\n" for text in texts) if self._is_lines else f"[{','.join(texts)}]"

    def _write(self, kind: str, text: str) -> None:
        self._take_over(kind)
        some = self.files.setdefault(kind, [])
        name = f"{kind}_{len(some)}_{secrets.token_hex(4)}.json"
        some.append([name, self._put(name, text)])

    def _take_over(self, kind: str) -> None:
        """Go on with a run of the release before: it had one file of a kind, of which the row knew the bytes."""
        size = self.files.get(kind)
        if isinstance(size, int):
            text = self._first_bytes(f"{kind}_0.json", size)
            self.files[kind] = []
            self._write(kind, text if self._is_lines else f"{text}]")

    def _first_bytes(self, name: str, size: int) -> str:
        try:
            with (self._directory / name).open("rb") as file:
                found = file.read(size)
        except OSError as fault:
            raise _unwritable(fault) from None
        if len(found) < size:
            raise WriterFault(_CUT)
        return found.decode()

    def _check(self, name: str, size: int) -> None:
        try:
            found = (self._directory / name).stat().st_size
        except OSError as fault:
            raise _unwritable(fault) from None
        if found != size:
            raise WriterFault(_CUT)

    def _put(self, name: str, text: str) -> int:
        """Write a file and put it in place whole: a reader sees all of it, or nothing. Returns its bytes."""
        draft = self._directory / f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                size = file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._directory / name)
        except OSError as fault:
            raise _unwritable(fault) from None
        return size


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


def _unwritable(fault: OSError) -> WriterFault:
    return WriterFault(f"The results cannot be written: {fault.strerror}")
