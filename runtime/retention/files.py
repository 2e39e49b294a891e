"""Deletes the files that rows name as one execution's alone, together with the execution.

Those are the directories of a Map Run's results, which bear the run's id, and each file that a task's result names as
its ``key`` or its ``path`` if its own name holds the execution's id. Any other file may be somebody else's, and stays.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from stepwell.db.models import MapRun, Task
from stepwell.db.queries import holds


class Files:
    """The artifact store and the outbox."""

    def __init__(self, artifacts: Path, outbox: Path) -> None:
        self._artifacts = artifacts.resolve()
        self._outbox = outbox.resolve()

    def delete_of(self, executions: Sequence[str]) -> None:
        """Delete the files of these executions, inside the transaction that deletes their rows.

        They go before the rows: should the transaction fail, the next one finds the same rows again.
        """
        for path in [*self._named(executions), *self._results(executions)]:
            with suppress(OSError):  # it is gone already, or not ours to delete
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def _named(self, executions: Sequence[str]) -> Iterator[Path]:
        """The files that results of tasks name."""
        own = Task.execution_id.cast("TEXT")
        rows = Task.select(Task.execution_id, Task.result).where(
            Task.execution_id.in_(executions), Task.result.is_null(False), holds(Task.result, own)
        )
        for row in rows:
            result = json.loads(str(row.result))
            given = result if isinstance(result, dict) else {}
            for directory, name in ((self._artifacts, given.get("key")), (self._outbox, _last(given.get("path")))):
                if isinstance(name, str) and row.execution_id in PurePosixPath(name).name:
                    yield from _inside(directory, name)

    def _results(self, executions: Sequence[str]) -> Iterator[Path]:
        """The directories of Map Runs' results."""
        for run in MapRun.select(MapRun.id, MapRun.plan).where(MapRun.execution_id.in_(executions)):
            writer = json.loads(run.plan).get("writer")
            if writer is not None:
                prefix = str((writer if isinstance(writer, dict) else {}).get("Prefix") or "").strip("/")
                yield from _inside(self._artifacts, f"{prefix}/{run.id}".lstrip("/"))


def _last(path: Any) -> str | None:
    """The name of a file: its directory may have another path where this process runs."""
    return PurePosixPath(path).name if isinstance(path, str) else None


def _inside(directory: Path, name: str) -> Iterator[Path]:
    """The path below the directory; nothing if the name leads out of it."""
    with suppress(ValueError, OSError):  # a NUL, or a loop of links
        path = directory / name
        if path.parent.resolve().is_relative_to(directory) and path != directory:
            yield path
