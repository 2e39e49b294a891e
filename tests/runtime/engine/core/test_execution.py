"""The path of a frame names its place."""

from __future__ import annotations

import pytest

from stepwell.runtime.engine.core.execution import branch_of, child_path, is_below, parent_of


@pytest.mark.parametrize(
    ("parent", "entry", "branch", "path"),
    [("", 5, 0, "5.0"), ("5.0", 9, 2, "5.0/9.2"), ("5.10/9.2", 12, 11, "5.10/9.2/12.11")],
)
def test_a_path_is_made_and_taken_apart(parent: str, entry: int, branch: int, path: str) -> None:
    assert child_path(parent, entry, branch) == path
    assert (parent_of(path), branch_of(path)) == (parent, branch)


@pytest.mark.parametrize(
    ("path", "ancestor", "below"),
    [
        ("5.0", "", True),
        ("5.0/9.1", "", True),
        ("5.0/9.1", "5.0", True),
        ("5.0/9.1/12.0", "5.0", True),
        ("", "", False),
        ("5.0", "5.0", False),
        ("", "5.0", False),
        ("5.10", "5.1", False),
        ("5.10/9.0", "5.1", False),
        ("5.0", "5.0/9.1", False),
    ],
)
def test_which_frames_stand_below_another(path: str, ancestor: str, below: bool) -> None:
    assert is_below(path, ancestor) is below
