"""The rules of the crash points: the code passes each, a test dies at each, and the docs describe each."""

from __future__ import annotations

import re

from stepwell.runtime.crashpoints import POINTS
from stepwell.runtime.settings import ROOT
from tests.crash import cases


def test_the_points_are_those_that_the_code_passes():
    files = [path for room in ("db", "emulator", "functions", "runtime") for path in (ROOT / room).rglob("*.py")]
    passed = [point for path in files for point in re.findall(r'\breach\("(.*?)"\)', path.read_text())]
    assert sorted(passed) == sorted(POINTS)


def test_a_process_dies_at_every_point():
    assert {fault.point for _, fault in (case.values for case in cases.ALL)} == set(POINTS)


def test_every_point_is_described():
    shown = re.findall(r"^\| `(\w+\.\w+)` \|", (ROOT / "docs" / "reliability.md").read_text(), re.MULTILINE)
    assert shown == list(POINTS)
