"""The client during a fault. It keeps every answer with its duration."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

Json = Any

PATIENCE = 20.0
BETWEEN = 0.05


@dataclass(frozen=True)
class Answer:
    """The answer. ``status`` is None after a refused or broken connection, and 0 after a time-out."""

    status: int | None
    headers: Mapping[str, str]
    body: Json
    seconds: float
    request: str
    at: float
    """The moment of its arrival, on this process's monotonic clock."""


def ask(url: str, method: str, path: str, body: Json = None, **headers: str) -> Answer:
    """Send one request on a connection of its own. Never raises for a network fault."""
    began = time.monotonic()
    status: int | None = None
    given: Mapping[str, str] = {}
    said: Json = None
    sent = None if body is None else json.dumps(body).encode()
    kind = {} if sent is None else {"content-type": "application/json"}
    try:
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)) as connection:
            connection.request(method, path, sent, {**kind, **headers})
            response = connection.getresponse()
            said = response.read()
            status, given = response.status, {name.lower(): value for name, value in response.getheaders()}
    except TimeoutError:
        status = 0
    except (OSError, http.client.HTTPException):
        pass
    is_json = given.get("content-type", "").startswith("application/json")
    at = time.monotonic()
    return Answer(status, given, json.loads(said) if is_json else said, at - began, f"{method} {path}", at)


@dataclass
class Load:
    """Clients inside a ``with`` block: each repeats one request until the block ends, pausing BETWEEN seconds."""

    asks: Sequence[Callable[[], Answer]]
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(one,), daemon=True) for one in self.asks]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def started(self) -> list[str]:
        """The ids of the acknowledged executions."""
        return [one.body["executionId"] for one in list(self.answers) if one.status == 201]

    def statuses(self) -> set[int | None]:
        return {one.status for one in list(self.answers)}

    def _repeat(self, one: Callable[[], Answer]) -> None:
        while not self._ended.wait(BETWEEN):
            self.answers.append(one())
