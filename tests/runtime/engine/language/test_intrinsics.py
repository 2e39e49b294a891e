"""Calls of intrinsic functions: how they are parsed, and the results of States.Format."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest

from stepwell.runtime.engine.definition.steplist import literal
from stepwell.runtime.engine.language.intrinsics import (
    IntrinsicCall,
    IntrinsicFault,
    IntrinsicSyntax,
    LiteralArgument,
    parse_call,
)
from stepwell.runtime.engine.language.paths import PathMissing, parse
from stepwell.runtime.engine.language.templates import compile as compile_template
from stepwell.runtime.engine.values import jsontext
from tests.runtime.engine.random_machines import Maker
from tests.runtime.engine.scopes import scope

Json = Any

DOCUMENT = {
    "a": "A",
    "n": 1.5,
    "b": {"x": [1]},
    "it's": {"a, (b)": "deep"},
    "t": "{}-{}",
    "j": '{"k":[null]}',
    "z": None,
    "many": [{"k": ")", "v": "found"}],
}
VARIABLES = {"name": {"k": ["V"]}}
CONTEXT = {"State": {"Name": "S"}}

GIVEN: list[tuple[str, Json]] = [
    ("States.Format('plain')", "plain"),
    ("States.Format('')", ""),
    ("States.Format('{}', $.a)", "A"),
    ("States.Format('{}{}', $.a, $.a)", "AA"),
    ("States.Format('{} and {}', 'x', 'y')", "x and y"),
    ("States.Format('{}', 1)", "1"),
    ("States.Format('{}', -2.50)", "-2.5"),
    ("States.Format('{}', 1e3)", "1000.0"),
    ("States.Format('{}|{}|{}', true, false, null)", "true|false|null"),
    ("States.Format('{}', $.b)", "{x=[1]}"),
    ("States.Format('{}', $.z)", "null"),
    ("States.Format('{}', $$.State.Name)", "S"),
    ("  States.Format ( '{}' , $.a )  ", "A"),
    ("States.Format('{}',$.a)", "A"),
    ("States.Format('a, b (c) [d] $.a')", "a, b (c) [d] $.a"),
    ("States.Format('{}', 'a, (b) $.c')", "a, (b) $.c"),
    ("States.Format('{}', $['it\\'s']['a, (b)'])", "deep"),
    ('States.Format(\'{}\', $["it\'s"]["a, (b)"])', "deep"),
    ("States.Format('it\\'s')", "it's"),
    ("States.Format('\\{\\}')", "{}"),
    ("States.Format('\\{{}\\}', $.a)", "{A}"),
    ("States.Format('\\\\')", "\\"),
    ("States.Format('\\\\{}', $.a)", "\\A"),
    ("States.Format('\\\\\\{\\}')", "\\{}"),
    ("States.Format('\\\\n')", "\\n"),
    ("States.Format('{}', States.Array())", "[]"),
    ("States.Format('{}', $.b.x[*])", "[1]"),
    ("States.Format('{}', $name.k[0])", "V"),
    ("States.Format('{}', $.many[?(@.k == ')')].v)", "[found]"),
    ("States.Format('{}', '{}')", "{}"),
    ("States.Format('{}', '\\{\\}')", "{}"),
    ("States.Format($.t, 1, $.a)", "1-A"),
    ("States.Format(States.Format('{}', $.t), 1, 2)", "1-2"),
    ("States.Format('{}', States.Format('<{}>', States.Format('{}', $.a)))", "<A>"),
    ("States.Format('zeile\nzwei')", "zeile\nzwei"),
    ("States.Format('日本{}😀', 'é')", "日本é😀"),
    ("States.StringToJson('[1, \\{\"a\": null\\}]')", [1, {"a": None}]),
    ("States.StringToJson('7')", 7),
    ("States.StringToJson($.j)", {"k": [None]}),
    ("States.StringToJson('\"it\\'s\"')", "it's"),
    ("States.StringToJson('\"\\\\n\"')", "\n"),
    ("States.JsonMerge($.b, $['it\\'s'], false)", {"x": [1], "a, (b)": "deep"}),
    ('States.JsonMerge(States.StringToJson(\'{"x":1,"y":2}\'), $.b, false)', {"x": [1], "y": 2}),
]

UNREADABLE = [
    *("", "x", "States", "States.", "States.Format", "States.Format(", "States.Format('a'", "States.Format('a' 'b')"),
    *(
        "States.Format()",
        "States.Format('a',)",
        "States.Format(,'a')",
        "States.Format('a',,'b')",
        "States.Format('a'))",
    ),
    *("States.Format('a') x", "States.Format('a", "States.Format(a)", 'States.Format("a")', "States.Format($.)"),
    *("States.Format($..)", "States.Format($.a.)", "States.Format($.a b)", "States.Format($['a)", "States.Format(01)"),
    *("States.Format(1.)", "States.Format(-)", "States.Format(1e999)", "States.Format(9223372036854775808)"),
    *("States.Format('\\n')", "States.StringToJson('\\x')", "States.Format($.a[?(@.b =~ /x/)])", "States.UUID(1)"),
    *("States.Format(trueish)", "States.Format(True)", "States.Format(nul)", "States.format('a')", "States.Nope('a')"),
    *("States.StringToJson()", "States.StringToJson('1', '2')", "States.JsonMerge($, $)", "States.JsonMerge($)"),
    *(
        "States.JsonMerge($, $, false, 1)",
        "Format('a')",
        "States.Format('a'); States.Format('b')",
        "xStates.Format('a')",
    ),
]

FAULTS = [
    ("States.Format('{}')", "Invalid arguments in States.Format"),
    ("States.Format('x', 1)", "Invalid arguments in States.Format"),
    ("States.Format('{}', 1, 2)", "Invalid arguments in States.Format"),
    ("States.Format($.n, 1)", "Invalid arguments in States.Format"),
    # Seen on AWS (gabrielmoreira/tiny-asl-machine, States.Format-018 to -020):
    ("States.Format('Hello {', $.a)", "Invalid template in States.Format: matching '}' not found for '{'."),
    ("States.Format('Hello {{}}', $.a)", "Invalid template in States.Format: matching '}' not found for '{'."),
    ("States.Format('}')", "Invalid template in States.Format: matching '{' not found for '}'."),
    ("States.Format('\\{}', 1)", "Invalid template in States.Format: matching '{' not found for '}'."),
    ("States.StringToJson('{')", "Cannot convert String to Json in States.StringToJson, caused by: Expecting property"),
    ("States.StringToJson($.b)", "Invalid arguments in States.StringToJson"),
    ("States.StringToJson('NaN')", "Cannot convert String to Json in States.StringToJson, caused by: NaN is not JSON"),
    ("States.JsonMerge($.a, $.b, false)", "Invalid arguments in States.JsonMerge"),
    ("States.JsonMerge($.b, $.z, false)", "Invalid arguments in States.JsonMerge"),
    ("States.JsonMerge($.b, $.b, true)", "Invalid arguments in States.JsonMerge"),
]


@pytest.mark.parametrize(("text", "value"), GIVEN)
def test_a_call_gives(text: str, value: Json) -> None:
    given = parse_call(text).value(DOCUMENT, CONTEXT, VARIABLES)
    assert (given, type(given)) == (value, type(value))


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_call(text: str) -> None:
    with pytest.raises(IntrinsicSyntax):
        parse_call(text)


@pytest.mark.parametrize(("text", "words"), FAULTS)
def test_a_call_that_cannot_take_its_arguments(text: str, words: str) -> None:
    call = parse_call(text)
    with pytest.raises(IntrinsicFault, match=re.escape(words)):
        call.value(DOCUMENT, CONTEXT)


def test_a_missing_path_is_told_as_that() -> None:
    with pytest.raises(PathMissing):
        parse_call("States.Format('{}', $.nope)").value(DOCUMENT, CONTEXT)


def test_a_call_is_a_value() -> None:
    arguments = (LiteralArgument("{}"), parse("$.a"))
    assert parse_call("States.Format('{}', $.a)") == IntrinsicCall("States.Format", arguments)


def test_an_unknown_function_is_told_with_the_known_ones() -> None:
    with pytest.raises(
        IntrinsicSyntax, match=r"no intrinsic function 'States.Sum'\. Known: States\.Array, ArrayContains, "
    ):
        parse_call("States.Sum(1, 2)")


def nested(depth: int) -> str:
    return "States.Format('{}', " * (depth - 1) + "States.Format('x')" + ")" * (depth - 1)


def test_an_expression_holds_no_more_calls_than_aws_allows() -> None:
    """AWS's guide has an example of nine "nested intrinsic functions"; five of them are inside each other."""
    assert parse_call(nested(10)).value({}, {}) == "x"
    assert parse_call(f"States.Array({', '.join(['States.Array()'] * 9)})").value({}, {}) == [[]] * 9
    for text in (nested(11), f"States.Array({', '.join(['States.Array()'] * 10)})"):
        with pytest.raises(IntrinsicSyntax, match="no more than 10 calls"):
            parse_call(text)


def test_the_example_of_nine_nested_calls() -> None:
    arn = "arn:aws:imagebuilder:eu-west-1:1:image-recipe/mine.x/1.2.3"
    second = "States.ArrayGetItem(States.StringSplit($.Arn, '/'), {})"
    text = f"States.Format('{{}}.{{}}', {second.format(1)}, {second.format(2)})"
    assert parse_call(text).value({"Arn": arn}, {}) == "mine.x.1.2.3"


def test_a_bad_escape_is_told() -> None:
    with pytest.raises(IntrinsicSyntax, match="a backslash must stand before one of"):
        parse_call('States.StringToJson(\'{"text":"An \\"escaped\\" quote"}\')')


@pytest.mark.parametrize(
    "text",
    [
        "States.Format(" * 50_000,
        "States.Format(" + "$['a']" * 60 + " x)",
        "States.Format('" + "\\'" * 300_000,
        "States.Format(''" + " " * 300_000 + "x)",
        "States.Format(''" + ",1" * 100_000,
        "States.Format(" + "9" * 300_000 + ")",
    ],
    ids=lambda text: text[:24],
)
def test_a_hostile_text_is_refused_in_time_that_grows_with_its_length(text: str) -> None:
    with pytest.raises(IntrinsicSyntax) as fault:
        parse_call(text)
    assert len(str(fault.value)) < 400


def test_any_data_travels_as_a_literal() -> None:
    """Data that looks like a template reaches a step's handler unchanged."""
    dice = Random(1)
    for seed in range(300):
        data = {"evil.$": Maker(seed).value(5), "".join(dice.choices("'\\{}\"$.é\n", k=6)): seed}
        template = literal("data", data)
        assert template.keys() == {"data.$"}
        assert jsontext.write(compile_template(template).render(scope({}))) == jsontext.write({"data": data})
