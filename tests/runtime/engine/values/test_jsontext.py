"""The strict JSON reader accepts exactly what it promises, and says why it refuses the rest."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from stepwell.runtime.engine.values import jsontext

NUL = "\\u0000"
HIGH, LOW = "\\ud83d", "\\ude00"

TAKEN: list[tuple[str, bytes | str, Any]] = [
    ("an object", '{"a": [1, 2.5, "x", true, false, null]}', {"a": [1, 2.5, "x", True, False, None]}),
    ("a scalar", "7", 7),
    ("bytes", '{"naïve": "日本"}'.encode(), {"naïve": "日本"}),
    ("white space around", " \t\r\n[] \n", []),
    ("a key twice, in two objects", '[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
    ("a pair of surrogates", f'"{HIGH}{LOW}"', "\U0001f600"),
    ("a pair of surrogates as a key", f'{{"{HIGH}{LOW}": 1}}', {"\U0001f600": 1}),
    ("an escaped backslash before u0000", '"\\\\u0000"', "\\u0000"),
    ("every escape", r'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
    ("the largest integer", str(2**63 - 1), 2**63 - 1),
    ("the smallest integer", str(-(2**63)), -(2**63)),
    ("the largest double", "1.7976931348623157e308", 1.7976931348623157e308),
    ("a double too small to tell from 0", "1e-999", 0.0),
    ("64 deep", "[" * 64 + "]" * 64, json.loads("[" * 64 + "]" * 64)),
    ("64 deep, of both kinds", '{"a":[' * 32 + "]}" * 32, json.loads('{"a":[' * 32 + "]}" * 32)),
    ("many brackets side by side", "[" + "[]," * 999 + "[]]", [[]] * 1000),
    ("brackets inside a string", '["' + "[{" * 100 + '"]', ["[{" * 100]),
    ("brackets after an escaped quote", '["\\"' + "[" * 100 + '"]', ['"' + "[" * 100]),
    ("brackets before an escaped backslash", '["' + "[" * 100 + '\\\\"]', ["[" * 100 + "\\"]),
]

REFUSED: list[tuple[str, bytes | str, str]] = [
    ("nothing", "", "Expecting value at line 1, column 1"),
    ("a word", "hello", "Expecting value"),
    ("trailing garbage", '{"a": 1} x', "Extra data at line 1, column 10"),
    ("two values", "1 2", "Extra data"),
    ("a trailing comma", "[1,\n]", "at line 2, column 1"),
    ("single quotes", "{'a': 1}", "property name"),
    ("a comment", "[1] // one", "Extra data"),
    ("a key twice", '{"a": 1, "b": 2, "a": 1}', "the key 'a' stands twice in one object"),
    ("a key twice, differently written", '{"a": 1, "\\u0061": 2}', "the key 'a' stands twice"),
    ("a key twice, deep inside", '[[{"b": {"a": 1, "a": 2}}]]', "the key 'a' stands twice"),
    ("NaN", "[NaN]", "NaN is not JSON"),
    ("Infinity", "Infinity", "Infinity is not JSON"),
    ("minus Infinity", '{"a": -Infinity}', "-Infinity is not JSON"),
    ("a number beyond a double", "1e999", "the number 1e999 is too large"),
    ("a negative one", "-1e999", "the number -1e999 is too large"),
    ("a number with 400 digits before its point", "9" * 400 + ".0", "is too large"),
    ("one more than 64 bits", str(2**63), "the number 9223372036854775808 does not fit 64 bits"),
    ("one less than 64 bits", str(-(2**63) - 1), "does not fit 64 bits"),
    ("an integer of 5,000 digits", "1" * 5000, "the number 1{32} does not fit 64 bits"),
    ("a leading zero", "01", "Extra data"),
    ("NUL as an escape", f'"a{NUL}b"', "a string holds the character NUL"),
    ("NUL in a key", f'{{"a{NUL}": 1}}', "the character NUL"),
    ("NUL deep inside", f'[[{{"b": ["{NUL}"]}}]]', "the character NUL"),
    ("NUL as it is", '"a\x00b"', "Invalid control character"),
    ("a new line in a string", '"a\nb"', "Invalid control character"),
    ("a high surrogate alone", f'"{HIGH}"', "half a surrogate pair"),
    ("a low surrogate alone", f'"{LOW}"', "half a surrogate pair"),
    ("a pair the wrong way round", f'"{LOW}{HIGH}"', "half a surrogate pair"),
    ("half a pair in a key", f'{{"{HIGH}": 1}}', "half a surrogate pair"),
    ("half a pair as it is", '"\ud83d"', "half a surrogate pair"),
    ("a surrogate in bytes", b'"\xed\xa0\xbd"', "not UTF-8 at byte 1"),
    ("invalid UTF-8", b'{"a": "\xff"}', "not UTF-8 at byte 7"),
    ("a character cut short", b'"\xe2\x82', "not UTF-8 at byte 1"),
    ("an overlong NUL", b'"\xc0\x80"', "not UTF-8 at byte 1"),
    ("UTF-16", "{}".encode("utf-16"), "not UTF-8 at byte 0"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "begins with a byte order mark"),
    ("65 deep", "[" * 65 + "]" * 65, "nested deeper than 64"),
    ("65 deep, of both kinds", '{"a":[' * 32 + "[]" + "]}" * 32, "nested deeper than 64"),
    ("100,000 brackets", "[" * 100_000, "nested deeper than 64"),
    ("100,000 objects", '{"a":' * 100_000, "nested deeper than 64"),
    ("65 deep behind a string of brackets", '["]]]]",' + "[" * 64 + "]" * 65, "nested deeper than 64"),
    ("more closing than opening", "]" * 100 + "[" * 100, "Expecting value"),
    ("a string without an end", '[" ' + "[" * 100, "Unterminated string"),
    ("one full of escaped quotes, each no new beginning", '["' + '\\"[' * 100_000, "Unterminated string"),
    ("a string that ends in a backslash", "[" * 64 + '"[[\\', "Unterminated string|Invalid"),
]


@pytest.mark.parametrize(("text", "value"), [pytest.param(*case, id=name) for name, *case in TAKEN])
def test_it_takes(text: bytes | str, value: Any) -> None:
    assert jsontext.read(text) == value


@pytest.mark.parametrize(("text", "why"), [pytest.param(*case, id=name) for name, *case in REFUSED])
def test_it_refuses(text: bytes | str, why: str) -> None:
    with pytest.raises(jsontext.NotJson, match=why):
        jsontext.read(text)


def test_the_depth_can_be_given() -> None:
    assert jsontext.read("[[[]]]", depth=3) == [[[]]]
    with pytest.raises(jsontext.NotJson, match="nested deeper than 2"):
        jsontext.read("[[[]]]", depth=2)


def test_integers_stay_integers_and_doubles_doubles() -> None:
    assert [type(number) for number in jsontext.read("[1, 1.0, 1e2, -0]")] == [int, float, float, int]
    assert math.copysign(1, jsontext.read("-0.0")) == -1


@pytest.mark.parametrize("value", [value for _, _, value in TAKEN], ids=[name for name, *_ in TAKEN])
def test_what_was_read_is_written_and_read_back(value: Any) -> None:
    assert jsontext.read(jsontext.write(value)) == value


def test_it_writes_compactly_in_the_order_given_and_as_utf8() -> None:
    assert jsontext.write({"b": [1, 2.0, None], "a": "naïve 日本"}) == '{"b":[1,2.0,null],"a":"naïve 日本"}'


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        {"a": -math.inf},
        {1, 2},
        b"bytes",
        object(),
        {(1, 2): 3},
        "\ud83d",
        {"\udfff": 1},
        ["a\x00"],
        ("\x00",),
    ],
    ids=lambda value: "an object" if type(value) is object else repr(value),
)
def test_it_does_not_write(value: Any) -> None:
    with pytest.raises(jsontext.NotJson):
        jsontext.write(value)


def test_it_does_not_write_what_holds_itself() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(jsontext.NotJson, match="Circular"):
        jsontext.write(ring)


def test_it_does_not_write_what_is_deeper_than_python_goes() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(jsontext.NotJson):
        jsontext.write(deep)


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("abc", 3), ("é", 2), ("日本", 6), ("\U0001f600", 4), ("\ud83d", 3)]
)
def test_a_size_is_counted_in_bytes_of_utf8(text: str, size: int) -> None:
    assert jsontext.size(text) == size


@pytest.mark.parametrize(
    ("value", "most", "longer"),
    [
        ("abc", 3, False),
        ("abcd", 3, True),
        ({"abcd": 1}, 5, False),
        ({"abcd": 1}, 4, True),
        ([["x" * 5] * 10], 49, True),
        ([1] * 10, 10, False),
        ([1] * 11, 10, True),
        (None, 0, False),
    ],
)
def test_that_a_value_is_too_long_is_told_without_writing_it(value: object, most: int, longer: bool) -> None:
    assert jsontext.is_longer_than(value, most) is longer
