"""Dice as a value: numbers that nobody foresees and that come out the same whenever they are drawn again."""

from __future__ import annotations

from hashlib import blake2b


class Dice:
    """Draws, one after the other, that depend on the seed, the salt and how many came before, and on nothing else.

    One seed may serve many places, each with a salt of its own. Nothing here is fit for a secret.
    """

    def __init__(self, seed: int, salt: str = "") -> None:
        self._origin = f"{seed}/{salt}"
        self._drawn = 0

    def bits(self, count: int) -> int:
        """A whole number of so many bits, at most 512."""
        drawn = blake2b(f"{self._origin}/{self._drawn}".encode()).digest()
        self._drawn += 1
        return int.from_bytes(drawn, "big") >> (512 - count)

    def fraction(self) -> float:
        """A number in [0, 1), to the precision of a double."""
        return self.bits(53) / (1 << 53)

    def uuid(self) -> str:
        """A UUID version 4 (RFC 9562)."""
        value = self.bits(128) & ~(0xF << 76) & ~(0x3 << 62) | 4 << 76 | 2 << 62
        text = f"{value:032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
