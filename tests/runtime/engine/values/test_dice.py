"""Dice are values: the same seed gives the same numbers, and they are evenly spread."""

from __future__ import annotations

import re
from statistics import fmean

import pytest

from stepwell.runtime.engine.values.dice import Dice


def test_draws_depend_on_seed_and_salt_and_their_number_alone() -> None:
    first, again, other, salted = Dice(7, "a"), Dice(7, "a"), Dice(8, "a"), Dice(7, "b")
    drawn = [first.bits(64) for _ in range(5)]
    assert drawn == [again.bits(64) for _ in range(5)]
    assert len({*drawn, *(other.bits(64) for _ in range(5)), *(salted.bits(64) for _ in range(5))}) == 15


def test_bits_are_as_many_as_asked_for() -> None:
    dice = Dice(1)
    for count in (1, 53, 64, 512):
        drawn = [dice.bits(count) for _ in range(200)]
        assert 0 <= min(drawn) and 2 ** (count - 1) <= max(drawn) < 2**count


def test_fractions_are_even() -> None:
    dice = Dice(3)
    drawn = [dice.fraction() for _ in range(4000)]
    assert 0 <= min(drawn) < 0.01 and 0.99 < max(drawn) < 1
    assert fmean(drawn) == pytest.approx(0.5, abs=0.02)


def test_a_uuid_is_of_version_4() -> None:
    dice = Dice(9)
    drawn = [dice.uuid() for _ in range(200)]
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one) for one in drawn
    )
    assert len(set(drawn)) == 200
    assert {one[19] for one in drawn} == set("89ab")
