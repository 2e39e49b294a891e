"""After an unanswered COMMIT the start is looked up, but its client does not wait for a frozen server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from peewee import IntegrityError, OperationalError

from stepwell.db import queries
from stepwell.db.values import IdempotencyKey, Start
from stepwell.functions.errors import NameTaken, Unavailable
from stepwell.runtime.moves import start
from stepwell.runtime.moves.start import Wanted
from tests.runtime.stage import Stage, steps


def test_the_input_is_written_once_as_text(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    stage.workflows.create("play", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "End": True}}})
    given, written, write = {"n": [1, 2, 3]}, [], start.jsontext.write
    monkeypatch.setattr(start.jsontext, "write", lambda value: written.append(value) or write(value))
    identity = stage.executions.start(stage.workflows.latest("play"), Wanted(given)).id
    assert [value for value in written if value == given] == [given]
    row = stage.execution(identity)
    assert row.input == row.data == '{"n":[1,2,3]}'


@pytest.mark.parametrize(("seconds", "looks"), [(60.0, len(start.READ_BACK_PAUSES)), (0.0, 1)])
def test_it_is_looked_for_until_too_long_has_passed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, seconds: float, looks: int
):
    stage.workflows.create("play", steps("step1"))
    latest = stage.workflows.latest("play")
    tried: list[int] = []

    @contextmanager
    def unreachable() -> Iterator[None]:
        tried.append(1)
        raise OperationalError("frozen")
        yield

    def broken(begin: Start) -> str | None:
        monkeypatch.setattr(start, "database", SimpleNamespace(connection_context=unreachable))
        raise OperationalError("the connection broke at COMMIT")

    monkeypatch.setattr(queries, "start", broken)
    monkeypatch.setattr(start, "READ_BACK_SECONDS", seconds)
    with pytest.raises(Unavailable):
        stage.executions.start(latest, Wanted({}))
    assert len(tried) == looks


def test_a_request_without_a_key_is_not_even_written_as_text():
    assert start.key_of(None, object()) is None


def test_a_key_that_an_earlier_release_kept_still_stands_for_the_same_request():
    kept = start.key_of("k", ["play", {"a": [1, "é"], "b": None}, None])
    text = '["play",{"a":[1,"é"],"b":null},null]'
    assert kept == IdempotencyKey("k", hashlib.sha256(text.encode()).hexdigest())


def test_a_conflict_that_is_not_about_the_name_is_no_name_that_is_taken(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    first = stage.start(steps("step1"), name="one")
    monkeypatch.setattr(start, "new_execution_id", lambda: first)
    with pytest.raises(IntegrityError):
        stage.executions.start(stage.workflows.latest("play"), Wanted({}, "two"))
    monkeypatch.undo()
    with pytest.raises(NameTaken):
        stage.executions.start(stage.workflows.latest("play"), Wanted({}, "one"))
