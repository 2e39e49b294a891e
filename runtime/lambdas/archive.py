"""Checks deployment packages, and unpacks them to where functions run from.

A package that could not be unpacked is refused before it is stored. No file of it may lie outside its directory or be a
link. Its files are limited in number and in their real size, even if the zip claims less.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

UNZIPPED_BYTES = 262_144_000
MOST_FILES = 20_000
LONGEST_NAME, LONGEST_PATH = 255, 1024
UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
_CHUNK = 1 << 20
_END, _END_64, _LOCATOR_BYTES = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), 20
"""The two forms of the record at the end of an archive, and the size of what stands between them."""
_END_MARK = b"PK\x05\x06"
_READABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)
"""The errors of zipfile for an archive that is damaged, encrypted, or compressed in an unknown way."""


class BadArchive(ValueError):
    """The archive cannot be a deployment package; the message is the reason."""


def check(content: bytes, most_bytes: int = UNZIPPED_BYTES, most_files: int = MOST_FILES) -> None:
    """Read a whole package without writing anything. Raises BadArchive."""
    # Before the directory is parsed: each of its entries becomes an object, and ten megabytes hold 200,000.
    if (entries := _directory_entries(content)) > most_files:
        raise BadArchive(f"A deployment package may have {most_files} files, this one has {entries}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_names(members, most_files)
            left = most_bytes
            for member in members:
                left -= sum(len(part) for part in _parts(archive, member, left))
    except BadArchive:
        raise
    except _READABLE as fault:
        raise BadArchive(f"{UNREADABLE} ({fault})") from None


def unpack(content: bytes, directory: Path) -> None:
    """Unpack a checked package into a directory. Afterwards the directory is there whole, or not at all."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=directory.parent))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                _write(archive, member, fresh)
        fresh.chmod(0o755)
        os.rename(fresh, directory)
    except OSError:
        if not directory.is_dir():  # another process was faster: renaming onto a directory with files fails
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _directory_entries(content: bytes) -> int:
    """The most entries that the archive's directory can have, by its end record; 0 if it has none.

    Signatures are counted, since the number in the record may be a lie: a reader parses the directory by its size.
    Source: APPNOTE.TXT, sections 4.3.12 to 4.3.16.
    """
    # As zipfile looks for it: at the very end, or else the last one before a comment.
    end = len(content) - _END.size
    if not (content.startswith(_END_MARK, max(0, end)) and content.endswith(b"\0\0")):
        end = content.rfind(_END_MARK, max(0, end - (1 << 16)))
    if end < 0 or end + _END.size > len(content):
        return 0
    size = _END.unpack_from(content, end)[5]
    if content[max(0, end - _LOCATOR_BYTES) :].startswith(b"PK\x06\x07"):
        record = end - _LOCATOR_BYTES - _END_64.size
        is_there = record >= 0 and content.startswith(b"PK\x06\x06", record)
        size = max(size, _END_64.unpack_from(content, record)[8]) if is_there else len(content)
    first = end - size - (_LOCATOR_BYTES + _END_64.size)
    return content.count(b"PK\x01\x02", max(0, first), end)


def _parts(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> Iterator[bytes]:
    """The content of a member, piece by piece. Raises BadArchive if it exceeds the space that is left."""
    with archive.open(member) as file:
        while part := file.read(_CHUNK):
            left -= len(part)
            if left < 0:
                raise BadArchive(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
            yield part


def _check_names(members: list[zipfile.ZipInfo], most_files: int) -> None:
    files = {_path(member) for member in members if not member.is_dir()}
    directories: set[PurePosixPath] = set()
    for member in members:
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadArchive(f"{member.filename!r} is a link or a device; a deployment package holds files only")
        _add_directories(member, directories)
        if len(directories) > most_files:
            raise BadArchive(f"A deployment package may have {most_files} directories, this one has more")
    if both := files & directories:
        raise BadArchive(f"{both.pop()} is both a file and a directory")
    if not files:
        raise BadArchive("Uploaded file must be a non-empty zip")


def _add_directories(member: zipfile.ZipInfo, known: set[PurePosixPath]) -> None:
    """Add the directories that unpacking a member creates. Above a known directory all are known."""
    path = _path(member)
    place = path if member.is_dir() else path.parent
    while place.parts and place not in known:
        known.add(place)
        place = place.parent


def _path(member: zipfile.ZipInfo) -> PurePosixPath:
    """The path of a member in the package. Raises BadArchive for a path outside of it, or an empty one."""
    parts = PurePosixPath(member.filename).parts
    climbs = member.filename.startswith("/") or ".." in parts or any(mark in member.filename for mark in "\\:\0")
    is_long = len(member.filename.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in parts)
    if climbs or not parts or is_long:
        raise BadArchive(f"{member.filename[:80]!r} is no path inside a deployment package")
    return PurePosixPath(*parts)


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path) -> None:
    path = root / _path(member)
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for part in _parts(archive, member, UNZIPPED_BYTES):
            file.write(part)
    path.chmod(0o755 if (member.external_attr >> 16) & 0o111 else 0o644)
