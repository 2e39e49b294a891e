"""A request's body on its way: kept until it is whole, in memory while it is short and else in a file.

Only the framing is read here, to know where the body ends. Gunicorn's parser then reads the same bytes, and it decides:
where it finds no end, the request is refused.
"""

from __future__ import annotations

import re
import tempfile

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import Unreader

IN_MEMORY = 64 << 10
"""The most bytes of a body that are kept in memory until it is whole."""
PIECE = 64 << 10
"""The bytes of a body that the parser gets at a time."""
_LONGEST_LINE = 8190
_FRAMING = 1 << 20
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?\r\n")


class Received(Unreader):
    """The bytes of one request for gunicorn's parser: the head, and the body as far as it has come. Never blocks."""

    def __init__(self, head: bytes) -> None:
        super().__init__()
        self._head = head
        self.body: ArrivingBody | None = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        # Never as much as the hint allows: the parser copies what it has not handed out yet with each of its reads.
        head, self._head = self._head, b""
        return head or (self.body.read(PIECE) if self.body else b"")


class ArrivingBody:
    """The body of one request as it is sent: of this length, or in chunks if the length is None."""

    def __init__(self, length: int | None) -> None:
        self.length = length
        self.received = 0
        self.is_whole = False
        self.is_malformed = False
        self._kept = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)
        self._chunks = Chunks() if length is None else None

    def take(self, buffer: bytearray) -> None:
        """Move the bytes that belong to this body out of the buffer. Raises OSError when they cannot be kept."""
        if self._chunks is None:
            assert self.length is not None
            size = min(len(buffer), self.length - self.received)
            self.is_whole = self.received + size == self.length
        else:
            size = self._chunks.take(buffer)
            self.is_whole, self.is_malformed = self._chunks.have_ended, self._chunks.are_malformed
        self._kept.write(buffer[:size])
        self.received += size
        del buffer[:size]

    def exceeds(self, limit: int) -> bool:
        """Whether the body has become longer than this, or wraps less than that in chunks that are far too many."""
        content = self.received if self._chunks is None else self._chunks.content
        return content > limit or self.received > 2 * limit + _FRAMING

    def rewind(self) -> None:
        """Let the body be read from its beginning."""
        self._kept.seek(0)

    def read(self, size: int) -> bytes:
        return self._kept.read(size)

    def close(self) -> None:
        self._kept.close()


class Chunks:
    """Finds the end of a body in chunks (RFC 9112, section 7.1), and counts the bytes in them."""

    def __init__(self) -> None:
        self.have_ended = False
        self.are_malformed = False
        self.content = 0
        self._left = 0
        self._line = bytearray()
        self._is_in_trailers = False

    def take(self, buffer: bytearray) -> int:
        """The number of leading bytes that belong to the body: of a malformed one, up to the fault."""
        at = 0
        while at < len(buffer) and not (self.have_ended or self.are_malformed):
            if self._left:
                step = min(self._left, len(buffer) - at)
                self._left, self.content, at = self._left - step, self.content + step, at + step
            else:
                at = self._take_line(buffer, at)
        return at

    def _take_line(self, buffer: bytearray, at: int) -> int:
        end = buffer.find(b"\n", at)
        stop = len(buffer) if end < 0 else end + 1
        self._line += buffer[at:stop]
        if end >= 0:
            self._read_line(bytes(self._line))
            self._line.clear()
        self.are_malformed |= len(self._line) > _LONGEST_LINE
        return stop

    def _read_line(self, line: bytes) -> None:
        if self._is_in_trailers:
            self.have_ended = line == b"\r\n"
        elif (found := _SIZE.fullmatch(line)) is None:
            self.are_malformed = True
        elif size := int(found[1], 16):
            self._left = size + len(b"\r\n")
            self.content -= len(b"\r\n")
        else:
            self._is_in_trailers = True


def body_of(request: Request) -> ArrivingBody | None:
    """The body that follows this head, by its framing; None if there is none."""
    reader = request.body.reader
    if isinstance(reader, ChunkedReader):
        return ArrivingBody(None)
    return ArrivingBody(reader.length) if isinstance(reader, LengthReader) and reader.length else None
