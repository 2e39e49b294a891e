"""Reads items from JSON Lines, separated values (CSV) and JSON, from any item on.

Memory holds one item at a time. A file whose name ends in ``.gz`` is unpacked while it is read. Source: AWS Step
Functions developer guide, "ItemReader (Map)".
"""

from __future__ import annotations

import csv
import gzip
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.map_runs.json_stream import Malformed, Tokens

STATE_DATA = "STATE_DATA"
LARGEST_ITEM = 8 << 20
"""Most bytes of one item: AWS's own limit."""
DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
_BOM = b"\xef\xbb\xbf"
_KEPT = 4
csv.field_size_limit(LARGEST_ITEM)


class ReaderFault(Exception):
    """The items cannot be read: States.ItemReaderFailed. The message is the reason."""


class Item(NamedTuple):
    """An item, and the offset of the next one. ``key`` is set for a member of an object."""

    value: Json
    offset: int = 0
    source: str = STATE_DATA
    key: str | None = None

    def described(self) -> dict[str, Json]:
        """``$$.Map.Item`` without the index."""
        member = {} if self.key is None else {"Key": self.key, "Value": self.value["Value"]}
        return {**member, "Source": self.source}


class Lines:
    """A file of JSON Lines; empty lines are no items."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, first: int, offset: int) -> Iterator[Item]:
        with _opened(self._path, offset) as file:
            for where, line in _lines(file, offset):
                if line.strip():
                    yield Item(_value(line, f"{where} is no JSON"), file.tell())


class SeparatedValues:
    """A file of separated values. Each record is an object: a text for each column's name."""

    def __init__(self, path: Path, config: Mapping[str, Json], headers: list[str] | None = None) -> None:
        self._path = path
        self._delimiter = DELIMITERS[config.get("CSVDelimiter", "COMMA")]
        is_given = config.get("CSVHeaderLocation") == "GIVEN"
        self._given = headers or (list(config.get("CSVHeaders", ())) if is_given else None)

    def read(self, first: int, offset: int) -> Iterator[Item]:
        names = self._given or _header(self._path, self._delimiter, *_state_of(self._path))
        is_header = offset == 0 and self._given is None
        with _opened(self._path, offset) as file:
            for record in _records(file, self._delimiter, offset):
                if record and not is_header:
                    padded = [*record, *[""] * (len(names) - len(record))]
                    yield Item(dict(zip(names, padded, strict=False)), file.tell())
                is_header = is_header and not record


class Document:
    """A file of JSON: the items of the list, or the members of the object, at ``pointer``."""

    def __init__(self, path: Path, pointer: str) -> None:
        self._path = path
        self._pointer = pointer

    def read(self, first: int, offset: int) -> Iterator[Item]:
        with _malformed_is_a_fault():
            bracket, begins = _opening(self._path, self._pointer, *_state_of(self._path))
        with _opened(self._path, offset or begins) as file, _malformed_is_a_fault():
            tokens = Tokens(file, offset or begins, LARGEST_ITEM)
            while (token := tokens.item(bracket, is_first=not (offset or first))) is not None:
                yield self._item(tokens, bracket, token, first)
                first += 1
            if not self._pointer:
                tokens.expect_end()

    def _item(self, tokens: Tokens, bracket: bytes, token: bytes, index: int) -> Item:
        where = f"item {index} is no JSON"
        if bracket == b"[":
            return Item(_value(tokens.text(token), where), tokens.offset)
        key = str(tokens.key(token))
        value = _value(tokens.text(tokens.next()), where)
        return Item({"Key": key, "Value": value}, tokens.offset, key=key)


@lru_cache(maxsize=_KEPT)
def _opening(path: Path, pointer: str, changed: int, size: int) -> tuple[bytes, int]:
    """The opening bracket of the items, and the offset behind it. Raises ReaderFault, Malformed."""
    with _opened(path, 0) as file:
        tokens = Tokens(file, len(_BOM) if file.read(len(_BOM)) == _BOM else 0, LARGEST_ITEM)
        for name in pointer.split("/")[1:]:
            if not tokens.enter(name.replace("~1", "/").replace("~0", "~")):
                raise ReaderFault(
                    "The provided ReaderConfig.ItemsPointer does not match any valid path in the JSON structure."
                )
        bracket = tokens.next()
        if bracket not in (b"[", b"{"):
            _value(tokens.text(bracket), "it is no JSON")
            raise ReaderFault("Attempting to map over non-iterable node.")
        return bracket, tokens.offset


@lru_cache(maxsize=_KEPT)
def _header(path: Path, delimiter: str, changed: int, size: int) -> list[str]:
    with _opened(path, 0) as file:
        return next((record for record in _records(file, delimiter, 0) if record), [])


def _records(file: BinaryIO, delimiter: str, offset: int) -> Iterator[list[str]]:
    """The records of a file. A backslash escapes the next character. Raises ReaderFault."""
    # ``csv`` reads no further lines than it needs, so ``file.tell()`` is the offset of the next record.
    reader = csv.reader(
        (line.decode("utf-8") for _, line in _lines(file, offset)),
        delimiter=delimiter,
        escapechar="\\",
        strict=True,
    )
    try:
        yield from reader
    except csv.Error as fault:
        raise ReaderFault(f"The file cannot be read: {_place(reader.line_num, offset)} is no CSV: {fault}") from None


def _lines(file: BinaryIO, offset: int) -> Iterator[tuple[str, bytes]]:
    """Lines of UTF-8 without a byte order mark, each with its name for messages. Raises ReaderFault."""
    number = 0
    # One byte above the limit, so that a line that is too long differs from one that just fits.
    while line := file.readline(LARGEST_ITEM + 1):
        number += 1
        where = _place(number, offset)
        if len(line) > LARGEST_ITEM:
            raise ReaderFault(f"The file cannot be read: {where} has more than {LARGEST_ITEM} bytes")
        if number == 1 and offset == 0:
            line = line.removeprefix(_BOM)
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise ReaderFault(f"The file cannot be read: {where} is not UTF-8 at its byte {fault.start}") from None
        yield where, line


def _place(line: int, offset: int) -> str:
    return f"line {line}" if offset == 0 else f"line {line} behind byte {offset}"


def _value(text: bytes, where: str) -> Json:
    try:
        return jsontext.read(text)
    except jsontext.NotJson as fault:
        raise ReaderFault(f"The file cannot be read: {where}: {fault}") from None


@contextmanager
def _malformed_is_a_fault() -> Iterator[None]:
    try:
        yield
    except Malformed as fault:
        raise ReaderFault(f"The file cannot be read: it is no JSON: {fault}") from None


@contextmanager
def _opened(path: Path, offset: int) -> Iterator[BinaryIO]:
    """Open the file at this offset. Raises ReaderFault, also for a fault of the file inside the block."""
    try:
        if path.suffix == ".gz":
            packed = _unpacked(path, threading.get_ident(), *_state_of(path))
            packed.seek(offset)
            yield packed
        else:
            with path.open("rb") as file:
                file.seek(offset)
                yield file
    except (OSError, EOFError, zlib.error) as fault:
        raise ReaderFault(f"The file cannot be read: {fault}") from None


@lru_cache(maxsize=_KEPT)
def _unpacked(path: Path, thread: int, changed: int, size: int) -> BinaryIO:
    """An open file, kept: gzip can seek only forwards, and a newly opened file would unpack all from its beginning."""
    return cast(BinaryIO, gzip.open(path))


def _state_of(path: Path) -> tuple[int, int]:
    """Time and size of a file: the cache keys that change with it."""
    try:
        stat = path.stat()
    except OSError as fault:
        raise ReaderFault(f"The file cannot be read: {fault}") from None
    return stat.st_mtime_ns, stat.st_size
