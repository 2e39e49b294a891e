"""Keys of clients and keys of our own are never the same."""

from __future__ import annotations

import pytest

from stepwell.runtime.ids import task_id
from stepwell.runtime.moves import start_keys
from stepwell.runtime.moves.start import key_of
from stepwell.runtime.tasks.slot import call_of
from tests.runtime.stage import Stage, machine, task

ID = "01a20fc5-e6ce-7ef2-af04-ef428e000000"
START = "arn:aws:states:::states:startExecution"
OURS = (start_keys.of_try(task_id(ID, 7), 2), start_keys.of_redrive(ID, "mine"), start_keys.of_redrive(ID, ""))
THEIRS = ("k", "task:4711", "redrive:", f"task:{ID}", f"order:{ID}/0", "\xe9")


@pytest.mark.parametrize("key", OURS)
def test_a_client_cannot_send_a_key_of_ours(key: str):
    stored = start_keys.of_client(key)
    assert stored != key and stored == start_keys.of_client(key)
    assert not str(stored).isprintable()


@pytest.mark.parametrize("key", THEIRS)
def test_any_other_key_is_stored_as_it_comes_and_as_it_was_before(key: str):
    assert start_keys.of_client(key) == key
    assert start_keys.of_client(None) is None


def test_a_client_who_knows_a_task_cannot_start_in_its_place(stage: Stage):
    stage.workflows.create("inner", machine(work=task("step1")))
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:inner"
    identity = stage.start(machine(start=task(START, Parameters={"StateMachineArn": arn})))
    claim = stage.claim(identity)
    api = stage.runtime.api_context("r").executions
    own = start_keys.of_try(claim.id, 0)
    theirs = api.start("play", {}, idempotency_key=own).id
    assert api.start("play", {}, idempotency_key=own).id == theirs
    outcome = stage.work.nested.run(call_of(claim))
    assert outcome.error is None and theirs not in str(outcome.result)
    assert key_of(own, {}) != key_of(start_keys.of_client(own), {})
