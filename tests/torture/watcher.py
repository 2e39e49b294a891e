"""Watches the database with statements of its own: an ended execution must not change."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from tests.torture.stack import pause

EVERY_SECONDS = 1.0
ENDED = """
SELECT id, status, error, md5(coalesce(output, '')), revision, history_count, finished_at
FROM execution WHERE status <> 'IN_PROGRESS'
"""
OPEN = "SELECT count(*) FROM execution WHERE status = 'IN_PROGRESS'"


@dataclass
class Watcher:
    url: str
    changes: list[str] = field(default_factory=list)
    """Ended executions that changed later, one line each."""
    samples: int = 0

    def __post_init__(self) -> None:
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Take a last sample and stop."""
        self._ended.set()
        self._thread.join()
        self._sample()

    def await_nothing_open(self, seconds: float) -> bool:
        """Wait until every execution has ended. Returns False if one is still open after ``seconds``."""
        deadline = time.monotonic() + seconds
        while self._rows(OPEN)[0][0]:
            if time.monotonic() > deadline:
                return False
            pause(0.1)
        return True

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            try:
                self._sample()
            except psycopg2.OperationalError:
                continue  # a fault of the run has hit the database

    def _sample(self) -> None:
        found = {str(row[0]): row[1:] for row in self._rows(ENDED)}
        for identity, before in self._seen.items():
            if found.get(identity) != before:
                self.changes.append(f"{identity} was {before} and is {found.get(identity)}")
        self._seen = found
        self.samples += 1

    def _rows(self, statement: str) -> list[Any]:
        with closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())
