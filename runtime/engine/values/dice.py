"""Random numbers as values: the same seed gives the same numbers, so a transition can be repeated."""

from __future__ import annotations

from hashlib import blake2b


class Dice:
    """A sequence of random numbers that depends on the seed and the salt alone.

    One seed may serve many places, each with its own salt. Nothing here is fit for a secret.
    """

    def __init__(self, seed: int, salt: str = "") -> None:
        self._seed = seed
        self._salt = salt
        self._drawn = 0

    def bits(self, count: int) -> int:
        """A random whole number of ``count`` bits, 512 at most."""
        drawn = blake2b(f"{self._seed}/{self._salt}/{self._drawn}".encode()).digest()
        self._drawn += 1
        return int.from_bytes(drawn, "big") >> (512 - count)

    def fraction(self) -> float:
        """A random number in [0, 1), to the precision of a double."""
        return self.bits(53) / (1 << 53)

    def uuid(self) -> str:
        """A random UUID, version 4 (RFC 9562)."""
        value = self.bits(128) & ~(0xF << 76) & ~(0x3 << 62) | 4 << 76 | 2 << 62
        text = f"{value:032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
