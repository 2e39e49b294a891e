from __future__ import annotations

import pytest

from stepwell.functions.errors import InvalidRequest
from stepwell.runtime.http.body_schema import BodySchema, json_path

TREE = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "kind": {"enum": ["fixed", "exponential"]},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
    },
}
SCHEMA = BodySchema({"$ref": "#/components/schemas/Tree"}, {"Tree": TREE})


@pytest.mark.parametrize("body", [{"name": "a"}, {"name": "a", "children": [{"name": "b", "children": []}]}])
def test_a_good_body_passes(body):
    SCHEMA.check(body)


@pytest.mark.parametrize(
    ("body", "path", "message", "hint"),
    [
        (None, "$", "A body is required.", None),
        ([], "$", "must be object", None),
        ({}, "$", "'name' is required", None),
        ({"nmae": "a"}, "$", "'name' is required", "did you mean 'name' by 'nmae'?"),
        ({"name": 1}, "$.name", "must be string", None),
        (
            {"name": "a", "chidren": []},
            "$.chidren",
            "'chidren' is not known here",
            "did you mean 'children'?",
        ),
        ({"name": "a", "x y": 1}, "$['x y']", "'x y' is not known here", None),
        ({"name": "a", "kind": "fix"}, "$.kind", "must be one of ['fixed', 'exponential']", None),
        (
            {"name": "a", "children": [{"name": "b"}, {"name": 1}]},
            "$.children[1].name",
            "must be string",
            None,
        ),
    ],
)
def test_a_fault_says_what_and_where(body, path, message, hint):
    with pytest.raises(InvalidRequest) as refused:
        SCHEMA.check(body)
    assert (refused.value.path, refused.value.message, refused.value.hint) == (path, message, hint)


def test_a_long_name_is_not_repeated_whole():
    with pytest.raises(InvalidRequest) as refused:
        SCHEMA.check({"name": "a", "x" * 100_000: 1})
    assert len(str(refused.value.to_dict())) < 500


def test_an_absent_body_counts_as_null():
    BodySchema({"type": ["object", "null"]}, {}).check(None)


def test_a_path_is_one_that_json_path_reads():
    assert json_path(["a", "0", "b c", "it's"]) == """$.a[0]['b c']["it's"]"""
