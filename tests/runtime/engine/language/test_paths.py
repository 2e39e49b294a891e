"""Reference paths name one place, to read and to write. All paths: their beginnings, and texts that are none."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from stepwell.runtime.engine.language.paths import Path, PathMissing, PathSyntax, parse, parse_reference, scan, spell
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
    ("$.abc.['def ghi'].[0]", ("abc", "def ghi", 0)),
    ("$[ 'a' ][ 0 ]", ("a", 0)),
    # Examples of the specification, section "Reference Paths":
    ("$.store.book", ("store", "book")),
    ("$.store\\.book", ("store.book",)),
    ("$.\\stor\\e.boo\\k", ("store", "book")),
    ("$.foo.\\.bar", ("foo", ".bar")),
    ("$.foo\\@bar.baz\\[\\[.\\?pretty", ("foo@bar", "baz[[", "?pretty")),
    ("$.&Ж中.\U00010346", ("&Ж中", "\U00010346")),
    ("$.ledgers[0][22][315].foo", ("ledgers", 0, 22, 315, "foo")),
    ("$['store'][0]['book']", ("store", 0, "book")),
]

SELECTING = [
    *("$..a", "$.a..b", "$.*", "$[*]", "$.a[1:2]", "$[-1]", "$[1,2]", "$['a','b']", "$.a[?(@.b)]", "$a", "$name.a[0]"),
    *("$$", "$$.a", "$$.a[*]", "$.a[0].*", "$..['a']"),
]
"""Paths, but not reference paths."""

REFUSED = [
    *("", "a", ".a", "$.", "$.a.", "$..", "$...a", "$.a..", "$[a]", "$['a", "$['a]", "$[a']", "$[]", "$[']", "$.a b"),
    *(" $", "$ a", "$.$", "$$$", "$$a", "$.a()", "$[٣]", "$[0.5]", "$[01]", "$[-0]", "@.a", "$.a'b"),
    *("$" + "[0]" * 65, "${a}['b']x", "$name-x", "$1", "$" + "x" * 81, "$.a\\", "$.a[0", "$.a]", "$[0]]", "$[[0]]"),
]


@pytest.mark.parametrize(("text", "steps"), READ)
def test_a_path_is_read(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse(text) == parse_reference(text) == Path(text, steps)
    assert parse(f"${text}") == Path(f"${text}", steps, of_context=True)
    assert parse(f"$name{text[1:]}") == Path(f"$name{text[1:]}", steps, variable="name")


def test_space_behind_a_path_is_nothing() -> None:
    """aws-samples/aws-stepfunctions-examples, app-decompose-for-parallelism: ``"$$.Execution.Name "``."""
    assert parse("$$.Execution.Name \n") == parse("$$.Execution.Name")
    assert parse_reference("$ ") == parse("$")


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_path(text: str) -> None:
    for read in (parse, parse_reference):
        with pytest.raises(PathSyntax):
            read(text)


@pytest.mark.parametrize("text", SELECTING)
def test_what_is_a_path_but_no_reference_path(text: str) -> None:
    assert not parse(text).is_reference
    with pytest.raises(PathSyntax, match="is not a reference path: it must name one place of the state's own data"):
        parse_reference(text)
    with pytest.raises(PathMissing, match="Unable to apply the path"):
        parse(text).put({"a": {}}, 9)


@pytest.mark.parametrize(
    "text",
    [
        "$['" + "x" * 500_000,
        "$['" + "x" * 500_000 + "']",
        "$" + ".a" * 500_000,
        "$" + "['a']" * 200_000 + " x",
        "$" + "[*]" * 200_000,
        "$" + ".." * 200_000,
        "$[" + "'\\" * 200_000,
        "$" + "[" * 500_000,
        "$[?" + "(" * 1300 + "@.a" + ")" * 1300 + "]",
        "$[?" + "!" * 4000 + "@.a]",
        "$[?" + "@.a[?" * 600 + "@.b" + "]" * 601,
        "$[?" + "@.a&&" * 800 + "@.a]",
        "$[?(@.a == '" + "x" * 500_000 + "')]",
    ],
    ids=lambda text: text[:24],
)
def test_a_hostile_path_is_refused_in_time_that_grows_with_its_length(text: str) -> None:
    with pytest.raises(PathSyntax) as fault:
        parse(text)
    assert len(str(fault.value)) < 400


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

MISSING = [
    "$.a.b[1234567890]",
    "$.b",
    "$.a.c",
    "$.a.b[2]",
    "$.a[0]",
    "$.a.b.c",
    "$[0]",
    "$.n.x",
    "$.1.x",
    "$.1[0]",
    "$$.a",
    "$$.State.Nope",
]


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
    for text, steps in READ:
        if not any(isinstance(step, int) for step in steps):
            assert parse(text).get(parse(text).put({}, [7])) == [7]


def test_any_names_are_spelled_and_read_back() -> None:
    dice = Random(0)
    for _ in range(200):
        names = ["".join(dice.choices([*KEYS, "'", "\\", "]", "\n"], k=4)) for _ in range(3)]
        assert parse(spell(*names)).steps == tuple(names)


VARIABLES: dict[str, Json] = {"n": {"a": [1, 2]}, "zero": 0, "none": None, "größe_2": [[3]]}

ASSIGNED = [
    ("$n.a[1]", 2),
    ("$n", {"a": [1, 2]}),
    ("$zero", 0),
    ("$none", None),
    ("$größe_2[0][0]", 3),
    ("$n.a[*]", [1, 2]),
]


@pytest.mark.parametrize(("text", "value"), ASSIGNED)
def test_a_variable_is_read(text: str, value: Json) -> None:
    assert parse(text).get({"n": 9}, {"n": 9}, VARIABLES) == value


def test_a_variable_that_is_not_assigned_is_missing() -> None:
    for variables in (None, {}, VARIABLES):
        with pytest.raises(PathMissing, match=r"'\$x\.a' names the variable 'x', which is not assigned"):
            parse("$x.a").get({"x": {"a": 1}}, {"x": {"a": 1}}, variables)
    with pytest.raises(PathMissing, match=r"'\$n\.b' is not in the input"):
        parse("$n.b").get({}, {}, VARIABLES)


def test_a_function_is_refused_with_what_to_use_instead() -> None:
    with pytest.raises(PathSyntax, match=r"what is '\(\)'\? Paths have no functions: .* States\.ArrayLength"):
        parse("$.a.length()")


def test_a_path_is_found_inside_a_text() -> None:
    assert scan("f($.a['b,c)'], 1)", 2) == (Path("$.a['b,c)']", ("a", "b,c)")), 13)
    assert scan(" " * 5000 + "$.a", 5000) == (Path("$.a", ("a",)), 5003)
    filtered = "$.a[?(@.b == ')],' && @.c[0] > 1)].d"
    assert scan(f"f({filtered}, 1)", 2) == (parse(filtered), 2 + len(filtered))
    with pytest.raises(PathSyntax, match="does not begin with"):
        scan("f($)", 1)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"""$['a\"b']""", r"a\"b"),
        (r"""$['a"b']""", 'a"b'),
        (r"""$['a\'b']""", "a'b"),
        (r"""$['a\\b']""", r"a\b"),
        (r"""$['a\\\"b']""", 'a\\\\"b'),
        (r"""$["a\"b"]""", 'a"b'),
    ],
)
def test_a_backslash_before_a_double_quote_in_single_quotes_is_part_of_the_name(path: str, name: str):
    assert parse(path).steps == (name,)
