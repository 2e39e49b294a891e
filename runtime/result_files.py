"""What a ResultWriter leaves in the artifact store: the results of a map run by how they ended, and a manifest.

Source: AWS Step Functions developer guide, "ResultWriter (Map)". ``Bucket`` says nothing here: the store is one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from db.models import Execution
from runtime.engine import jsontext
from runtime.parents import described

Json = Any


class WriterFault(Exception):
    """The results cannot be written: States.ResultWriterFailed, for this reason."""


def write(root: Path, arguments: Json, arn: str, children: Iterable[Execution]) -> Json:
    """Write all results, one after the other; what the state's result is then. Raises WriterFault."""
    bucket, prefix = (str(arguments.get(name) or "") for name in ("Bucket", "Prefix"))
    run = arn.rpartition(":")[2]
    base = "/".join(part for part in (prefix.strip("/"), run) if part)
    directory = (root.resolve() / base).resolve()
    if not directory.is_relative_to(root.resolve()):
        raise WriterFault(f"The prefix {prefix[:200]!r} leads out of the artifact store")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        files = _results(directory, base, children)
        manifest = {"DestinationBucket": bucket, "MapRunArn": arn, "ResultFiles": files}
        _put(directory / "manifest.json", [jsontext.write(manifest)])
    except OSError as fault:
        raise WriterFault(f"The results cannot be written: {fault.strerror}") from None
    return {"MapRunArn": arn, "ResultWriterDetails": {"Bucket": bucket, "Key": f"{base}/manifest.json"}}


def _results(directory: Path, base: str, children: Iterable[Execution]) -> dict[str, list[Json]]:
    """The files of each way to end, written side by side while the children pass by once."""
    drafts = {kind: directory / f".{kind}.{secrets.token_hex(4)}.tmp" for kind in ("SUCCEEDED", "FAILED")}
    counts = dict.fromkeys(drafts, 0)
    open_files = {kind: path.open("w", encoding="utf-8") for kind, path in drafts.items()}
    try:
        for child in children:
            kind = "SUCCEEDED" if child.status == "COMPLETED" else "FAILED"
            open_files[kind].write(("," if counts[kind] else "[") + jsontext.write(described(child, as_json=False)))
            counts[kind] += 1
    finally:
        for kind, file in open_files.items():
            file.write("]" if counts[kind] else "[]")
            file.close()
    files: dict[str, list[Json]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for kind, draft in drafts.items():
        if counts[kind]:
            final = draft.replace(directory / f"{kind}_0.json")
            files[kind].append({"Key": f"{base}/{final.name}", "Size": final.stat().st_size})
        else:
            draft.unlink()
    return files


def _put(path: Path, parts: Iterable[str]) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with draft.open("w", encoding="utf-8") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
