"""A task that waits for a token: its handler gets the token, a new one at each try."""

from __future__ import annotations

from typing import Any

from stepwell.runtime.engine.core.commands import DispatchTask
from stepwell.runtime.engine.definition import validate
from stepwell.runtime.engine.definition.load import load
from tests.runtime.engine.driver import Answer, Driver, Play

Json = Any

WITH_TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"

PARAMETERS = {"FunctionName": "send", "Payload": {"token.$": "$$.Task.Token", "x.$": "$.x"}}


def played(seed: int, **fields: Json) -> Play:
    state = {"Type": "Task", "Resource": WITH_TOKEN, "Parameters": PARAMETERS, "End": True, **fields}
    document = {"StartAt": "A", "States": {"A": state}}
    assert validate.workflow(document, ("send",)) == []
    answers = iter([Answer(error="E"), Answer("done")])
    return Driver(load(document), {"x": 1}, lambda task: next(answers), seed=seed).run()


def test_the_handler_is_given_a_token_of_each_trys_own() -> None:
    seen = played(1, Retry=[{"ErrorEquals": ["E"]}])
    first, second = seen.dispatched
    assert [one.input for one in seen.dispatched] == [{"token": first.token, "x": 1}, {"token": second.token, "x": 1}]
    assert first.token != second.token
    assert (seen.execution.status, seen.execution.output) == ("COMPLETED", "done")


def test_a_token_names_its_task_and_holds_a_secret() -> None:
    tokens = [played(seed, Catch=[{"ErrorEquals": ["E"], "Next": "A"}]).dispatched[0].token or "" for seed in (1, 2)]
    assert all(token.startswith("e-1.2.") and len(token.rpartition(".")[2]) == 32 for token in tokens)
    assert tokens[0] != tokens[1], "the secret comes from the event's seed"


def test_an_ordinary_task_has_no_token() -> None:
    document = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "send", "End": True}}}
    asked: list[DispatchTask] = []

    def answer(task: DispatchTask) -> Answer:
        asked.append(task)
        return Answer()

    Driver(load(document), {}, answer).run()
    assert [task.token for task in asked] == [None]
