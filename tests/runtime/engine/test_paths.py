"""Reference paths name one place, which can be read and written."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from runtime.engine.paths import Path, PathMissing, PathSyntax, parse, scan, spell
from tests.runtime.engine.random_machines import KEYS

Json = Any

READ: list[tuple[str, tuple[str | int, ...]]] = [
    ("$", ()),
    ("$.a", ("a",)),
    ("$.a.b.c", ("a", "b", "c")),
    ("$.a-b_c.é日", ("a-b_c", "é日")),
    ("$[0]", (0,)),
    ("$[0][12].a[3]", (0, 12, "a", 3)),
    ("$['a b']", ("a b",)),
    ("$['a.b'].c['d']", ("a.b", "c", "d")),
    ("$['']", ("",)),
    ("$['it\\'s']", ("it's",)),
    ("$['a\\\\']['b']", ("a\\", "b")),
    ('$["a b"]', ("a b",)),
    ('$["a\\"b\'c"]', ("a\"b'c",)),
    ("$['a, (b) [c]']", ("a, (b) [c]",)),
    ("$['a\nb']", ("a\nb",)),
]

REFUSED = [
    *(
        "",
        "a",
        ".a",
        "$a",
        "$.",
        "$..a",
        "$.a.",
        "$.a..b",
        "$.*",
        "$[*]",
        "$.a[1:2]",
        "$[-1]",
        "$[1,2]",
        "$[a]",
        "$['a",
    ),
    *("$['a]", "$[a']", "$[]", "$[']", "$.a b", " $", "$ ", "$.a[?(@.b)]", "$.$", "$$$", "$.a()", "$[٣]", "$[0.5]"),
    *("$[1234567890]", "$" + "[0]" * 65, "@.a", "$.a'b", "${a}['b']x"),
]


@pytest.mark.parametrize(("text", "steps"), READ)
def test_a_path_is_read(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse(text) == Path(text, steps)
    assert parse(f"${text}") == Path(f"${text}", steps, of_context=True)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_reference_path(text: str) -> None:
    with pytest.raises(PathSyntax):
        parse(text)


@pytest.mark.parametrize("text", ["$['" + "x" * 500_000, "$" + ".a" * 500_000, "$" + "['a']" * 200_000 + " x"])
def test_a_hostile_path_is_refused_in_time_that_grows_with_its_length(text: str) -> None:
    with pytest.raises(PathSyntax) as fault:
        parse(text)
    assert len(str(fault.value)) < 250


DOCUMENT = {"a": {"b": [10, {"c": None}]}, "x y": 0, "": False, "1": "one", "n": None}

GOT = [
    ("$", DOCUMENT),
    ("$.a.b[0]", 10),
    ("$.a.b[1].c", None),
    ("$['x y']", 0),
    ("$['']", False),
    ("$.1", "one"),
    ("$$.State.Name", "S"),
    ("$$", {"State": {"Name": "S"}}),
]

MISSING = ["$.b", "$.a.c", "$.a.b[2]", "$.a[0]", "$.a.b.c", "$[0]", "$.n.x", "$.1.x", "$.1[0]", "$$.a", "$$.State.Nope"]


@pytest.mark.parametrize(("text", "value"), GOT)
def test_a_value_is_got(text: str, value: Json) -> None:
    assert parse(text).get(DOCUMENT, {"State": {"Name": "S"}}) == value


@pytest.mark.parametrize("text", MISSING)
def test_a_missing_value_is_no_null(text: str) -> None:
    with pytest.raises(PathMissing, match="is not in the input"):
        parse(text).get(DOCUMENT, {"State": {"Name": "S"}})


PUT = [
    ({"a": 1}, "$", 9),
    ({}, "$.a", {"a": 9}),
    ({"a": 1, "b": 2}, "$.a", {"a": 9, "b": 2}),
    ({}, "$.a.b.c", {"a": {"b": {"c": 9}}}),
    ({"a": {"x": 1}}, "$.a.b", {"a": {"x": 1, "b": 9}}),
    ([1, 2, 3], "$[1]", [1, 9, 3]),
    ({"a": [{"b": 1}, 0]}, "$.a[0].c", {"a": [{"b": 1, "c": 9}, 0]}),
    ({}, "$['x y']['']", {"x y": {"": 9}}),
]

NOT_PUT: list[tuple[Json, str]] = [
    ([], "$.a"),
    ("text", "$.a"),
    (None, "$.a"),
    ({"a": 1}, "$.a.b"),
    ({"a": None}, "$.a.b"),
    ([1], "$[1]"),
]
NOT_PUT += [({}, "$[0]"), ({}, "$.a[0]"), ({"a": []}, "$.a.b")]


@pytest.mark.parametrize(("document", "text", "after"), PUT)
def test_a_value_is_put_into_a_copy(document: Json, text: str, after: Json) -> None:
    before = repr(document)
    assert parse(text).put(document, 9) == after
    assert repr(document) == before


def test_a_value_that_is_put_keeps_the_order_of_the_members() -> None:
    assert list(parse("$.b").put({"c": 1, "b": 2, "a": 3}, 9)) == ["c", "b", "a"]


@pytest.mark.parametrize(("document", "text"), NOT_PUT)
def test_what_cannot_be_put_is_said(document: Json, text: str) -> None:
    with pytest.raises(PathMissing, match="Unable to apply the path"):
        parse(text).put(document, 9)


def test_what_was_put_is_got() -> None:
    for text, _ in READ:
        if "[0]" not in text:
            assert parse(text).get(parse(text).put({}, [7])) == [7]


def test_any_names_are_spelled_and_read_back() -> None:
    dice = Random(0)
    for _ in range(200):
        names = ["".join(dice.choices([*KEYS, "'", "\\", "]", "\n"], k=4)) for _ in range(3)]
        assert parse(spell(*names)).steps == tuple(names)


def test_a_path_is_found_inside_a_text() -> None:
    assert scan("f($.a['b,c)'], 1)", 2) == (Path("$.a['b,c)']", ("a", "b,c)")), 13)
    with pytest.raises(PathSyntax, match="does not begin with"):
        scan("f($)", 1)
