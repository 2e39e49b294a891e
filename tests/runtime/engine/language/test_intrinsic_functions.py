"""The results of the 18 intrinsic functions.

"guide": an example of AWS's developer guide, "Intrinsic functions for JSONPath states". "seen": what AWS gave when
LocalStack's tests were recorded (`tests/aws/services/stepfunctions/v2/intrinsic_functions/*.snapshot.json`). "probed":
what it gave in gabrielmoreira/tiny-asl-machine (`tests/conformance/cases/States.*.ts`, their notes, and `.snapshots`).
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import pytest

from stepwell.runtime.engine.language.intrinsic_functions import FUNCTIONS, LARGEST, MOST_CHARACTERS
from stepwell.runtime.engine.language.intrinsics import IntrinsicFault, parse_call
from stepwell.runtime.engine.values.dice import Dice

Json = Any

BIG = "x" * (LARGEST // 2)


def call(text: str, *values: Json, dice: Dice | None = None) -> Json:
    """The result of a call; the values are ``$.a``, ``$.b`` and ``$.c``."""
    return parse_call(text).value(dict(zip("abc", values, strict=False)), {}, {}, dice)


GIVEN: list[tuple[str, str, tuple[Json, ...], Json]] = [
    # Arrays
    ("guide", "States.Array($.a)", (123456,), [123456]),
    ("seen", "States.Array()", (), []),
    ("seen", "States.Array($.a, $.b)", (None, {"Arg1": 1, "Arg2": []}), [None, {"Arg1": 1, "Arg2": []}]),
    ("guide", "States.Array('Foo', 2020, $.a, null)", ({"x": 1},), ["Foo", 2020, {"x": 1}, None]),
    ("guide", "States.ArrayPartition($.a,4)", (list(range(1, 10)),), [[1, 2, 3, 4], [5, 6, 7, 8], [9]]),
    ("seen", "States.ArrayPartition($.a, $.b)", ([], 1), []),
    ("seen", "States.ArrayPartition($.a, $.b)", ([0], 5), [[0]]),
    ("seen", "States.ArrayPartition($.a, $.b)", ([0, 1, 2, 3], 2), [[0, 1], [2, 3]]),
    ("probed", "States.ArrayPartition($.a, 2.6)", ([1, 2, 3, 4, 5],), [[1, 2], [3, 4], [5]]),
    ("probed", "States.ArrayPartition($.a, 2147483647)", ([1, 2, 3],), [[1, 2, 3]]),
    ("guide", "States.ArrayContains($.a, $.b)", ([1, 2, 3, 4, 5, 6, 7, 8, 9], 5), True),
    ("seen", "States.ArrayContains($.a, $.b)", ([], None), False),
    ("seen", "States.ArrayContains($.a, $.b)", ([[1, 2, 3], 2], [1, 2, 3]), True),
    ("seen", "States.ArrayContains($.a, $.b)", ([{"1": 2, "2": []}], {"1": 2, "2": []}), True),
    ("seen", "States.ArrayContains($.a, $.b)", ([{"1": 2, "2": []}], []), False),
    ("seen", "States.ArrayContains($.a, $.b)", ([True, False], False), True),
    ("probed", "States.ArrayContains($.a, $.b)", ([{"a": 1, "b": 2}], {"b": 2, "a": 1}), False),
    ("probed", "States.ArrayContains($.a, true)", (["true", "false", "maybe"],), True),
    ("probed", "States.ArrayContains($.a, $.b)", (["-1", "9007199254740991"], 9007199254740991), True),
    ("no number is a boolean", "States.ArrayContains($.a, $.b)", ([1, 0], True), False),
    ("guide", "States.ArrayRange(1, 9, 2)", (), [1, 3, 5, 7, 9]),
    ("seen", "States.ArrayRange($.a, $.b, $.c)", (0, 10, 3), [0, 3, 6, 9]),
    ("seen", "States.ArrayRange($.a, $.b, $.c)", (1, 9, 9), [1]),
    ("downwards", "States.ArrayRange(3, 1, -1)", (), [3, 2, 1]),
    ("the wrong way", "States.ArrayRange(3, 1, 1)", (), []),
    ("probed", "States.ArrayRange(1.6, 1.4, 1)", (), [1]),
    ("probed", "States.ArrayRange(5.4, -0.6, -2.4)", (), [5, 3, 1]),
    ("guide: at most 1000", "States.ArrayRange(1, 1000, 1)", (), list(range(1, 1001))),
    ("guide", "States.ArrayGetItem($.a, $.b)", ([1, 2, 3, 4, 5, 6, 7, 8, 9], 5), 6),
    ("probed", "States.ArrayGetItem($.a, 1.2)", ([10, 20, 30],), 20),
    ("probed", "States.ArrayGetItem($.a, 999)", ([],), None),
    ("null is an item", "States.ArrayGetItem($.a, 0)", ([None],), None),
    ("guide", "States.ArrayLength($.a)", ([1, 2, 3, 4, 5, 6, 7, 8, 9],), 9),
    ("none", "States.ArrayLength($.a)", ([],), 0),
    ("of a path's list", "States.ArrayLength($.a[?(@.x)])", ([{"x": 1}, {}],), 1),
    ("guide", "States.ArrayUnique($.a)", ([1, 2, 3, 3, 3, 3, 3, 3, 4],), [1, 2, 3, 4]),
    ("probed", "States.ArrayUnique($.a)", ([True, False, True, False],), [False, True]),
    ("probed", "States.ArrayUnique($.a)", ([[1, 2], [1, 2], [2, 1]],), [[2, 1], [1, 2]]),
    ("probed", "States.ArrayUnique($.a)", ([None, None, 1, None],), [None, 1]),
    ("probed", "States.ArrayUnique($.a)", ([1, "1", 1, "01"],), [1, "1", "01"]),
    ("as Java compares", "States.ArrayUnique($.a)", ([1.0, True, 1, "1", None, None, [1], [1]],),
     [1.0, None, [1], 1, "1", True]),
    ("the first stays", "States.ArrayUnique($.a)", ([{"x": 1, "y": 2}, {"y": 2, "x": 1}],), [{"x": 1, "y": 2}]),
    # Encoding
    ("guide", "States.Base64Encode($.a)", ("Data to encode",), "RGF0YSB0byBlbmNvZGU="),
    ("seen", "States.Base64Encode($.a)", ("",), ""),
    ("UTF-8", "States.Base64Encode('é😀')", (), "w6nwn5iA"),
    ("guide", "States.Base64Decode($.a)", ("RGF0YSB0byBlbmNvZGU=",), "Data to encode"),
    ("seen", "States.Base64Decode($.a)", ("",), ""),
    ("MIME", "States.Base64Decode($.a)", ("RGF0YSB0\r\nbyBlbmNvZGU=",), "Data to encode"),
    ("UTF-8", "States.Base64Decode('w6nwn5iA')", (), "é😀"),
    ("probed: as commons-codec has it", "States.Base64Decode('abc')", (), "i\ufffd"),
    ("probed", "States.Base64Decode('ab==cd')", (), "i"),
    ("probed", "States.Base64Decode(' YWJjZA== ')", (), "abcd"),
    ("a digit too many", "States.Base64Decode('YWJjZ')", (), "abc"),
    ("the other alphabet", "States.Base64Decode('4pyT-_8')", (), "✓\ufffd\ufffd"),
    ("probed: shown, then hashed", "States.Hash(123, 'MD5')", (), hashlib.md5(b"123").hexdigest()),
    ("guide", "States.Hash($.a, $.b)", ("input data", "SHA-1"), "aaff4a450a104cd177d28d18d74485e8cae074b7"),
    # JSON
    ("guide", "States.JsonMerge($.a, $.b, false)",
     ({"a": {"a1": 1, "a2": 2}, "b": 2}, {"a": {"a3": 1, "a4": 2}, "c": 3}),
     {"a": {"a3": 1, "a4": 2}, "b": 2, "c": 3}),
    ("seen", "States.JsonMerge(States.StringToJson('{\"constant_in_literal\": \"false\"}'), $.a, false)",
     ({"constant_input_field": "constant_value"},),
     {"constant_in_literal": "false", "constant_input_field": "constant_value"}),
    ("guide", "States.StringToJson($.a)", ('{"foo": "bar"}',), {"foo": "bar"}),
    ("seen", "States.StringToJson($.a)", ("",), None),
    ("seen", "States.StringToJson($.a)", (" ",), None),
    ("seen", "States.StringToJson($.a)", ("-0",), 0),
    ("seen", "States.StringToJson($.a)", ('"HelloWorld"',), "HelloWorld"),
    ("guide", "States.JsonToString($.a)", ({"foo": "bar"},), '{"foo":"bar"}'),
    ("seen", "States.JsonToString($.a)", ([1, 2, "HelloWorld"],), '[1,2,"HelloWorld"]'),
    ("seen", "States.JsonToString($.a)", ("HelloWorld",), '"HelloWorld"'),
    ("seen", "States.JsonToString($.a)", (None,), "null"),
    # Mathematics
    ("guide", "States.MathAdd($.a, $.b)", (111, -1), 110),
    *[("seen", "States.MathAdd($.a, $.b)", (first, second), total) for first, second, total in [
        (-9, 3, -6), (1.49, 1.50, 3), (1.50, 1.51, 4), (-1.49, -1.50, -2), (-1.50, -1.51, -3), (1.49, 0, 1),
        (1.49, -1.49, 0), (1.5, 0, 2), (1.51, 0, 2), (-1.49, 0, -1), (-1.5, 0, -1), (-1.51, 0, -2), (0.5, 0, 1),
        (2.5, 0, 3), (3.5, 0, 4), (-0.5, 0.5, 1), (-0.5, 0, 0), (-2.5, 0, -2), (-3.5, 0, -3),
    ]],
    ("the largest below a half", "States.MathAdd($.a, 0)", (0.49999999999999994,), 0),
    ("probed", "States.MathAdd(1.6, 2.7)", (), 5),
    ("probed", "States.MathAdd(-2147483647, -1)", (), -2147483648),
    *[("probed", f"States.MathRandom({call})", (), number) for call, number in [
        ("1, 100, 42", 63), ("1, 1000, 1", 106), ("1, 1000, 2", 806), ("1, 10, -10", 1), ("-5, 5, 42", -5),
        ("2147483640, 2147483647, 1", 2147483644),
    ]],
    # Texts
    ("guide", "States.StringSplit($.a, $.b)", ("1,2,3,4,5", ","), ["1", "2", "3", "4", "5"]),
    ("guide", "States.StringSplit($.a, $.b)", ("This.is+a,test=string", ".+,="), ["This", "is", "a", "test", "string"]),
    ("seen", "States.StringSplit($.a, $.b)", (", , ,", ","), [" ", " "]),
    ("seen", "States.StringSplit($.a, $.b)", (",,,,", ","), []),
    ("seen", "States.StringSplit('Hello\nWorld', '\n')", (), ["Hello", "World"]),
    ("seen", "States.StringSplit($.a, $.b)", ("split on T and \nnew line", "T\n"), ["split on ", " and ", "new line"]),
    ("no regular expression", "States.StringSplit($.a, $.b)", ("a^b]c\\d-e.f", "^]\\-"), ["a", "b", "c", "d", "e.f"]),
    ("nothing splits", "States.StringSplit($.a, '')", ("ab",), ["ab"]),
    ("guide", "States.Format('Hello, my name is {}.', $.a)", ("Arnav",), "Hello, my name is Arnav."),
    ("guide", "States.Format($.a, $.b)", ("Hello, my name is {}.", "Arnav"), "Hello, my name is Arnav."),
    ("seen", "States.Format('fst={} and snd={}.', $.a, $.b)", ({"Arg1": 1, "Arg2": []}, 1.1),
     "fst={Arg1=1, Arg2=[]} and snd=1.1."),
    ("as Java shows it", "States.Format('{}', $.a)", ({"x": [None, True, "a b", {}, {"y": -2}]},),
     "{x=[null, true, a b, {}, {y=-2}]}"),
    ("seen", "States.Format('{}', $.a)", ('{"Arg1": 1, "Arg2": []}',), '{"Arg1": 1, "Arg2": []}'),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text", "values", "given"), GIVEN)
def test_a_function_gives(source: str, text: str, values: tuple[Json, ...], given: Json) -> None:
    found = call(text, *values, dice=Dice(7))
    assert (found, repr(found)) == (given, repr(given)), source


@pytest.mark.parametrize("name", ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"])
def test_the_algorithms_of_hash(name: str) -> None:
    assert call("States.Hash('é', $.a)", name) == hashlib.new(name.replace("SHA-1", "SHA1"), "é".encode()).hexdigest()


REFUSED: list[tuple[str, tuple[Json, ...]]] = [
    ("States.ArrayPartition($.a, 0)", ([1],)),
    ("States.ArrayPartition($.a, 0.6)", ([1],)),
    ("States.ArrayPartition($.a, -1)", ([1],)),
    ("States.ArrayPartition($.a, '2')", ([1],)),
    ("States.ArrayPartition($.a, true)", ([1],)),
    ("States.ArrayPartition($.a, 2)", ("text",)),
    ("States.ArrayContains($.a, 2)", ({"x": 2},)),
    ("States.ArrayRange(1, 2, 0)", ()),
    ("States.ArrayRange(1, 2, 0.9)", ()),
    ("States.ArrayRange(1, 1001, 1)", ()),
    ("States.ArrayRange(0, $.a, 1)", (2**31 - 1,)),
    ("States.ArrayRange(1, null, 1)", ()),
    ("States.ArrayRange(1e300, 1, 1)", ()),
    ("States.ArrayRange(3000000000, 3000000001, 1)", ()),
    ("States.ArrayGetItem($.a, 1)", ([1],)),
    ("States.ArrayGetItem($.a, -1)", ([1],)),
    ("States.ArrayGetItem($.a, 'x')", ([1],)),
    ("States.ArrayLength($.a)", ("text",)),
    ("States.ArrayUnique($.a)", (None,)),
    ("States.Base64Encode($.a)", ("x" * (MOST_CHARACTERS + 1),)),
    ("States.Base64Decode($.a)", ("x" * (MOST_CHARACTERS + 1),)),
    ("States.Base64Encode(7)", ()),
    ("States.Base64Decode(7)", ()),
    ("States.Base64Decode('AA==')", ()),  # the character NUL, which nothing here holds
    ("States.Hash('x', 'SHA-2')", ()),
    ("States.Hash('x', 'md5')", ()),
    ("States.Hash('x', $.a)", ([],)),
    ("States.Hash($.a, 'MD5')", ("x" * (MOST_CHARACTERS + 1),)),
    ("States.MathAdd('1', 1)", ()),
    ("States.MathAdd(1, true)", ()),
    ("States.MathAdd(2147483647, 1)", ()),
    ("States.MathAdd(3000000000, -1000000000)", ()),
    ("States.MathRandom(2, 2)", ()),
    ("States.MathRandom(2, 1)", ()),
    ("States.MathRandom(1.4, 1.6)", ()),
    ("States.MathRandom(1, 2, 'x')", ()),
    ("States.StringSplit(1, ',')", ()),
    ("States.StringSplit('x', 1)", ()),
    ("States.Format('{}{}{}', $.a, $.a, $.a)", (BIG,)),
    ("States.Format('{}', $.a)", ([BIG, BIG, BIG],)),
    ("States.JsonToString($.a)", ([BIG, BIG, BIG],)),
    ("States.JsonToString($.a)", ({"k" * LARGEST: 1, "l" * LARGEST: 1},)),
    ("States.ArrayUnique($.a)", ([BIG, BIG, BIG],)),
    ("States.ArrayContains($.a, $.b)", ([], [BIG, BIG, BIG])),
]


@pytest.mark.parametrize(("text", "values"), REFUSED)
def test_what_a_function_cannot_take(text: str, values: tuple[Json, ...]) -> None:
    with pytest.raises(IntrinsicFault) as fault:
        call(text, *values, dice=Dice(1))
    assert str(fault.value) == f"Invalid arguments in {text.split('(', 1)[0]}"


def test_the_longest_text_that_is_encoded_decoded_and_hashed() -> None:
    longest = "A" * MOST_CHARACTERS
    assert len(call("States.Base64Encode($.a)", longest)) == 13336
    assert len(call("States.Hash($.a, 'MD5')", longest)) == 32


def test_what_is_shared_a_thousand_times_is_not_written_a_thousand_times() -> None:
    shared = {"x": BIG}
    for function in ("JsonToString", "ArrayUnique"):
        with pytest.raises(IntrinsicFault):
            call(f"States.{function}($.a[*])", [shared] * 1000)


DRAWING = ["States.UUID()", "States.MathRandom(1, 999)"]


@pytest.mark.parametrize("text", DRAWING)
def test_what_is_drawn_is_the_same_again_from_the_same_chance(text: str) -> None:
    first, again = Dice(7, "x"), Dice(7, "x")
    drawn = [call(text, dice=first) for _ in range(5)]
    assert drawn == [call(text, dice=again) for _ in range(5)]
    assert len(set(drawn)) == 5


@pytest.mark.parametrize("text", [*DRAWING, "States.Array(States.UUID())"])
def test_nothing_is_drawn_where_no_chance_was_handed_in(text: str) -> None:
    with pytest.raises(IntrinsicFault, match=r"^there are no dice to draw from here$"):
        call(text)


def test_calls_that_stand_in_one_another_draw_from_one_chance() -> None:
    first, second = call("States.Array(States.UUID(), States.UUID())", dice=Dice(1))
    assert first != second


def test_a_random_number_lies_from_the_start_up_to_the_end_without_it() -> None:
    dice = Dice(5)
    drawn = [call("States.MathRandom(-2, 3)", dice=dice) for _ in range(500)]
    assert set(drawn) == {-2, -1, 0, 1, 2}
    assert {call("States.MathRandom(1.6, 3.4)", dice=dice) for _ in range(50)} == {1, 2}


def test_all_18_functions_are_there_and_each_is_tried() -> None:
    assert len(FUNCTIONS) == 18
    assert all(one < other for one, other in pairwise(FUNCTIONS))
    tried = [text for _, text, _, _ in GIVEN] + DRAWING
    assert {name for name in FUNCTIONS if any(text.startswith(f"{name}(") for text in tried)} == set(FUNCTIONS)
