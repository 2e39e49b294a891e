"""Writes the files of steps: their names are safe, and a file is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from stepwell.functions.contract import Json
from stepwell.functions.steps._data import InvalidData

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class NotConfigured(RuntimeError):
    """The environment lacks what the step needs."""


class ArtifactMissing(LookupError):
    """The artifact store holds no such file."""


def directory(variable: str) -> Path:
    """The directory that an environment variable names, made when it is not there."""
    if not os.environ.get(variable):
        raise NotConfigured(f"the environment has no {variable}, the directory to write to")
    path = Path(os.environ[variable])
    path.mkdir(parents=True, exist_ok=True)
    return path


def safe(name: str, *, longest: int = 48) -> str:
    """A name as part of a file name: only letters, digits, _ and - remain, so no dots and no separators."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", name)[:longest].strip("-") or "x"


def digest(*parts: str) -> str:
    """Sixteen characters that stand for these texts in this order, and for no others."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def write(path: Path, content: bytes) -> None:
    """Replace a file at once: a reader sees the old file or the new one, even after a crash."""
    draft = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_artifact(key: Json) -> bytes:
    """The bytes of an artifact. Raises ArtifactMissing, and InvalidData for a key that no step can have written."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidData("the artifact's key", "a file's name without directories", key)
    try:
        return (directory("ARTIFACTS_DIR") / key).read_bytes()
    except FileNotFoundError:
        raise ArtifactMissing(f"there is no artifact {key}") from None
