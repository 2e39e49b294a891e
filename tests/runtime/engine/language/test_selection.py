"""JSONPath beyond reference paths, for reading: the selections, and the grammar that AWS lacks.

Sources: AWS's developer guide, "Using JSONPath paths"; Goessner's article "JSONPath - XPath for JSON", whose store of
books this is; the README of Jayway JsonPath, which AWS runs; RFC 9535 for the rest.
"""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.language.paths import PathMissing, PathSyntax, parse
from stepwell.runtime.engine.language.selection import MOST_LOOKED_AT, Descent, Every, Reading, TooMuch, select

Json = Any

SAYINGS: Json = {"category": "reference", "author": "Rees", "title": "Sayings", "price": 8.95}
SWORD: Json = {"category": "fiction", "author": "Waugh", "title": "Sword", "price": 12.99}
MOBY: Json = {"category": "fiction", "author": "Melville", "title": "Moby", "isbn": "0-553", "price": 8.99}
LORD: Json = {"category": "fiction", "author": "Tolkien", "title": "Lord", "isbn": "0-395", "price": 22.99}
BOOKS = [SAYINGS, SWORD, MOBY, LORD]
BICYCLE = {"color": "red", "price": 19.95}
STORE: Json = {"store": {"book": BOOKS, "bicycle": BICYCLE}, "expensive": 10}

GOESSNER = [
    ("$.store.book[*].author", ["Rees", "Waugh", "Melville", "Tolkien"]),
    ("$..author", ["Rees", "Waugh", "Melville", "Tolkien"]),
    ("$.store.*", [BOOKS, BICYCLE]),
    ("$.store..price", [8.95, 12.99, 8.99, 22.99, 19.95]),
    ("$..book[2]", [MOBY]),
    ("$..book[-1]", [LORD]),
    ("$..book[-1:]", [LORD]),
    ("$..book[0,1]", [SAYINGS, SWORD]),
    ("$..book[:2]", [SAYINGS, SWORD]),
    ("$..book[?(@.isbn)]", [MOBY, LORD]),
    ("$..book[?(@.price<10)]", [SAYINGS, MOBY]),
    ("$.store.book[1:3].title", ["Sword", "Moby"]),
    ("$.store.book[-2:].title", ["Moby", "Lord"]),
    ("$.store.book[:-3].title", ["Sayings"]),
    ("$.store.book[9:]", []),
    ("$.store.book[2:1]", []),
    ("$.store.book[0,-1,9].title", ["Sayings", "Lord"]),
    ("$.store.book[?(@.category == 'fiction' && @.price > 10)].title", ["Sword", "Lord"]),
    ("$.store.book[?(@.author == 'Rees' || @.isbn == '0-395')].title", ["Sayings", "Lord"]),
    ("$.store.book[?(@.category==fiction && @.price > 10)].title", ["Sword", "Lord"]),
    ("$.store.book[?(@.author == Rees || @.title != '== a)' && @.author==nobody )].title", ["Sayings"]),
    ("$.store.book[?(@.price > .5 && @.price<-.5 || @.price == 8.95 || @.title == '> .5')].title", ["Sayings"]),
    ("$.store.book[?(@.price == $.store.bicycle.price)].title", []),
    ("$.store.book[?(@.price < $.store.bicycle.price && @.title != $.store.book[0].title)].title", ["Sword", "Moby"]),
    ("$.store..book[?(@.isbn && $.store['bicycle'].color == 'red')].title", ["Moby", "Lord"]),
    ("$.store.book[?($.store.nope || @.price == $.nope)].title", []),
    ("$.store.book[?(!@.isbn)].title", ["Sayings", "Sword"]),
    ("$.store.book[?(!(@.isbn && @.price > 10))].title", ["Sayings", "Sword", "Moby"]),
    ("$.store.book[?(@.isbn != '0-395')].title", ["Sayings", "Sword", "Moby"]),
    ("$.store.book[?@.price >= 12.99].title", ["Sword", "Lord"]),
    ("$.store[?(@.color == 'red')]", []),
    ("$.store.*[?(@.color == 'red')].price", [19.95]),
    ("$..[?(@.price > 20)].title", ["Lord"]),
    ("$.store..[0].title", ["Sayings"]),
    ("$..*.price", [19.95, 8.95, 12.99, 8.99, 22.99]),
    ("$['store']..['price']", [8.95, 12.99, 8.99, 22.99, 19.95]),
    ("$.['store'].['book'].[*].['title']", ["Sayings", "Sword", "Moby", "Lord"]),
]

THINGS: Json = {
    "jar": [{"a": 1}, {"a": 5}, {"a": 2}, {"a": 7}, {"a": 3}],
    "mixed": [{"v": 1}, {"v": 1.0}, {"v": "1"}, {"v": True}, {"v": None}, {"v": [1]}, {}, 1, "v", None, [1]],
    "ids": [{"id": 9007199254740993}, {"id": 9007199254740992}],
    "odd": [{"a b": 1, "it's": {"x-y": 2}}, {"a b": 3}],
    "deep": [{"tags": [{"k": "x", "v": 1}, {"k": "y", "v": 2}]}, {"tags": [{"k": "y", "v": 3}]}],
    "o": {"x": 1, "y": 2, "z": None},
    "n": None,
    "text": "abc",
    "empty": [],
}

RULES = [
    # The guide's own example.
    ("$.jar[?(@.a >= 5)]", [{"a": 5}, {"a": 7}]),
    # Numbers compare as numbers; no other value counts as one.
    ("$.mixed[?(@.v == 1)]", [{"v": 1}, {"v": 1.0}]),
    ("$.mixed[?(@.v == '1')]", [{"v": "1"}]),
    ("$.mixed[?(@.v == true)]", [{"v": True}]),
    ("$.mixed[?(@.v == null)]", [{"v": None}]),
    ("$.mixed[?(@.v < 2)]", [{"v": 1}, {"v": 1.0}]),
    ("$.mixed[?(@.v <= '1')]", [{"v": "1"}]),
    ("$.mixed[?(@.v >= null)]", []),
    ("$.mixed[?(@.nope <= @.no)]", []),
    ("$.mixed[?(@.v == @.v)].v", [1, 1.0, "1", True, None, [1]]),
    ("$.mixed[?(@.v > false)]", []),
    ("$.mixed[?(@.v)].v", [1, 1.0, "1", True, None, [1]]),
    ("$.mixed[?(@.v[0] == 1)]", [{"v": [1]}]),
    ("$.mixed[?(1 == @.v)]", [{"v": 1}, {"v": 1.0}]),
    ("$.ids[?(@.id == 9007199254740993)]", [{"id": 9007199254740993}]),
    ("$.jar[?(@.a == 5e0)]", [{"a": 5}]),
    # A missing value equals nothing, and a slice with two ends counts up from the first: as in Jayway.
    ("$.ids[?(@.no == @.nope)]", []),
    ("$.ids[?(@.no != @.nope)].id", [9007199254740993, 9007199254740992]),
    ("$.jar[1:-1]", []),
    ("$.jar[-2:0].a", [7, 3]),
    ("$.jar[-9:2].a", [1, 5, 2, 7, 3, 1, 5]),
    # Members of any name.
    ("$.odd[*]['a b']", [1, 3]),
    ("$.odd[*].it\\'s", [{"x-y": 2}]),
    ("$.odd[*]..x-y", [2]),
    ("$.odd[?(@['it\\'s']['x-y'] == 2)]['a b']", [1]),
    # Filters in filters, and paths that select many inside them.
    ("$.deep[?(@.tags[?(@.k == 'x')])].tags[*].v", [1, 2]),
    ("$.deep[?(@..k)].tags[0].v", [1, 3]),
    ("$.deep[*].tags[?(@.k == 'y')].v", [2, 3]),
    ("$.deep[*].tags[-2].v", [1]),
    # An object passes a filter itself.
    ("$.o[?(@.x == 1)]", [{"x": 1, "y": 2, "z": None}]),
    ("$.o[?(@.x == 2)]", []),
    ("$[?(@.text == 'abc')].o.x", [1]),
    # Names in a union: one object at the end of a path, each member on its own before it.
    ("$.o['y','x']", {"y": 2, "x": 1}),
    ("$.o['x','nope','z']", {"x": 1, "z": None}),
    ("$.jar[0:2]['a','b']", [{"a": 1}, {"a": 5}]),
    ("$['o','deep'].x", [1]),
    # A list, even of one or none, also where a step on the way is missing (seen on AWS: localstack issue 12318).
    ("$.o[*]", [1, 2, None]),
    ("$.jar[?(@.a == 7)].a", [7]),
    ("$.empty[*]", []),
    ("$.nope[*].x", []),
    ("$.nope..x", []),
    ("$.n[*]", []),
    ("$.text[*]", []),
    ("$.text[0:1]", []),
    ("$.n[?(@.a)]", []),
    ("$.n[?(!@.a)]", []),
    ("$.jar[9].*", []),
    ("$.o[0,1]", []),
    # A value, where the path names at most one.
    ("$.jar[-1].a", 3),
    ("$.jar[-5]", {"a": 1}),
    ("$.jar[ 1 ].a", 5),
]


@pytest.mark.parametrize(("text", "selected"), GOESSNER)
def test_the_store_of_books(text: str, selected: Json) -> None:
    assert parse(text).get(STORE) == selected


@pytest.mark.parametrize(("text", "selected"), RULES)
def test_the_rules(text: str, selected: Json) -> None:
    given = parse(text).get(THINGS)
    assert (given, repr(given)) == (selected, repr(selected))
    assert parse(text).is_definite is not (isinstance(selected, list) and not text.endswith("]['x']"))


@pytest.mark.parametrize(
    "text", ["$.jar[-6]", "$.o[-1]", "$.text[-1]", "$.n['a','b']", "$.nope['a','b']", "$.jar['a','b']"]
)
def test_a_definite_path_may_be_missing(text: str) -> None:
    assert parse(text).is_definite
    with pytest.raises(PathMissing, match="is not in the input"):
        parse(text).get(THINGS)


def test_the_context_and_variables_are_selected_from_alike() -> None:
    assert parse("$$.jar[?(@.a > 4)].a").get({}, THINGS) == [5, 7]
    assert parse("$v.jar[?(@.a > 4)].a").get({}, {}, {"v": THINGS}) == [5, 7]
    assert parse("$$.jar[?(@.a == $.jar[1].a)].a").get({}, THINGS) == [5]


REFUSED = [
    ("$.a[?(@.b =~ /x.*/)]", "unexpected token"),
    ("$.a[?(@.b in ['x'])]", "unexpected"),
    ("$.a[?(@.b subsetof ['x'])]", "unexpected"),
    ("$.a[?(@.b == $)]", "never @ or $ itself"),
    ("$.a[?($)]", "never @ or $ itself"),
    ("$.a[?(@.b == $.c[*])]", "non-singular query is not comparable"),
    ("$.a[?(@.b == $$.c)]", "unexpected"),
    ("$.a[?(@ > 3)]", "never @ or $ itself"),
    ("$.a[?(@)]", "never @ or $ itself"),
    ("$.a[?(length(@.b) == 1)]", "'length' is not defined"),
    ("$.a[?(match(@.b, 'x'))]", "'match' is not defined"),
    ("$.a[?(@.b.length() > 1)]", "unexpected"),
    ("$.a[?(@.b == x-y)]", "unexpected"),
    ("$.a[?(@.b == x y)]", "unexpected"),
    ("$.a[?(@.b == true y)]", "unexpected"),
    ("$.a[?(@.b = 1)]", "unexpected"),
    ("$.a[?(@.b <> 1)]", "no operator '<>'"),
    ("$.a[?(@.b == @.c[*])]", "non-singular query is not comparable"),
    ("$.a[?(true)]", "must be compared"),
    ("$.a[?()]", "unexpected"),
    ("$.a[?]", "unexpected"),
    ("$.a[(@.length-1)]", "unexpected token"),
    ("$.a[::2]", "a slice has no step"),
    ("$.a[0:4:2]", "a slice has no step"),
    ("$.a['x',0]", "of names or of indexes"),
    ("$.a[0,*]", "of names or of indexes"),
    ("$.a[0,1:2]", "of names or of indexes"),
    ("$..['a','b']", "not for a union"),
    ("$.a[$.b]", "unexpected"),
    ("$.a[9007199254740993,1]", "index out of range"),
    ("$.a[~]", "unexpected"),
    ("$.a[0", "']' is missing"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_aws_has_not_is_refused(text: str, words: str) -> None:
    with pytest.raises(PathSyntax, match="is not a path") as fault:
        parse(text)
    assert words in str(fault.value)


@pytest.mark.parametrize(
    ("begin", "end"), [("!", ""), ("(", ")"), ("@.a&&", ""), ("@.a||", ""), ("@[?", "]")], ids=lambda text: text
)
def test_a_filter_is_nested_no_deeper_than_it_can_be_read(begin: str, end: str) -> None:
    assert parse("$[?" + begin * 99 + "@.a" + end * 99 + "]").get([{"a": 1}]) in ([], [{"a": 1}])
    with pytest.raises(PathSyntax, match="more than 100 brackets and operators"):
        parse("$[?" + begin * 100 + "@.a" + end * 100 + "]")


def test_what_stands_in_quotes_is_no_mark() -> None:
    assert parse(f"$[?(@.a == '{'[(!&&' * 200}')]").get([{"a": "[(!&&" * 200}]) == [{"a": "[(!&&" * 200}]


def nested_lists(depth: int) -> Json:
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("text", ["$" + "..*" * 6, "$[0]..*..*..*..*", "$" + "[0,0,0,0]" * 12])
def test_a_path_looks_at_no_more_than_so_many_values(text: str) -> None:
    with pytest.raises(PathMissing, match="looks at too many values"):
        parse(text).get(nested_lists(200))


def test_a_filter_looks_at_no_more_either() -> None:
    rows = [{"a": [{"b": n} for n in range(1000)]} for _ in range(300)]
    with pytest.raises(PathMissing, match="looks at too many values"):
        parse("$[?(@.a[?(@.b == -1)])]").get(rows)


def test_the_budget_is_spent_to_the_last() -> None:
    everything = (Descent(Every()),)
    assert len(select(nested_lists(10), everything, Reading(None, 21))) == 10
    with pytest.raises(TooMuch):
        select(nested_lists(10), everything, Reading(None, 20))


def test_a_large_document_is_within_the_budget() -> None:
    """The largest payload has 131,072 values, as ``[0,0,...``: each may be looked at and selected."""
    assert MOST_LOOKED_AT > 3 * 131_072
    rows = [{"n": n, "tags": ["x"] * 3} for n in range(20_000)]
    assert len(parse("$..n").get({"rows": rows})) == 20_000
    assert len(parse("$.rows[?(@.n >= 10000)].n").get({"rows": rows})) == 10_000


def test_a_deep_document_is_walked_without_recursion() -> None:
    assert len(parse("$..*").get(nested_lists(5000))) == 5000
