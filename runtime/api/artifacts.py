"""Reads artifacts for the REST endpoint."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from stepwell.functions.errors import NotFound, PayloadTooLarge


class ArtifactsApi:
    """The files below ``directory``, none of them larger than ``limit`` bytes."""

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory = directory
        self._limit = limit

    def read(self, key: str) -> tuple[bytes, str]:
        """The bytes and the media type. Raises NotFound, PayloadTooLarge, and OSError if the file cannot be read."""
        absent = NotFound(f"There is no artifact {key[:200]!r}.")
        root = self._directory.resolve()
        try:
            path = (root / key).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                raise absent
            size = path.stat().st_size
        except (OSError, ValueError, RuntimeError):  # pathlib raises RuntimeError for a link to itself
            raise absent from None
        if size > self._limit:
            raise PayloadTooLarge(f"The artifact has {size} bytes; more than {self._limit} are not served.")
        try:
            return path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        except FileNotFoundError:
            raise absent from None
