"""Where zips lie unpacked: one directory each, named after its content, which never changes and is for all processes.

What no version has any more goes when something new is unpacked, an hour after its last use: no call runs for so long.
Each use touches the directory, so whoever lets one go sees whether it was used meanwhile, and puts it back.
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
"""How many directories go for one that comes: a call waits for it."""
GOING = ".going-"


class Unpacked:
    """The directories below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def root(self, sha256: str) -> Path | None:
        """The directory that holds a zip's content, used from now on; None when the zip is gone. Raises OSError."""
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
        """Let directories go that nobody uses and no version needs."""
        old = list(self._unused())
        kept = {_name(sha256) for sha256 in store.kept(_sha256(path.name) for path in old)}
        for path in [one for one in old if one.name not in kept][:AT_ONCE]:
            _let_go(path)

    def _unused(self) -> Iterator[Path]:
        for path in self._directory.iterdir():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > UNUSED_SECONDS:
                    yield path


def _touched(root: Path) -> bool:
    """Whether it is there; it counts as used then, where this process may write."""
    try:
        os.utime(root)
    except PermissionError:
        return root.is_dir()
    except FileNotFoundError:
        return False
    return True


def _let_go(path: Path) -> None:
    """Remove a directory as one: nobody finds half of it, and who has used it in this moment has it back."""
    going = path.with_name(f"{GOING}{secrets.token_hex(8)}")
    with suppress(OSError):  # another process was quicker
        os.rename(path, going)
        if time.time() - going.stat().st_mtime <= UNUSED_SECONDS:
            os.rename(going, path)
    shutil.rmtree(going, ignore_errors=True)


def _name(sha256: str) -> str:
    return base64.urlsafe_b64encode(base64.b64decode(sha256)).decode().rstrip("=")


def _sha256(name: str) -> str:
    """What ``_name`` was made of; what is no such name gives what no zip has."""
    return f"{name.replace('-', '+').replace('_', '/')}="
