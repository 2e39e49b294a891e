"""As much of a payload as a page shows, and what is left out said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from stepwell.functions.contract import Json

SHOWN = 4096
_PRETTY = json.JSONEncoder(ensure_ascii=False, indent=2)
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_LAMBDA_MEMBERS = ("errorType", "errorMessage", "stackTrace")


@dataclass(frozen=True)
class Excerpt:
    """What is shown of a text. ``whole`` is the length of all of it in bytes, None when nothing is left out."""

    text: str
    whole: int | None = None


@dataclass(frozen=True)
class Failure:
    """What went wrong: Lambda's error form taken apart, or any other cause as it came."""

    error: str
    message: Excerpt
    trace: Excerpt | None = None
    others: Mapping[str, Json] = field(default_factory=dict)


def of_json(value: Json) -> Excerpt:
    """The beginning of a JSON value, indented. Costs no more for a large one: only what is shown is laid out."""
    pieces, length = [], 0
    for piece in _PRETTY.iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > SHOWN:
            return Excerpt("".join(pieces)[:SHOWN], _size(_COMPACT.encode(value)))
    return Excerpt("".join(pieces))


def beginning(text: str) -> Excerpt:
    """The first characters of a text."""
    return Excerpt(text) if len(text) <= SHOWN else Excerpt(text[:SHOWN], _size(text))


def ending(text: str) -> Excerpt:
    """The last characters of a text, where a log says what it came to."""
    return Excerpt(text) if len(text) <= SHOWN else Excerpt(text[-SHOWN:], _size(text))


def in_one_line(value: Json) -> str:
    """A JSON value without line breaks, whole."""
    return _COMPACT.encode(value)


def failure(error: str | None, cause: str | None) -> Failure:
    """An error and its cause, ready to be read."""
    told = _lambda_error(cause or "")
    if told is None:
        return Failure(error or "", beginning(cause or ""))
    lines = [str(line).rstrip("\n") for line in told.get("stackTrace") or ()]
    return Failure(
        error or str(told["errorType"]),
        beginning(str(told["errorMessage"])),
        beginning("\n".join(lines)) if lines else None,
        {name: value for name, value in told.items() if name not in _LAMBDA_MEMBERS},
    )


def size(count: int) -> str:
    """A number of bytes for reading: ``512 bytes``, ``4.1 kB``, ``1.2 MB``."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} kB" if count < 999_950 else f"{count / 1_000_000:.1f} MB"


def _lambda_error(cause: str) -> Mapping[str, Json] | None:
    """A cause in Lambda's error form, else None: a cause may be any text, and a long one may have been cut."""
    try:
        told = json.loads(cause)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not {"errorType", "errorMessage"} <= told.keys():
        return None
    return told if isinstance(told.get("stackTrace") or [], list) else None


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
