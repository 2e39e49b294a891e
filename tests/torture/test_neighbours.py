"""The judgement on healthy executions beside hostile neighbours."""

from __future__ import annotations

import json

import pytest

from tests.torture.neighbours import ACTIVITY, Report, percentile, request, text

ALONE = [0.02] * 99 + [0.1]


@pytest.mark.parametrize(
    ("beside", "lost", "is_kept"),
    [([0.05] * 100, 0, True), ([0.05] * 90 + [0.9] * 10, 0, False), ([0.05] * 100, 1, False)],
)
def test_a_run_is_kept_if_the_slowest_are_not_much_slower_and_none_is_lost(
    beside: list[float], lost: int, is_kept: bool
) -> None:
    assert Report(ALONE, beside, lost, ()).is_kept is is_kept


def test_a_run_without_healthy_executions_beside_neighbours_is_not_kept() -> None:
    report = Report(ALONE, [], 5, ["budget eaters"])
    assert not report.is_kept and "none" in text(report)


def test_the_table_says_what_came() -> None:
    shown = text(Report(ALONE, [0.04] * 100, 0, ["poison timers", "poison timers"]))
    assert "| latency, 50th percentile | 20 ms | 40 ms (2.0 times) |  |" in shown
    assert "2 x poison timers, 0 x budget eaters" in shown
    assert percentile(ALONE, 50) == 0.02


def test_a_request_is_whole() -> None:
    head, _, body = request("GetActivityTask", ACTIVITY).partition(b"\r\n\r\n")
    assert json.loads(body) == ACTIVITY and f"Content-Length: {len(body)}".encode() in head
