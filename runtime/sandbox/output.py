"""The output of an invocation, kept within a bound."""

from __future__ import annotations


class Output:
    """Keeps the head and the tail of an output, and the length of the part between, in bounded memory."""

    def __init__(self, limit: int) -> None:
        self._room = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        fits = self._room - len(self._head)
        self._head += data[:fits]
        self._tail += data[fits:]
        if len(self._tail) > 2 * self._room + 65_536:
            self._trim()

    def text(self) -> str:
        """The output as text that any database takes: neither NUL nor bytes that are not UTF-8."""
        self._trim()
        gap = f"\n... {self._dropped} bytes dropped ...\n".encode() if self._dropped else b""
        kept = bytes(self._head) + gap + bytes(self._tail)
        return kept.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")

    def _trim(self) -> None:
        excess = max(0, len(self._tail) - self._room)
        del self._tail[:excess]
        self._dropped += excess
