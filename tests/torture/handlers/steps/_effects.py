"""Shared by the torture test's handlers: their result, a number, and the line that shows their call."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Json = Any

MODULUS = 1_000_003
FILE = "effects"
TOKENS = "tokens"


def total(event: Mapping[str, Json]) -> int:
    """A checksum of a handler's event: it changes if any part is missing, wrong or at the wrong place."""
    own = worth(event["data"]) + worth(event.get("input") or 0)
    if "children" in event:
        return (own + worth([child["result"] for child in event["children"]])) % MODULUS
    return (own + sum(_weight(name) * worth(value) for name, value in event["results"].items())) % MODULUS


def worth(value: Json) -> int:
    """The worth of a value: a number itself, a list weighted by position, an object by its member ``value``."""
    if isinstance(value, list):
        return sum(place * worth(item) for place, item in enumerate(value, start=1))
    return worth(value.get("value", 0)) if isinstance(value, dict) else int(value)


def leave_a_line(event: Mapping[str, Json]) -> int:
    """Record for good that this handler ran: one line in a file. Returns the handler's result, a number."""
    step = event["step"]
    _append(FILE, f"{step['idempotencyKey']} {step['retry']} {time.time():.3f}\n")
    return total(event)


def pass_on(event: Mapping[str, Json]) -> None:
    """Leave the task token in a file, with its due answer: the number, or a refusal. ``answers.py`` reads it."""
    is_refused = event["step"]["retry"] < event["data"]["failures"]
    answer = f"failure {total(event)}" if is_refused else f"success {leave_a_line(event)}"
    _append(TOKENS, f"{event['token']} {answer}\n")


def _append(name: str, line: str) -> None:
    """Append a line in one write, so that it is whole whatever happens."""
    file = os.open(Path(os.environ["ARTIFACTS_DIR"], name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def _weight(name: str) -> int:
    return zlib.crc32(name.encode()) % 97 + 1
