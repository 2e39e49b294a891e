"""Java's own numbers, known from its documentation, from many Java programs, and from AWS's answers."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.language import java_text

Json = Any

CODES: list[tuple[Json, int]] = [
    ("", 0),
    ("hello", 99162322),
    ("Aa", 2112),
    ("BB", 2112),
    ("😀", 1772899),
    (None, 0),
    (True, 1231),
    (False, 1237),
    (-1, 2**32 - 1),
    (2**31, 2**31),
    (-(2**31) - 1, 2**31),
    (1.0, 1072693248),
    (0.0, 0),
    (-0.0, 2**31),
    (1.5, 1073217536),
    ([], 1),
    ([1, 2], 994),
    ([2, 1], 1024),
    ({}, 0),
    ({"a": 1, "b": 2}, 192),
]


@pytest.mark.parametrize(("value", "code"), CODES)
def test_a_hash_code(value: Json, code: int) -> None:
    assert java_text.hash_code(value) == code


def test_a_double_is_drawn_bit_for_bit() -> None:
    """42: AWS's value of ``$random(42)``. 0: a value known from many Java programs."""
    assert java_text.fraction(42) == 0.7275636800328681
    assert java_text.fraction(0) == 0.730967787376657
    assert java_text.fraction(-1) != java_text.fraction(1)


@pytest.mark.parametrize(
    ("seed", "start", "end", "number"),
    [(42, 0, 10, 0), (42, 0, 16, 11), (0, 0, 100, 60), (42, -(2**31), 2**31 - 1, -1170105035)],
)
def test_a_whole_number_is_drawn_as_java_does(seed: int, start: int, end: int, number: int) -> None:
    assert java_text.next_int(seed, start, end) == number


def test_what_would_not_be_even_is_drawn_again() -> None:
    """2^30 + 1 does not divide 2^31: nearly half of the draws are dropped."""
    drawn = [java_text.next_int(seed, 0, 2**30 + 1) for seed in range(100)]
    assert all(0 <= one <= 2**30 for one in drawn) and len(set(drawn)) == 100


def test_a_set_grows_with_what_was_added() -> None:
    assert java_text.set_order([17, 1, 16], 3) == [16, 17, 1]
    assert java_text.set_order([17, 1, 16], 12) == [1, 16, 17]
