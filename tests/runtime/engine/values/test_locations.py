"""A location has a JSONPath, a JSON Pointer and AWS's notation; the first two lead back to it."""

from __future__ import annotations

import random
from typing import Any

import jsonpath
import pytest

from stepwell.runtime.engine.values.locations import ROOT, Location, Step

WRITTEN = [
    (ROOT, "$", "", "/"),
    (ROOT / "States" / "A", "$.States.A", "/States/A", "/States/A"),
    (ROOT / ("Catch", 0, "Next"), "$.Catch[0].Next", "/Catch/0/Next", "/Catch[0]/Next"),
    (ROOT / "Wait 20s", "$['Wait 20s']", "/Wait 20s", "/Wait 20s"),
    (ROOT / "a.b" / "c[0]", "$['a.b']['c[0]']", "/a.b/c[0]", "/a.b/c[0]"),
    (ROOT / "it's\\" / "a/b~c", r"$['it\'s\\']['a/b~c']", "/it's\\/a~1b~0c", "/it's\\/a/b~c"),
    (ROOT / "größe" / "1st" / "", "$.größe['1st']['']", "/größe/1st/", "/größe/1st/"),
    (ROOT / ("x" * 101), f"$['{'x' * 100}...']", f"/{'x' * 100}...", f"/{'x' * 100}..."),
]


@pytest.mark.parametrize(("place", "path", "pointer", "location"), WRITTEN, ids=[row[1][:20] for row in WRITTEN])
def test_written(place: Location, path: str, pointer: str, location: str) -> None:
    assert (str(place), place.pointer, place.aws_location) == (path, pointer, location)


@pytest.mark.parametrize("seed", range(200))
def test_paths_and_pointers_lead_to_the_place(seed: int) -> None:
    """Independent libraries read both notations."""
    dice = random.Random(seed)
    steps: list[Step] = [
        dice.choice([0, 2, "a", "b c", "d.e", "f/g", "h~1", "i'j", "k\\", "[0]", "ü"]) for _ in range(4)
    ]
    document: Any = "here"
    for step in reversed(steps):
        document = {step: document} if isinstance(step, str) else [None] * step + [document]
    place = ROOT / tuple(steps)
    assert jsonpath.findall(str(place), document) == ["here"]
    assert jsonpath.JSONPointer(place.pointer, unicode_escape=False).resolve(document) == "here"
