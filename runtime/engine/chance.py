"""Chance as a value: numbers that nobody foresees and that come out the same whenever they are drawn again."""

from __future__ import annotations

import math
from hashlib import blake2b

_MULTIPLIER, _INCREMENT, _MASK = 0x5DEECE66D, 0xB, (1 << 48) - 1


class Chance:
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


def java_fraction(seed: int) -> float:
    """What ``new java.util.Random(seed).nextDouble()`` gives, bit for bit: AWS's ``$random(42)`` is 0.7275636800328681.

    Source: the documentation of java.util.Random, which fixes the algorithm.
    """
    state = (seed ^ _MULTIPLIER) & _MASK
    high = state = (state * _MULTIPLIER + _INCREMENT) & _MASK
    low = (state * _MULTIPLIER + _INCREMENT) & _MASK
    return ((high >> 22 << 27) + (low >> 21)) / (1 << 53)


def between(start: int, end: int, fraction: float) -> int:
    """The whole number that a fraction in [0, 1) points at, from ``start`` up to but not including ``end``."""
    return start + math.floor(fraction * (end - start))
