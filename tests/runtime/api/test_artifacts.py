"""Artifacts as an API handler sees them, on both databases."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from stepwell.functions.errors import (
    NotFound,
    PayloadTooLarge,
)
from stepwell.runtime.api.artifacts import ArtifactsApi


def test_an_artifact_is_read_and_nothing_beside_it(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "kept" / "link").symlink_to(tmp_path / "secret.txt")
    artifacts = ArtifactsApi(tmp_path / "kept", 4)
    assert artifacts.read("a.pdf") == (b"%PDF", "application/pdf")
    for key in ("b.pdf", "", ".", "../secret.txt", str(tmp_path / "secret.txt"), "link", "a\0b", "x" * 5000):
        with pytest.raises(NotFound):
            artifacts.read(key)


def test_an_artifact_that_cannot_be_read_is_not_called_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "a.bin").write_bytes(b"a")
    monkeypatch.setattr(Path, "read_bytes", broken)
    with pytest.raises(OSError, match="Input/output error"):
        ArtifactsApi(tmp_path, 5).read("a.bin")


def test_an_artifact_that_is_too_large_to_be_held_is_refused_unread(tmp_path: Path):
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(PayloadTooLarge, match="has 1099511627776 bytes; more than 5 are not served"):
        ArtifactsApi(tmp_path, 5).read("a.bin")
