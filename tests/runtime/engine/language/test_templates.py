"""Payload templates: members whose names end in ``.$`` are filled in, everything else stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.language.intrinsics import IntrinsicFault, IntrinsicSyntax
from stepwell.runtime.engine.language.paths import PathMissing, PathSyntax
from stepwell.runtime.engine.language.templates import compile as compile_template
from stepwell.runtime.engine.values import jsontext
from tests.runtime.engine.scopes import scope

Json = Any

DOCUMENT = {"a": 1, "b": {"c": [True, None]}}
CONTEXT = {"Execution": {"Id": "e-1"}}

FILLED: list[tuple[Json, Json]] = [
    ({}, {}),
    (None, None),
    ("$.a", "$.a"),
    ({"x": "$.a"}, {"x": "$.a"}),
    ({"x.$": "$.a"}, {"x": 1}),
    ({"x.$": "$"}, {"x": DOCUMENT}),
    ({"x.$": "$.b.c[1]"}, {"x": None}),
    ({"x.$": "$$.Execution.Id"}, {"x": "e-1"}),
    ({"x.$": "States.Format('{}!', $.a)"}, {"x": "1!"}),
    ({".$": "$.a"}, {"": 1}),
    ({"x.$.$": "$.a"}, {"x.$": 1}),
    ({"x$": 1, "$": 2, "x.$y": 3}, {"x$": 1, "$": 2, "x.$y": 3}),
    ([1, {"x.$": "$.a"}, [{"y.$": "$.a"}]], [1, {"x": 1}, [{"y": 1}]]),
    ({"l": [1, 2, {"m": "n"}]}, {"l": [1, 2, {"m": "n"}]}),
    ({"deep": {"er": {"x.$": "$.a", "y": 0}}}, {"deep": {"er": {"x": 1, "y": 0}}}),
]


@pytest.mark.parametrize(("template", "value"), FILLED)
def test_a_template_is_filled_in(template: Json, value: Json) -> None:
    before = repr(template)
    assert compile_template(template).render(scope(DOCUMENT, CONTEXT)) == value
    assert repr(template) == before


def test_the_members_keep_their_order() -> None:
    template = {"z": 1, "b.$": "$.a", "y": 2, "a.$": "$.a"}
    assert jsontext.write(compile_template(template).render(scope(DOCUMENT, CONTEXT))) == '{"z":1,"b":1,"y":2,"a":1}'


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ({"x.$": 1}, ValueError),
        ({"x.$": None}, ValueError),
        ({"x.$": {"y": 1}}, ValueError),
        ({"x.$": ""}, IntrinsicSyntax),
        ({"x.$": "a"}, IntrinsicSyntax),
        ({"x.$": "$..."}, PathSyntax),
        ({"l": [{"x.$": "$."}]}, PathSyntax),
        ({"x": 1, "x.$": "$.a"}, ValueError),
        ({"l": [{"x.$": "$.a", "x": {"y.$": "$.a"}}]}, ValueError),
    ],
)
def test_a_wrong_template_is_refused(template: Json, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        compile_template(template)


def test_what_is_missing_is_told() -> None:
    with pytest.raises(
        PathMissing, match=r"'\$\.nope' specified for the field 'x\.\$' could not be found in the input '\{"
    ):
        compile_template({"a": [{"x.$": "$.nope"}]}).render(scope(DOCUMENT, CONTEXT))
    with pytest.raises(IntrinsicFault):
        compile_template({"a": [{"x.$": "States.StringToJson($.a)"}]}).render(scope(DOCUMENT, CONTEXT))


def test_a_member_that_is_given_twice_is_told_in_time_that_grows_with_their_number() -> None:
    many = {**{f"m{number}": number for number in range(100_000)}, "m0.$": "$"}
    with pytest.raises(ValueError, match="'m0' is given twice"):
        compile_template(many)
