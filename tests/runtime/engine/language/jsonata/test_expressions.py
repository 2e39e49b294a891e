"""JSONata in state machines: the language of jsonata.js, with AWS's additions, omissions and bounds.

jsonata_cases.json holds what jsonata.js answered. What AWS answers is known from its guide and from public records of
real runs (floci-io/floci#2662, #2665, #2736, #2737, #2745).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonata import Jsonata  # type: ignore[import-untyped]

from stepwell.runtime.engine.language.budget import Budget
from stepwell.runtime.engine.language.jsonata import evaluation as jsonata_evaluation
from stepwell.runtime.engine.language.jsonata import expressions, regex
from stepwell.runtime.engine.language.jsonata.expressions import (
    JsonataFault,
    JsonataSyntax,
    Undefined,
    compile_template,
    expect,
    is_expression,
)
from stepwell.runtime.engine.values.dice import Dice
from stepwell.runtime.engine.values.limits import EngineLimits

Json = Any

RECORD = json.loads(Path(__file__).with_name("jsonata_cases.json").read_text(encoding="utf-8"))
AT = 1_710_381_540_000
EVALUATION = "threw an error during evaluation"


def value(
    text: str,
    data: Json = None,
    variables: Mapping[str, Json] | None = None,
    seed: int = 0,
    budget: Budget | None = None,
) -> Json:
    scope = expressions.ExpressionScope({"input": data}, variables or {}, budget)
    return expressions.compile(text).within(scope, AT, Dice(seed))


def limited(steps: int) -> Budget:
    return Budget(EngineLimits(expression_steps=steps))


def told(text: str, data: Json = None, budget: Budget | None = None) -> str:
    """The reason why an expression fails."""
    with pytest.raises(JsonataFault) as fault:
        value(text, data, budget=budget)
    return fault.value.reason


def same(one: Json, other: Json) -> bool:
    """True if two values are the same JSON, with members in the same order. Equal numbers count as the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return isinstance(one, bool) == isinstance(other, bool) and float(one) == float(other)
    return type(one) is type(other) and bool(one == other)


def answer(text: str) -> dict[str, Json]:
    try:
        return {"value": value(text, RECORD["input"])}
    except Undefined:
        return {"undefined": True}
    except JsonataFault as fault:
        return {"fault": fault.reason}
    except JsonataSyntax as fault:
        return {"syntax": str(fault)}


@pytest.mark.parametrize("case", RECORD["cases"], ids=lambda case: case["expression"][:60])
def test_it_answers_as_jsonata_js(case: dict[str, Json]) -> None:
    got = answer(case["expression"])
    if "value" in case:
        assert same(got.get("value"), case["value"]), got
    elif "undefined" in case:
        assert got == {"undefined": True}
    else:
        fault = {"fault": f"{EVALUATION}. {case['code']}: {case['message']}"}
        assert got in (fault, {"syntax": case["message"]})


@pytest.mark.parametrize("case", RECORD["differences"], ids=lambda case: case["expression"][:60])
def test_the_differences_are_the_known_ones(case: dict[str, Json]) -> None:
    assert answer(case["expression"]) == case["ours"]


# --- input and output -----------------------------------------------------------------------------------------------


def test_states_and_variables_are_bound() -> None:
    states = {"input": {"a": 1}, "result": [2], "context": {"Execution": {"Id": "e-1"}}}
    text = "[$states.input.a, $states.result, $states.context.Execution.Id, $x.y]"
    assert expressions.compile(text).value(states, {"x": {"y": 3}}, AT, Dice(0)) == [1, 2, "e-1", 3]


def test_expressions_may_share_a_scope() -> None:
    scope = expressions.ExpressionScope({"input": [None, 1]}, {"x": None})
    texts = ("$x", "$states.input[0]", "$type($states.input[0]) & $type($x)", "$states.input[1] + $count($y)")
    assert [expressions.compile(text).within(scope, AT, Dice(0)) for text in texts] == [None, None, "nullnull", 1]


def test_a_variable_cannot_stand_in_for_states() -> None:
    assert value("$states.input", 1, {"states": {"input": 2}}) == 1


def test_a_variable_may_stand_before_a_function() -> None:
    assert value("$count", variables={"count": 3}) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$states.input", None),
        ("$v", None),
        ("$type($v)", "null"),
        ("$exists($v)", True),
        ("$exists($nothing)", False),
        ('{"a": $v, "b": $nothing}', {"a": None}),
        ("[$v, $nothing, 1]", [None, 1]),
        ("$l", [None, [None, {"x": None}]]),
        ("$l[0]", None),
        ("$map($l, $type)", ["null", "array"]),
        ("$parse('[null]')", [None]),
        ("$o ~> |$|{'b': 1}|", {"a": [None, 2], "b": 1}),
        ("$map(($o ~> |$|{'b': 1}|).a, $type)", ["null", "number"]),
        ("$string($l)", '[null,[null,{"x":null}]]'),
        ("$v ? 1 : 2", 2),
    ],
)
def test_null_is_kept_apart_from_undefined(text: str, expected: Json) -> None:
    variables = {"v": None, "l": [None, [None, {"x": None}]], "o": {"a": [None, 2]}}
    assert value(text, None, variables) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$states.input", 9007199254740993),
        ("$states.input + 0", 9007199254740992),
        ("2.0", 2),
        ("4 / 2", 2),
        ("1e18", 10**18),
        ("1e19", 1e19),
        ("-1e300", -1e300),
        ("$power(2, 62)", 2**62),
        ("1/0", "Infinity"),
        ("-1/0", "-Infinity"),
        ("0/0", "NaN"),
        ("[1/0]", ["Infinity"]),
        ("$parse('9223372036854775807')", 2**63 - 1),
    ],
)
def test_a_number_is_whole_while_it_is_exact(text: str, expected: Json) -> None:
    got = value(text, 9007199254740993)
    assert (got, type(got)) == (expected, type(expected))


def plain_types(one: Json) -> set[type]:
    inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return {type(one)}.union(*map(plain_types, inner))


@pytest.mark.parametrize(
    "text", ["[1..3]", "$states.input.a", "$states.input.a.b", "$map([1,2], function($x){[$x]})", "$split('a,b', ',')"]
)
def test_results_are_plain_json(text: str) -> None:
    data = {"a": [{"b": 1.5}, {"b": [None, True, "x"]}]}
    assert plain_types(value(text, data)) <= {dict, list, str, int, float, bool, type(None)}


def test_what_comes_in_is_not_written_to() -> None:
    data = {"a": [{"b": 1}], "n": None, "c": {"d": [3, 1, 2]}}
    before = json.dumps(data)
    value("[$states.input ~> |a|{'b': 2}, 'c'|, $sort($states.input.c.d), $append($states.input.a, 1)]", data)
    assert json.dumps(data) == before


def test_a_string_that_json_cannot_hold_is_no_result() -> None:
    assert told('{"a": "\\uD800"}') == f"{EVALUATION}: the result holds the character NUL or half a surrogate pair"
    assert "NUL" in told('"a\\u0000"')
    assert value('"\\uD83D\\uDC0E" = $states.input', "🐎") is True


# --- time and dice --------------------------------------------------------------------------------------------------


def test_time_is_the_events() -> None:
    assert value("$millis()") == AT
    assert value("$now()") == "2024-03-14T01:59:00.000Z"
    assert value("$now('[Y0001]/[M01]', '+0200')") == "2024/03"


@pytest.mark.parametrize("text", ["$random()", "$uuid()", "$shuffle([1..50])", "[$random(), $uuid(), $random()]"])
def test_chance_is_what_was_handed_in(text: str) -> None:
    assert value(text, seed=1) == value(text, seed=1) != value(text, seed=2)


def test_a_shuffled_list_holds_the_same() -> None:
    assert sorted(value("$shuffle([1..50])")) == list(range(1, 51))
    assert uuid.UUID(value("$uuid()")).version == 4


# --- what Step Functions adds and takes away ------------------------------------------------------------------------

NOTHING = object()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$partition([1,2,3,4], 2)", [[1, 2], [3, 4]]),
        ("$partition([1..9], 4)", [[1, 2, 3, 4], [5, 6, 7, 8], [9]]),
        ("$partition([1,2,3], 2.9)", [[1, 2], [3]]),
        ("$partition([1,2,3], 0)", NOTHING),
        ("$partition([], 2)", NOTHING),
        ("$partition($nothing, 2)", NOTHING),
        ("$range(0, 6, 2)", [0, 2, 4, 6]),
        ("$range(0, 7, 2)", [0, 2, 4, 6]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(5, 1, -2)", [5, 3, 1]),
        ("$range(1, 1, 1)", 1),
        ("$range(1, 5, -1)", NOTHING),
        ("$range(1, 5, 0)", NOTHING),
        ("$range(1, 5)", NOTHING),
        ("$count($range(1, 200000, 1))", 200000),
        ("$hash('input', 'SHA-1')", "140f86aae51ab9e1cda9b4254fe98a74eb54c1a1"),
        ("$hash('input', 'MD5')", "a43c1b0aa53a0c908810c06ab1ff3967"),
        ("$length($hash('ž', 'SHA-512'))", 128),
        ("$hash('input')", NOTHING),
        ("$random(42)", 0.7275636800328681),
        ("$random(42.9)", 0.7275636800328681),
        ("$parse('{\"a\": [1, 2.5]}').a", [1, 2.5]),
        ("$parse('1')", 1),
        ("$parse($nothing)", NOTHING),
    ],
)
def test_the_functions_that_step_functions_adds(text: str, expected: Json) -> None:
    if expected is NOTHING:
        assert told(text) == "returned nothing (undefined)."
    else:
        assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("$partition([1], -1)", "$partition: the chunk size must not be negative"),
        ("$hash('a', 'sha-1')", '$hash: there is no algorithm "sha-1". Known: MD5, SHA-1, SHA-256, SHA-384, SHA-512'),
        ("$parse('[1')", "$parse: Expecting ',' delimiter at line 1, column 3"),
        ("$base64decode('!!!')", "$base64decode: the string is not the Base64 of a text"),
    ],
)
def test_what_these_functions_refuse_has_no_code(text: str, why: str) -> None:
    assert told(text) == f"{EVALUATION}: {why}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("$eval('1+1')", "T1006: Attempted to invoke a non-function"),
        ("$uuid(1)", 'T0410: Argument 1 of function "uuid" does not match function signature'),
        ("$random('x')", 'T0410: Argument 1 of function "random" does not match function signature'),
        ("'a' + 1", 'T2001: The left side of the "+" operator must evaluate to a number'),
        ("$sum(['a'])", 'T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("$length(null)", 'T0410: Argument 1 of function "length" does not match function signature'),
        ("$toMillis('2024-02-31')", "D3110: The argument of the toMillis function must be an ISO 8601 formatted "),
        ("$error('mine')", "D3137: mine"),
    ],
)
def test_a_fault_of_the_language_has_its_code(text: str, code: str) -> None:
    assert told(text).startswith(f"{EVALUATION}. {code}")


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_cause_names_the_expression_and_the_field_as_aws_does() -> None:
    with pytest.raises(JsonataFault) as fault:
        value("'a' + 1")
    assert fault.value.cause("Output/v") == (
        "The JSONata expression ''a' + 1' specified for the field 'Output/v' threw an error during evaluation. "
        'T2001: The left side of the "+" operator must evaluate to a number'
    )
    with pytest.raises(Undefined) as undefined:
        value("$states.input.no", {})
    assert undefined.value.cause("Output/v") == (
        "The JSONata expression '$states.input.no' specified for the field 'Output/v' returned nothing (undefined)."
    )


def test_what_a_fault_shows_of_a_value_is_short() -> None:
    assert len(told("$number($states.input)", "x" * 100_000)) < 1000
    assert len(told("$number($states.input)", [["x"] * 1000] * 100)) < 1000


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("a[1,2)", 'Expected "]", got ","', 4),
        ('"unterminated', "String literal must be terminated by a matching quote", 13),
        ("1 +", "Unexpected end of expression", 3),
        ('{"a":}', 'The symbol "}" cannot be used as a unary operator', 6),
        ("$x :=", "Unexpected end of expression", 5),
        ('$match("a", /abc', "No terminating / in regular expression", 16),
        ("", "Unexpected end of expression", 0),
        ("$states := 1", "$states is reserved and cannot be assigned to", None),
        ("($a := 1; $states := $a)", "$states is reserved and cannot be assigned to", None),
        ("function($states){1}", "$states is reserved and cannot be assigned to", None),
        ("$x.y@$states.z", "$states is reserved and cannot be assigned to", None),
        ("$x.y#$states", "$states is reserved and cannot be assigned to", None),
    ],
)
def test_an_expression_that_cannot_be_is_refused(text: str, message: str, position: int | None) -> None:
    with pytest.raises(JsonataSyntax) as fault:
        expressions.compile(text)
    assert (str(fault.value), fault.value.position) == (message, position)


@pytest.mark.parametrize(
    "text", ["/[z-a]/", "/* x", "[" * 20_000, "a" * 70_000, "a." * 5_000, "function($x)<(a<b>)>{1}"]
)
def test_a_text_that_the_parser_cannot_take_is_refused(text: str) -> None:
    with pytest.raises(JsonataSyntax):
        expressions.compile(text)


@pytest.mark.parametrize("case", RECORD["cases"][::7], ids=lambda case: case["expression"][:60])
def test_half_an_expression_is_read_or_refused(case: dict[str, Json]) -> None:
    text = case["expression"]
    for end in range(1, len(text), 3):
        try:
            expressions.compile(text[:end])
        except JsonataSyntax:
            pass


# --- what it uses ---------------------------------------------------------------------------------------------------


def test_the_variables_it_takes_from_outside() -> None:
    found = expressions.compile("($a := $x; $f := function($y){ $y + $a + $z }; $map($states.input.b, $f))").variables
    assert found == {"x", "z", "map", "states"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("phone", ("phone",)),
        ("a.b & c", ("a", "c")),
        ("`x y`", ("x y",)),
        ("$", ("$",)),
        ("$$.a", ("$$",)),
        ("[a]", ("a",)),
        ('{"k": a}', ("a",)),
        ("$sum(a)", ("a",)),
        ("a ? b : c", ("a", "b", "c")),
        ("$map($states.input.a, function($x){ b })", ("b",)),
        ("$states.input.items[value > 3]", ()),
        ("$states.input.(a + $)", ()),
        ("$states.input{k: v}", ()),
        ("$states.input^(total)", ()),
        ('$states.input ~> |a|{"b": c}|', ()),
        ("$x.y", ()),
        ("true", ()),
    ],
)
def test_what_it_reads_at_the_top_level(text: str, names: tuple[str, ...]) -> None:
    assert expressions.top_level_references(expressions.compile(text)) == names


# --- bounds ---------------------------------------------------------------------------------------------------------

DOUBLED = "($p := function($s, $n){ $n = 0 ? $s : $p(%s, $n - 1) }; %s)"
TOO_DEEP = (
    f"{EVALUATION}: Stack overflow error: Check for non-terminating recursive function.  "
    "Consider rewriting as tail-recursive. Depth=101 max=100"
)
TOO_MUCH = f"{EVALUATION}: Expression evaluation memory limit exceeded: Check for excessive memory usage"
TOO_LONG = (
    f"{EVALUATION}: Expression evaluation timeout: Check for infinite loop. "
    "The expressions of one move may take %s JSONata steps at most."
)


@pytest.mark.parametrize(
    ("deepest", "too_deep"),
    [
        ("+".join(["1"] * 100), "+".join(["1"] * 101)),
        ("(" * 99 + "1" + ")" * 99, "(" * 100 + "1" + ")" * 100),
        ("[" * 99 + "1" + "]" * 99, "[" * 100 + "1" + "]" * 100),
        ("'a'" + " ~> $trim()" * 99, "'a'" + " ~> $trim()" * 100),
        (
            "($f := function($x){ $x <= 0 ? 0 : 1 + $f($x-1) }; $f(31))",
            "($f := function($x){ $x <= 0 ? 0 : 1 + $f($x-1) }; $f(32))",
        ),
    ],
)
def test_it_goes_as_deep_as_aws_does(deepest: str, too_deep: str) -> None:
    value(deepest)
    assert told(too_deep) == TOO_DEEP


def test_a_list_of_lists_does_not_use_up_the_depth() -> None:
    assert len(value("$map([1..300], function($x){[$x, [$x, 1]]})")) == 300


@pytest.mark.parametrize(
    ("fits", "too_much"),
    [
        ("$count([1..873782])", "$count([1..873783])"),
        ("$count($range(1, 360145, 1))", "$count($range(1, 360146, 1))"),
        (DOUBLED % ("$s & $s", "$length($p('x', 22))"), DOUBLED % ("$s & $s", "$length($p('x', 23))")),
    ],
)
def test_it_holds_as_much_as_aws_does(fits: str, too_much: str) -> None:
    value(fits)
    assert told(too_much) == TOO_MUCH


@pytest.mark.parametrize(
    "text",
    [
        "[1..9999999]",
        "$range(0, 1e300, 1)",
        "$pad('x', 1000000000)",
        "$pad('x', -1e300)",
        DOUBLED % ("$append($s, $s)", "$p([1], 40)"),
        "($b := $pad('x', 100000); $replace($b, ' ', $b))",
        "($b := $pad('x', 100000); $replace($b, / /, $b))",
        "($b := $pad('x', 100000); $replace($b, / /, function($m){$b}))",
        "($b := $pad('x', 100000); $join([1..1000].$string(), $b))",
        "($b := $pad('x', 100000); $join($map([1..100], function(){$b})))",
    ],
)
def test_what_would_need_too_much_room_is_refused_before_it_does(text: str) -> None:
    assert told(text) == TOO_MUCH


@pytest.mark.parametrize(
    "text",
    [
        "($f := function(){$f()}; $f())",
        "($f := function($x){([1,2]; $f($x + 1))}; $f(1))",
        "$map([1..100000], function($x){$x + 1})",
        "[1..100000].($ + 1)",
        "[1..8000]{'a': $}",
        "[1..20000][$ in [1..20000]]",
        "$sort([1..20000], function($a, $b){$a < $b})",
        DOUBLED % ("{'a': $s, 'b': $s}", "$string($p(1, 40))"),
        DOUBLED % ("[[$s],[$s]]", "$p(1, 40) = 1"),
        DOUBLED % ("$s{'a': $, 'b': $}", "$p({'c': 1}, 40)"),
        "$states.input" + ".{'a': $, 'b': $}" * 40,
        DOUBLED % ("$merge([{'a': $s}, {'b': $s}])", "$p(1, 40)"),
        DOUBLED % ("{'a': $s}", "$p(1, 100000)"),
    ],
)
def test_what_would_take_too_long_ends(text: str) -> None:
    assert told(text, {}, limited(10_000)) == TOO_LONG % 10_000


def test_the_bound_of_time_is_a_count_and_not_a_clock() -> None:
    text, steps = "$sum([1..10].($ * 2))", 48
    assert value(text, budget=limited(steps)) == 110
    assert told(text, budget=limited(steps - 1)) == TOO_LONG % (steps - 1)


def test_expressions_share_a_budget() -> None:
    budget = limited(100)
    assert [value("$sum([1..10].($ * 2))", budget=budget) for _ in range(2)] == [110, 110]
    assert told("$sum([1..10].($ * 2))", budget=budget) == TOO_LONG % 100


@pytest.mark.parametrize(
    "texts",
    [[f"$match('{'a' * 60}!', /(a|aa)+$/)"], [f"$contains('{'a' * 14}', /(?:a|a)*[bc]/)"] * 999],
    ids=["a slow one", "a thousand quick ones"],
)
def test_regular_expressions_are_charged_for_their_time(texts: list[str]) -> None:
    budget = limited(10_000)
    with pytest.raises(JsonataFault, match="10000 JSONata steps"):
        for text in texts:
            value(text, budget=budget)


def test_one_that_is_begun_anew_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "$match('aaaaaaaaaaaa, aaaaaaaaaaaab', /(?:a|a)*b/).match"
    alone = value(text)
    monkeypatch.setattr(regex, "SECONDS_PER_STEP", 1e-7)
    assert value(text) == alone == "aaaaaaaaaaaab"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"$toMillis('{'1' * 60}', '[Y]' & $pad('', 1001))", "has 1000 characters at most"),
        ("$toMillis($pad('', 1001, '1'), '[Y]')", "has 1000 characters at most"),
        ("$fromMillis(0, '[Y,9999]')", "names no width above 999"),
        ("$now('[Y,*-99999999]')", "names no width above 999"),
        ("$formatInteger(1, $pad('', 1001, '0'))", "has 1000 characters at most"),
        ("$formatInteger(1e15, 'I')", "nested too deeply"),
        ("$parseInteger($pad('', 1001, 'trillion '), 'w')", "has 1000 characters at most"),
        ("$formatNumber(1, $pad('', 1001, '0'))", "has 1000 characters at most"),
        ("$formatNumber(1, ',aaaa', {'grouping-separator': ',](a|a)+$|['})", "must be one character"),
    ],
)
def test_pictures_are_bounded(text: str, reason: str) -> None:
    assert reason in told(text, budget=limited(10_000))


def test_what_a_picture_has_beside_its_parts_stands_for_itself() -> None:
    assert value("$toMillis('2024.03 (x)', '[Y].[M01] (x)')") == value("$toMillis('2024-03-01')")
    assert value("$toMillis('2024x03', '[Y].[M01]') = 1") is False
    assert value(f"$toMillis('{'a' * 60}', '(a|a)*b[Y]') = 1") is False
    assert value(f"$toMillis('{'M' * 60}1', '{'[MI]' * 12}') = 1", budget=limited(10_000)) is False


def test_and_and_or_tell_the_faults_of_their_sides() -> None:
    assert told("true and $f()") == f"{EVALUATION}. T1006: Attempted to invoke a non-function"
    assert told("false or [1..100000].($ + 1)", budget=limited(100)) == TOO_LONG % 100
    assert value("[false and $error('x'), true or $error('x'), 1 and 'a', 0 or []]") == [False, True, True, False]


def test_an_expression_reads_no_more_of_states_than_it_wants() -> None:
    asked: list[bool] = []

    def context() -> dict[str, Json]:
        asked.append(True)
        return {"a": None}

    def read(text: str) -> Json:
        scope = expressions.ExpressionScope({"input": [None]}, {}, None, context)
        return expressions.compile(text).within(scope, AT, Dice(0))

    assert [read(text) for text in ("$states.input", "$count($states.input)", "$states.input[0]")] == [[None], 1, None]
    assert not asked
    whole = (
        "$states",
        "$lookup($states, 'context')",
        "$states.*[1]",
        "$states@$s.$s.context",
        "$states.input.%.context",
    )
    for text in whole:
        assert read(text) in ({"a": None}, [{"a": None}], {"input": [None], "context": {"a": None}}), text
    assert read("$states.context") == {"a": None} and len(asked) == len(whole) + 1


def test_a_value_too_deep_to_be_written_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonata_evaluation, "weighing", lambda _: 0)
    assert "nested too deeply" in told(DOUBLED % ("{'a': $s}", "$p(1, 12000)"))


# --- regular expressions are JavaScript's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"$contains('a\n', /a$/)", False),
        (r"$contains('a\nb', /a$/m)", True),
        (r"$contains('a$', /[$]/)", True),
        (r"$contains('a$', /\$/)", True),
        (r"$replace('ž1٣', /\d/, '#')", "ž#٣"),
        (r"$replace('žluť', /\w/, '#')", "ž##ť"),
        (r"$contains('Ž', /ž/i)", True),
        (r"$match('2024-03', /(?<y>\d{4})-(?<m>\d\d)/).groups", ["2024", "03"]),
        (r"$replace('abc', /(b)/, '[$1]')", "a[b]c"),
        (r"/b(.)/('abc').groups", ["c"]),
    ],
)
def test_a_regular_expression_is_javascripts(text: str, expected: Json) -> None:
    assert value(text) == expected


def test_a_regular_expression_that_matches_nothing_is_a_fault() -> None:
    assert told("$match('abc', /x*/)").startswith(f"{EVALUATION}. D1004: Regular expression matches zero length string")


# --- shared ---------------------------------------------------------------------------------------------------------


def test_threads_share_an_expression() -> None:
    text = "($f := function($n){$n < 2 ? 1 : $n * $f($n - 1)}; [$f(10) + $states.input, $random(), $now(), $v])"
    expression = expressions.compile(text)

    def run(number: int) -> Json:
        return expression.value({"input": number}, {"v": [None, number]}, AT + 1000 * number, Dice(number))

    alone = [run(number) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(200))) == alone


def test_a_fault_in_one_evaluation_leaves_nothing_to_the_next() -> None:
    before = getattr(Jsonata.CURRENT, "jsonata", None)
    told("($mine := $sum; $mine('x'))")
    assert told("$sum('x')").endswith('Argument 1 of function "sum" must be an array of "numbers"')
    assert getattr(Jsonata.CURRENT, "jsonata", None) is before


def test_the_library_s_hooks_cannot_be_taken_away() -> None:
    endless = "($__evaluate_entry := $nothing; $f := function(){$f()}; $f())"
    assert EVALUATION in told(endless, budget=limited(1_000))


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert told("'x'(1)") == f"{EVALUATION}. T1006: Attempted to invoke a non-function"
    assert capfd.readouterr() == ("", "")


# --- templates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("{% 1 %}", True),
        ("{%1%}", True),
        ("{%\n 1\n%}", True),
        ("{%%}", True),
        ("{%}", False),
        (" {% 1 %}", False),
        ("{% 1 %} ", False),
        ("{% 1", False),
        ("1 %}", False),
        ("a {% 1 %} b", False),
        ("", False),
        (1, False),
        (None, False),
    ],
)
def test_an_expression_is_what_the_delimiters_enclose(text: Json, is_one: bool) -> None:
    assert is_expression(text) is is_one


RENDERED: list[tuple[Json, Json]] = [
    ("{% $states.input.a %}", 1),
    ("plain", "plain"),
    ("costs 5% {a}", "costs 5% {a}"),
    ("a {% 1 %} b", "a {% 1 %} b"),
    (" {% 1 %} ", " {% 1 %} "),
    (None, None),
    (True, True),
    ([1, "{% $states.input.a + 1 %}", ["{% $v %}"]], [1, 2, [None]]),
    ({"x": {"y": ["{% $states.input %}", "z"]}, "k": 0}, {"x": {"y": [{"a": 1}, "z"]}, "k": 0}),
    ({"x.$": "$.a", "{% 1 %}": "{% 'v' %}"}, {"x.$": "$.a", "{% 1 %}": "v"}),
    ({}, {}),
]


@pytest.mark.parametrize(("template", "expected"), RENDERED)
def test_a_template_is_rendered(template: Json, expected: Json) -> None:
    got = compile_template(template).render({"input": {"a": 1}}, {"v": None}, AT, Dice(0))
    assert (got, json.dumps(got)) == (expected, json.dumps(expected))


def test_a_template_without_expressions_is_given_back_as_it_is() -> None:
    literal = {"a": [1, {"b": "c"}]}
    template = compile_template(literal)
    assert template.is_constant
    assert template.render({}, {}, AT, Dice(0)) is literal
    assert not compile_template({"a": [1, "{% 1 %}"]}).is_constant


def test_a_fault_knows_its_place_in_the_template() -> None:
    template = compile_template({"a": {"b": [1, "{% 1 %}", "{% $states.input.x %}"]}})
    with pytest.raises(Undefined) as fault:
        template.render({"input": {}}, {}, AT, Dice(0))
    assert fault.value.cause("Output") == (
        "The JSONata expression '$states.input.x' specified for the field 'Output/a/b[2]' returned nothing (undefined)."
    )


@pytest.mark.parametrize("text", [" {% 1 %}", "{% 1 %} ", "{% 1", "1 %}", "{%}", "{% 1 + %}"])
def test_a_template_with_a_wrong_expression_is_refused_and_says_where(text: str) -> None:
    with pytest.raises(JsonataSyntax) as fault:
        compile_template({"a": ["x", {"b": text}]})
    assert fault.value.where == ("a", 1, "b")


def test_a_template_names_its_expressions() -> None:
    found = compile_template({"a": ["{% $x %}", 1], "b": {"c": "{% 2 %}"}}).expressions()
    assert [(where, one.text) for where, one in found] == [(("a", 0), "$x"), (("b", "c"), "2")]


def test_a_text_is_compiled_once() -> None:
    assert expressions.expression("{% 1 + 41 %}") is expressions.expression("{% 1 + 41 %}")


# --- kinds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fits", "other", "actual"),
    [
        ("boolean", [True, False], 0, "number"),
        ("number", [0, 1.5], True, "boolean"),
        ("integer", [0, -3], "1", "string"),
        ("string", [""], None, "null"),
        ("array", [[]], {}, "object"),
        ("object", [{}], [], "array"),
    ],
)
def test_the_kind_of_a_value_can_be_demanded(kind: str, fits: list[Json], other: Json, actual: str) -> None:
    assert [expect(kind, one, "$x") for one in fits] == fits
    with pytest.raises(JsonataFault) as fault:
        expect(kind, other, "$x")
    assert fault.value.cause("Seconds") == (
        "The JSONata expression '$x' specified for the field 'Seconds' returned an unexpected result type. "
        f"Expected '{kind}', but was '{actual}' for value: {json.dumps(other)}"
    )
