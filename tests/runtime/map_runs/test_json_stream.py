"""Reading a JSON text piece by piece gives the same values as reading it at once."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest

from stepwell.runtime.map_runs import json_stream
from stepwell.runtime.map_runs.json_stream import Malformed, Tokens

Json = Any

LARGEST = 1 << 20


def tokens(text: str, offset: int = 0) -> Tokens:
    return Tokens(io.BytesIO(text.encode()), offset, LARGEST)


def items(text: str) -> list[Json]:
    one = tokens(text)
    one.next()
    found = []
    while (token := one.item(b"[", is_first=not found)) is not None:
        found.append(json.loads(one.text(token)))
    one.expect_end()
    return found


def some(dice: random.Random, deep: int = 0) -> Json:
    kind = dice.randrange(4 if deep > 3 else 6)
    if kind == 0:
        return "".join(dice.choice('a"\\é{}[],: \n😀') for _ in range(dice.randrange(9)))
    if kind == 1:
        return dice.choice([True, False, None, 0, -1.5e10, 123456789])
    if kind == 4:
        return [some(dice, deep + 1) for _ in range(dice.randrange(4))]
    if kind == 5:
        return {str(number): some(dice, deep + 1) for number in range(dice.randrange(4))}
    return dice.random()


@pytest.mark.parametrize("chunk", [1, 2, 7, 4096])
def test_any_list_is_read_as_it_is_however_it_is_cut(chunk: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    dice = random.Random(7)
    for indent in (None, 1) * 20:
        value = [some(dice) for _ in range(dice.randrange(6))]
        for is_ascii in (True, False):
            assert items(json.dumps(value, indent=indent, ensure_ascii=is_ascii)) == value


def test_one_may_go_on_behind_an_item():
    text = '[{"a": [1, "]"]}, 2, "x"]'
    one = tokens(text)
    one.next()
    one.text(one.item(b"[", is_first=True) or b"")
    other = tokens(text, one.offset)
    assert other.text(other.item(b"[", is_first=False) or b"") == b"2"
    assert other.text(other.item(b"[", is_first=False) or b"") == b'"x"'
    assert other.item(b"[", is_first=False) is None


@pytest.mark.parametrize(
    ("names", "value"), [(["a", "b"], b"7"), (["a", "l", "1"], b'"y"'), (["a", "l", "3"], None), (["c"], None)]
)
def test_a_value_is_found_by_the_way_to_it(names: list[str], value: bytes | None):
    one = tokens('{"x": {"b": 0}, "a": {"l": ["x", "y", []], "b": 7}}')
    found = all(one.enter(name) for name in names)
    assert (one.text(one.next()) if found else None) == value


@pytest.mark.parametrize("text", ["[1 2]", "[1,]", "[,1]", "[1", '["x', "[1] 2", "[1}", "[[1]", "[:1]"])
def test_what_is_no_list_is_refused(text: str):
    with pytest.raises(Malformed):
        items(text)


@pytest.mark.parametrize("text", ['{"a" 1}', "{1: 2}", "{[]: 2}", '{"a": 1 "b": 2}'])
def test_what_is_no_object_is_refused(text: str):
    one = tokens(text)
    with pytest.raises(Malformed):
        one.enter("b")


def test_a_value_that_is_too_large_is_refused_before_all_of_it_is_read():
    file = io.BytesIO(b'["' + b"x" * (8 * LARGEST) + b'"]')
    one = Tokens(file, 0, LARGEST)
    one.next()
    with pytest.raises(Malformed, match="more than"):
        one.item(b"[", is_first=True)
    assert file.tell() < 4 * LARGEST
