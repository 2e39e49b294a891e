from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from stepwell.functions.contract import instant
from stepwell.functions.dashboard import _times

NOW = datetime(2026, 11, 24, 6, 30, 0, 123_900, tzinfo=timezone(timedelta(hours=2)))


def test_exact_times_are_in_utc():
    assert instant(NOW) == "2026-11-24T04:30:00.123Z"
    assert _times.exact(NOW) == "2026-11-24 04:30:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0.9, "just now"),
        (1, "1 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (86_399, "23 h ago"),
        (90 * 86_400, "90 d ago"),
    ],
)
def test_ago(seconds, words):
    assert _times.ago(NOW - timedelta(seconds=seconds), NOW.astimezone(UTC)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 ms"),
        (0, "0 ms"),
        (0.34, "340 ms"),
        (0.9996, "999 ms"),
        (1, "1.0 s"),
        (9.99, "9.9 s"),
        (10, "10 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (3_605, "1 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_lasting(seconds, words):
    assert _times.lasting(NOW, NOW + timedelta(seconds=seconds)) == words
