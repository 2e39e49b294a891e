from __future__ import annotations

import json

import pytest

from stepwell.functions.dashboard import _excerpts
from stepwell.functions.dashboard._excerpts import SHOWN, Excerpt

CAUSE = {"errorType": "Boom", "errorMessage": "it broke", "stackTrace": ["one\n  two\n", "three"], "requestId": "r"}


@pytest.mark.parametrize("value", [None, False, 0, "é", [], {}, {"a": [1, {"b": None}]}])
def test_a_small_value_is_shown_whole(value):
    shown = _excerpts.of_json(value)
    assert json.loads(shown.text) == value and shown.whole is None


def test_a_large_value_is_cut_and_its_length_told_in_bytes():
    shown = _excerpts.of_json(["é" * 100] * 100)
    assert len(shown.text) == SHOWN
    assert shown.whole == len(json.dumps(["é" * 100] * 100, ensure_ascii=False, separators=(",", ":")).encode())


def test_of_a_large_value_only_what_is_shown_is_laid_out(monkeypatch):
    laid_out = []
    monkeypatch.setattr(_excerpts._PRETTY, "iterencode", lambda value: (laid_out.append(1) or "x" for _ in value))
    _excerpts.of_json([0] * 100_000)
    assert len(laid_out) == SHOWN + 1


def test_beginning_and_ending():
    assert _excerpts.beginning("short") == _excerpts.ending("short") == Excerpt("short")
    text = "a" + "b" * SHOWN + "é"
    assert _excerpts.beginning(text) == Excerpt(text[:-2], SHOWN + 3)
    assert _excerpts.ending(text) == Excerpt(text[2:], SHOWN + 3)


def test_lambdas_form_is_taken_apart():
    failure = _excerpts.failure("Boom", json.dumps(CAUSE))
    assert (failure.error, failure.message.text) == ("Boom", "it broke")
    assert failure.trace == Excerpt("one\n  two\nthree")
    assert failure.others == {"requestId": "r"}


def test_lambdas_form_names_the_error_when_nothing_else_does():
    assert _excerpts.failure(None, json.dumps(CAUSE)).error == "Boom"


@pytest.mark.parametrize(
    "cause",
    [
        "plain text",
        "12",
        "[1]",
        '{"errorType": "Boom"}',
        '{"errorType": "Boom", "errorMessage": "cut',
        '{"errorType": "Boom", "errorMessage": "m", "stackTrace": "no list"}',
        "[" * 100_000,
        "9" * 10_000,
    ],
)
def test_any_other_cause_is_shown_as_it_came(cause):
    failure = _excerpts.failure("Boom", cause)
    assert (failure.error, failure.message.text, failure.trace) == ("Boom", cause[:SHOWN], None)


@pytest.mark.parametrize(("error", "cause"), [(None, None), ("", "")])
def test_an_error_that_says_nothing(error, cause):
    assert _excerpts.failure(error, cause) == _excerpts.ShownError("", Excerpt(""))


def test_a_trace_of_anything_is_shown():
    cause = {**CAUSE, "errorMessage": None, "stackTrace": [{"line": 1}, None]}
    failure = _excerpts.failure("Boom", json.dumps(cause))
    assert (failure.message.text, failure.trace) == ("None", Excerpt("{'line': 1}\nNone"))


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")],
)
def test_size(count, words):
    assert _excerpts.size(count) == words
