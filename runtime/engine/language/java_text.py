"""Java's behaviour where AWS shows it: the order of sets, the text of numbers, the draws of java.util.Random.

Sources: the documentation of java.lang and java.util, which fixes ``hashCode`` of texts, numbers, lists and maps and
the algorithms of Random. A HashSet is iterated bucket by bucket in the JDK since Java 8.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from stepwell.runtime.engine.values.jsontext import Json

_MULTIPLIER, _INCREMENT, _MASK = 0x5DEECE66D, 0xB, (1 << 48) - 1
_HALF = 1 << 31


def set_order(elements: Sequence[Json], added: int) -> list[Json]:
    """Distinct elements in the order of a HashSet that was made from ``added`` elements."""
    buckets = 16
    while buckets < added / 0.75 + 1:
        buckets *= 2
    return sorted(elements, key=lambda one: _spread(hash_code(one)) % buckets)


def hash_code(value: Json) -> int:
    """``hashCode()`` as an unsigned number of 32 bits."""
    if isinstance(value, bool):
        return 1231 if value else 1237
    if isinstance(value, str):
        units = value.encode("utf-16-be")
        return _folded(0, (high << 8 | low for high, low in zip(units[::2], units[1::2], strict=True)))
    if isinstance(value, list):
        return _folded(1, map(hash_code, value))
    if isinstance(value, dict):
        return sum(hash_code(name) ^ hash_code(one) for name, one in value.items()) % (1 << 32)
    return 0 if value is None else _of_number(value)


def text_of(value: float) -> str:
    """``String.valueOf`` of a number. A double below 0.001, or from ten million on, has an exponent."""
    text = repr(value)
    if isinstance(value, int) or 1e-3 <= abs(value) < 1e7 or value == 0:
        return text
    shortest = next(one for one in (f"{value:.{places}e}" for places in range(1, 18)) if float(one) == value)
    digits, _, power = shortest.partition("e")
    return f"{digits}E{int(power)}"


def next_int(seed: int, start: int, end: int) -> int:
    """``start + new Random(seed).nextInt(end - start)``. For a span of 2^31 or more, the first draw between the two."""
    drawn, span = _draws(seed), end - start
    if span >= _HALF:
        return next(one for one in (_signed(bits) for bits in drawn) if start <= one < end)
    if span & (span - 1) == 0:
        return start + (span * (next(drawn) >> 1) >> 31)
    return start + next(bits % span for bits in (one >> 1 for one in drawn) if bits - bits % span + span - 1 < _HALF)


def fraction(seed: int) -> float:
    """``new Random(seed).nextDouble()``, bit for bit: AWS's ``$random(42)`` is 0.7275636800328681."""
    drawn = _draws(seed)
    return ((next(drawn) >> 6 << 27) + (next(drawn) >> 5)) / (1 << 53)


def _draws(seed: int) -> Iterator[int]:
    """The draws of a Random with this seed: numbers of 32 bits."""
    state = (seed ^ _MULTIPLIER) & _MASK
    while True:
        state = (state * _MULTIPLIER + _INCREMENT) & _MASK
        yield state >> 16


def _signed(bits: int) -> int:
    return bits - (bits >> 31 << 32)


def _spread(code: int) -> int:
    """A hash code as HashMap mixes it before it selects the bucket."""
    return code ^ code >> 16


def _folded(code: int, codes: Iterator[int]) -> int:
    for one in codes:
        code = (31 * code + one) % (1 << 32)
    return code


def _of_number(value: float) -> int:
    """``hashCode()`` of an Integer, a Long or a Double."""
    if isinstance(value, int) and -_HALF <= value < _HALF:
        return value % (1 << 32)
    bits = value % (1 << 64) if isinstance(value, int) else int.from_bytes(struct.pack(">d", value), "big")
    return (bits ^ bits >> 32) % (1 << 32)
