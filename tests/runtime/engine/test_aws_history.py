"""A page of a history has the same events as the whole history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stepwell.runtime.engine import aws_history
from stepwell.runtime.engine.aws_history import Recorded, Setting
from tests.runtime.engine import test_cases as cases

TOLD = [file for file in cases.FILES if "events" in cases.read(file)["expect"]]


@pytest.mark.parametrize("file", TOLD, ids=[file.stem for file in TOLD])
def test_a_page_says_what_the_whole_says(file: Path) -> None:
    case = cases.read(file)
    played = cases.play(case)
    lines, setting = cases.lines_of(played), cases.setting_of(played, case["definition"])
    whole = aws_history.rendered(lines, setting)
    for first in range(1, len(lines)):
        page = aws_history.rendered(lines[first:], after(lines[:first], setting))
        assert page == whole[first:], f"from event {first + 1} on"


def after(lines: Sequence[Recorded], setting: Setting) -> Setting:
    """The setting of a page that follows these lines, as the runtime finds it for GetExecutionHistory."""
    begun = {(one.frame, one.details["index"]): one.id for one in lines if one.type == "MapIterationStarted"}
    before = {one.frame: one.id for one in lines if one.type not in aws_history.ASIDE}
    return replace(setting, before=before, begun=begun, above=lines[-1])


def test_there_are_histories() -> None:
    assert len(TOLD) >= 80
