"""Unpacked zips: one directory each, named by its content, shared by all processes, and never changed.

Unpacking a new zip deletes old directories: those that no version needs, an hour after their last use, which no call
outlasts. Each use touches its directory. So a process that deletes one sees a use in the meantime, and puts it back.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stepwell.runtime.lambdas import archive, store

UNUSED_SECONDS = 3600.0
AT_ONCE = 4
"""The most directories deleted for one unpacked zip, since a call waits for it."""
GOING = ".going-"


class Unpacked:
    """The directories below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def root(self, sha256: str) -> Path | None:
        """The directory with a zip's content, marked as used now; None if the zip is gone. Raises OSError."""
        root = self._directory / _name(sha256)
        if _touched(root):
            return root
        content = store.code(sha256)
        if content is None:
            return None
        archive.unpack(content, root)
        self.prune()
        return root

    def prune(self) -> None:
        """Delete some of the directories that no invocation uses and no version needs."""
        old = list(self._unused()) if self._directory.is_dir() else []
        kept = {_name(sha256) for sha256 in store.kept(_sha256(path.name) for path in old)}
        for path in [one for one in old if one.name not in kept][:AT_ONCE]:
            _let_go(path)

    def _unused(self) -> Iterator[Path]:
        for path in self._directory.iterdir():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > UNUSED_SECONDS:
                    yield path


def _touched(root: Path) -> bool:
    """Whether the directory exists. If so it is marked as used, provided that this process may write there."""
    try:
        os.utime(root)
    except PermissionError:
        return root.is_dir()
    except FileNotFoundError:
        return False
    return True


def _let_go(path: Path) -> None:
    """Delete a directory in one step: no reader finds half of it. If it was used meanwhile, put it back."""
    going = path.with_name(f"{GOING}{secrets.token_hex(8)}")
    with suppress(OSError):  # another process was faster
        os.rename(path, going)
        # What another process is deleting looks used, since each deletion in it is a change: it is not put back.
        if not path.name.startswith(GOING) and time.time() - going.stat().st_mtime <= UNUSED_SECONDS:
            os.rename(going, path)
    shutil.rmtree(going, ignore_errors=True)


def _name(sha256: str) -> str:
    return base64.urlsafe_b64encode(base64.b64decode(sha256)).decode().rstrip("=")


def _sha256(name: str) -> str:
    """The hash that ``_name`` made this name from. Any other name gives a text that is no zip's hash."""
    return f"{name.replace('-', '+').replace('_', '/')}="
