import pytest

from stepwell.functions.steps._data import InvalidData, data_of, first, input_of, mapping, result_of, text


def test_data_is_an_object_or_nothing():
    assert data_of({"data": {"a": 1}}) == {"a": 1}
    assert data_of({"data": None}) == data_of({}) == {}
    with pytest.raises(InvalidData, match=r"data must be an object, found \[1\]"):
        data_of({"data": [1]})


def test_an_unknown_member_is_named_with_those_that_are_known():
    with pytest.raises(InvalidData, match=r"data\.metod must be absent \(known are method, url\), found 'GET'"):
        mapping({"metod": "GET"}, "data", {"url", "method"})


def test_a_result_is_an_earlier_steps_or_a_childs():
    event = {"results": {"a": {"n": 1}}, "children": [{"name": "b", "result": 2}, {"name": "b", "result": 3}]}
    assert (result_of(event, "a"), result_of(event, "b"), result_of(event, "c")) == ({"n": 1}, 2, None)
    assert result_of({}, "a") is None


def test_an_input_that_is_no_object_has_no_members():
    assert input_of({"input": {"a": 1}}, "a") == 1
    assert input_of({"input": [1]}, "a") is input_of({}, "a") is None


def test_first_passes_over_nothing_but_none():
    assert first(None, {}, {"a": 1}) == {}
    assert first(None, 0) == 0


def test_text_is_one_composed_line():
    assert text("  Cafe\u0301\n  au\tlait ", "x") == "Caf\u00e9 au lait"


@pytest.mark.parametrize("value", ["", "  \n", 5, None, "a\x00b", "a\x1bb", "x" * 201, "\ud800"])
def test_what_is_no_text_is_named(value):
    with pytest.raises(InvalidData, match=r"^x must be "):
        text(value, "x")


def test_a_long_find_is_shown_short():
    assert len(str(InvalidData("x", "a text", ["y" * 1000]))) < 120
