"""Cuts payloads and logs to the length that a page shows, with the length of the whole."""

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
    """The shown part of a text. ``whole`` is the length of the text in bytes, None if all of it is shown."""

    text: str
    whole: int | None = None


@dataclass(frozen=True)
class ShownError:
    """An error: the members of Lambda's error form, or any other cause unchanged."""

    error: str
    message: Excerpt
    trace: Excerpt | None = None
    others: Mapping[str, Json] = field(default_factory=dict)


def of_json(value: Json) -> Excerpt:
    """The beginning of a JSON value, indented. Only the shown part is laid out, so a large value costs no more."""
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
    """The last characters of a text: the result stands at the end of a log."""
    return Excerpt(text) if len(text) <= SHOWN else Excerpt(text[-SHOWN:], _size(text))


def in_one_line(value: Json) -> str:
    """A JSON value without line breaks, whole."""
    return _COMPACT.encode(value)


def failure(error: str | None, cause: str | None) -> ShownError:
    """An error and its cause, ready to be read."""
    form = _lambda_error(cause or "")
    if form is None:
        return ShownError(error or "", beginning(cause or ""))
    lines = [str(line).rstrip("\n") for line in form.get("stackTrace") or ()]
    return ShownError(
        error or str(form["errorType"]),
        beginning(str(form["errorMessage"])),
        beginning("\n".join(lines)) if lines else None,
        {name: value for name, value in form.items() if name not in _LAMBDA_MEMBERS},
    )


def size(count: int) -> str:
    """A number of bytes for reading: ``512 bytes``, ``4.1 kB``, ``1.2 MB``."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} kB" if count < 999_950 else f"{count / 1_000_000:.1f} MB"


def _lambda_error(cause: str) -> Mapping[str, Json] | None:
    """A cause in Lambda's error form, else None. A cause may be any text, and a long one may be cut."""
    try:
        form = json.loads(cause)
    except (ValueError, RecursionError):
        return None
    if not isinstance(form, dict) or not {"errorType", "errorMessage"} <= form.keys():
        return None
    return form if isinstance(form.get("stackTrace") or [], list) else None


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
