"""Reads a JSON text token by token. Memory holds one value at a time, however long the text is."""

from __future__ import annotations

import json
import re
from typing import BinaryIO

CHUNK = 64 << 10
_TOKEN = re.compile(rb'\s*+("(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++)', re.DOTALL)
_OPENING, _CLOSING = (b"[", b"{"), (b"]", b"}")
_CLOSED_BY = dict(zip(_OPENING, _CLOSING, strict=True))


class Malformed(Exception):
    """The text is not JSON. The message is the reason, with the byte."""


class Tokens:
    """The tokens of a file from byte ``offset`` on. Every method may raise Malformed.

    ``largest`` is the most bytes of one value.
    """

    def __init__(self, file: BinaryIO, offset: int, largest: int) -> None:
        file.seek(offset)
        self._file = file
        self._largest = largest
        self._buffer = b""
        self._base = offset
        self._at = 0
        self._kept: int | None = None
        self._is_all = False

    @property
    def offset(self) -> int:
        """The byte behind the last token."""
        return self._base + self._at

    def next(self) -> bytes:
        """The next token; empty at the end of the file."""
        while True:
            found = _TOKEN.match(self._buffer, self._at)
            # A token that reaches the end of the buffer may go on in the next chunk.
            if found is not None and (found.end() < len(self._buffer) or self._is_all):
                self._at = found.end()
                return found.group(1)
            if self._is_all:
                if self._buffer[self._at :].strip():
                    raise Malformed(f"the string at byte {self.offset} has no end")
                return b""
            self._read_on()

    def text(self, token: bytes) -> bytes:
        """The whole text of the value that begins with ``token``, the last one read."""
        self._kept = self._at - len(token)
        self.skip(token)
        text = self._buffer[self._kept : self._at]
        self._kept = None
        return text

    def skip(self, token: bytes) -> None:
        """Read to the end of the value that begins with ``token``, the last one read."""
        deep = 0
        while True:
            if token == b"":
                raise Malformed(f"it ends at byte {self.offset}, inside a value")
            deep += (token in _OPENING) - (token in _CLOSING)
            if deep <= 0:
                return
            token = self.next()

    def item(self, bracket: bytes, is_first: bool) -> bytes | None:
        """The first token of the next item inside ``bracket``; None at the closing bracket."""
        token = self.next()
        if token == _CLOSED_BY[bracket]:
            return None
        if is_first:
            return self._some(token)
        self._want(token, b",")
        return self._some(self.next())

    def key(self, token: bytes) -> str:
        """The name of the member that begins with ``token``. The next token begins its value."""
        try:
            name = json.loads(token)
        except ValueError:
            name = None
        if not isinstance(name, str):
            raise Malformed(f"a name was expected before byte {self.offset}")
        self._want(self.next(), b":")
        return name

    def enter(self, name: str) -> bool:
        """Go to a member (by name) or an item (by number) of the next value. False when it is not there."""
        bracket = self.next()
        if bracket not in _OPENING:
            return False
        token, index = self.item(bracket, is_first=True), 0
        while token is not None:
            if bracket == b"{":
                if self.key(token) == name:
                    return True
                token = self.next()
            elif str(index) == name:
                self._at -= len(token)
                return True
            self.skip(token)
            token, index = self.item(bracket, is_first=False), index + 1
        return False

    def expect_end(self) -> None:
        """Raise Malformed unless the file ends here."""
        if self.next():
            raise Malformed(f"more follows before byte {self.offset}")

    def _some(self, token: bytes) -> bytes:
        if token in (b"", b",", b":", *_CLOSING):
            raise Malformed(f"a value was expected before byte {self.offset}")
        return token

    def _want(self, token: bytes, wanted: bytes) -> None:
        if token != wanted:
            raise Malformed(f"{wanted.decode()!r} was expected before byte {self.offset}")

    def _read_on(self) -> None:
        held = self._at if self._kept is None else self._kept
        self._buffer = self._buffer[held:]
        self._base += held
        self._at -= held
        self._kept = None if self._kept is None else 0
        if len(self._buffer) > self._largest:
            raise Malformed(f"the value at byte {self._base} has more than {self._largest} bytes")
        # As much as is held already: a long value is then scanned again log(n) times, and not once a chunk.
        read = self._file.read(max(CHUNK, len(self._buffer)))
        self._is_all = not read
        self._buffer += read
