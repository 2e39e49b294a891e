"""Each check passes a sound run, and reports a run with one fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.torture import checks
from tests.torture.checks import LOST, RAN_AGAIN, RECORDED_TWICE, STUCK, WRONG
from tests.torture.client import Answer, Story
from tests.torture.ledger import Attempt, Line, Record, Task
from tests.torture.plans import Plan
from tests.torture.simulator import Ending

LIFE = ("TaskScheduled", "TaskStarted", "TaskStarted", "TaskSucceeded")
TREE = {"name": "append", "data": {"plan": 1, "value": 7, "node": 1}}
PLAN = Plan(1, "/flows", TREE, "plan-1", True, None, 0, TREE, {})
BREAKS = {"name": "breaks", "data": {"plan": 1, "value": 7, "node": 1}}
STORY = Story(PLAN, "e-1")
EFFECTS = Counter({"e-1/S1": 2})


def lines(*types: str) -> list[Line]:
    return [
        Line(place, kind, place, "S1", {"task": 1} if kind.startswith("Task") else {})
        for place, kind in enumerate(types, start=1)
    ]


def attempts(*outcomes: str) -> list[Attempt]:
    return [Attempt(place, outcome, None, place) for place, outcome in enumerate(outcomes, start=1)]


TASK = Task(1, "S1", "COMPLETED", 2, 1, 0, 1, False, attempts("LOST", "COMPLETED"))
HISTORY = lines("ExecutionStarted", *LIFE, "ExecutionSucceeded")
RECORD = Record("e-1", 1, "COMPLETED", 7, None, None, 6, HISTORY, [TASK], 0)


def record(**changes: Any) -> Record:
    return replace(RECORD, **changes)


def found(stories: Sequence[Story], records: Sequence[Record], effects: Counter[str] = EFFECTS) -> list[str]:
    return [breach.kind for breach in checks.all_breaches(stories, records, effects)]


def test_a_sound_run_has_no_breaches() -> None:
    assert found([STORY], [RECORD]) == []
    assert checks.duplicates(RECORD, EFFECTS) == 1


def test_what_was_not_acknowledged_may_be_missing_but_not_wrong() -> None:
    assert found([Story(PLAN)], []) == []
    assert found([Story(PLAN)], [RECORD]) == []
    assert found([Story(PLAN)], [record(output=8)]) == [WRONG]


@pytest.mark.parametrize(
    ("kind", "records"),
    [
        (LOST, []),
        (STUCK, [record(status="IN_PROGRESS")]),
        (WRONG, [record(output=8)]),
        (WRONG, [record(left=1)]),
        (WRONG, [record(history_count=7)]),
        (WRONG, [record(lines=HISTORY[:2] + HISTORY[3:])]),
        (WRONG, [record(plan=2, id="e-2", tasks=[])]),
    ],
)
def test_what_is_lost_stuck_or_wrong_is_told(kind: str, records: list[Record]) -> None:
    assert kind in found([STORY], records)


def test_another_status_or_error_than_expected_is_told() -> None:
    failing = Story(replace(PLAN, definition=BREAKS), "e-1")
    failed = record(
        status="FAILED", error="Broken", output=None, lines=lines("ExecutionStarted", *LIFE, "ExecutionFailed")
    )
    assert found([failing], [failed]) == []
    assert found([failing], [replace(failed, error="NotYet")]) == [WRONG]
    assert found([STORY], [failed]) == [WRONG]
    assert found([failing], [RECORD]) == [WRONG]


def test_a_cancel_that_was_acknowledged_must_be_the_end() -> None:
    cancelled = Story(PLAN, "e-1", is_cancelled=True)
    aborted = record(status="CANCELLED", lines=lines("ExecutionStarted", *LIFE, "ExecutionAborted"))
    assert found([cancelled], [aborted]) == []
    assert found([cancelled], [RECORD]) == [WRONG]
    assert found([STORY], [aborted]) == [WRONG]


def test_two_executions_of_one_start_are_told() -> None:
    assert WRONG in found([STORY], [RECORD, record(id="e-2")])


def lost_thrice(**changes: Any) -> Record:
    """An execution whose only task failed by the loss of three workers."""
    third = Attempt(3, "LOST", "States.TaskFailed", 3)
    lost = replace(TASK, status="FAILED", attempt=3, losses=3, attempts=[*attempts("LOST", "LOST"), third])
    history = lines("ExecutionStarted", "TaskScheduled", *["TaskStarted"] * 3, "TaskFailed", "ExecutionFailed")
    history[5] = replace(history[5], details={"task": 1, "cause": "WorkerLost: 3 workers were lost"})
    ended = record(status="FAILED", error="States.TaskFailed", tasks=[lost], lines=history, history_count=len(history))
    return replace(ended, **changes)


def test_three_lost_workers_are_a_failure_of_their_task_and_what_follows_is_compared() -> None:
    assert found([STORY], [lost_thrice()]) == []
    assert checks.lost_tries(lost_thrice()) == {1: [0]}
    assert found([STORY], [lost_thrice(error="Broken")]) == [WRONG]
    retried = Story(replace(PLAN, definition={**TREE, "opts": {"attempts": 2}}), "e-1")
    assert found([retried], [lost_thrice()]) == [WRONG], "it should have been tried again"


def test_what_was_lost_in_one_of_several_visits_of_a_state_is_not_compared() -> None:
    again = replace(TASK, number=2)
    several = replace(lost_thrice(), tasks=[*lost_thrice().tasks, again])
    assert checks.expected_ending(PLAN, lost_thrice()) == Ending("FAILED", errors=frozenset({"States.TaskFailed"}))
    assert checks.expected_ending(PLAN, several) is None


def test_losses_are_counted_over_all_tries() -> None:
    third = Attempt(3, "LOST", "States.TaskFailed", 3)
    ends = [*attempts("LOST", "LOST"), third, Attempt(4, "LOST", None, 4), Attempt(5, "COMPLETED", None, 5)]
    lost = replace(TASK, attempt=5, losses=4, attempts=ends)
    first = ("TaskScheduled", "TaskStarted", "TaskStarted", "TaskStarted", "TaskFailed")
    retried = ("TaskScheduled", "TaskStarted", "TaskStarted", "TaskSucceeded")
    history = lines("ExecutionStarted", *first, *retried, "ExecutionSucceeded")
    kept = record(tasks=[lost], lines=history, history_count=len(history))
    assert found([STORY], [kept]) == []
    assert found([STORY], [replace(kept, tasks=[replace(lost, losses=3)])]) == [WRONG]


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        (RECORDED_TWICE, (*LIFE, "TaskSucceeded")),
        (RAN_AGAIN, ("TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStarted")),
        (WRONG, LIFE[:-1]),
        (WRONG, ("TaskStarted", *LIFE)),
        (WRONG, ("TaskScheduled", *LIFE)),
        (WRONG, (*LIFE[:-1], "TaskFailed", "TaskSucceeded")),
    ],
)
def test_a_life_that_no_task_may_have_is_told(kind: str, types: tuple[str, ...]) -> None:
    history = lines("ExecutionStarted", *types, "ExecutionSucceeded")
    assert kind in found([STORY], [record(lines=history, history_count=len(history))])


PASSED_ON = ("TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded")


def with_a_token(*types: str, outcomes: Sequence[str], **changes: Any) -> list[str]:
    """The breaches of an execution whose only task has a token."""
    history = lines("ExecutionStarted", *types, "ExecutionSucceeded")
    attempt, losses = types.count("TaskStarted"), outcomes.count("LOST")
    task = replace(TASK, waits=True, attempt=attempt, losses=losses, attempts=attempts(*outcomes))
    kept = record(tasks=[replace(task, **changes)], lines=history, history_count=len(history))
    return found([STORY], [kept], Counter({"e-1/S1": 1}))


def test_a_task_with_a_token_ends_with_its_answer_and_not_with_its_handler() -> None:
    assert with_a_token(*PASSED_ON, outcomes=["COMPLETED"]) == []
    assert (
        with_a_token("TaskScheduled", "TaskStarted", "TaskFailed", *PASSED_ON, outcomes=["FAILED", "COMPLETED"]) == []
    )
    assert with_a_token("TaskScheduled", "TaskStarted", "TaskSucceeded", outcomes=["LOST"]) == []
    assert with_a_token(*PASSED_ON, outcomes=["COMPLETED"], waits=False) == [WRONG]
    assert with_a_token(*PASSED_ON, "TaskSucceeded", outcomes=["COMPLETED"]) == [RECORDED_TWICE, WRONG]
    assert RAN_AGAIN in with_a_token(*PASSED_ON, "TaskStarted", outcomes=["COMPLETED", "COMPLETED"])


@pytest.mark.parametrize("ends", [(), ("ExecutionFailed",), ("ExecutionSucceeded", "ExecutionSucceeded")])
def test_an_execution_ends_once_and_as_its_status_says(ends: tuple[str, ...]) -> None:
    history = lines("ExecutionStarted", *LIFE, *ends)
    assert found([STORY], [record(lines=history, history_count=len(history))]) == [WRONG]


@pytest.mark.parametrize(
    "changes",
    [
        {"attempts": attempts("COMPLETED")},
        {"attempts": attempts("LOST", "FAILED")},
        {"attempts": attempts("COMPLETED", "COMPLETED")},
        {"attempts": attempts("FAILED", "COMPLETED")},
        {"attempt": 3},
        {"losses": 0},
        {"status": "FAILED"},
        {"status": "QUEUED"},
    ],
)
def test_rows_that_do_not_agree_are_told(changes: dict[str, Any]) -> None:
    assert WRONG in found([STORY], [record(tasks=[replace(TASK, **changes)])])


def test_a_handler_that_ran_without_a_claim_or_not_at_all_is_told() -> None:
    assert found([STORY], [RECORD], Counter({"e-1/S1": 3})) == [RAN_AGAIN]
    assert found([STORY], [RECORD], Counter()) == [WRONG]


def test_an_api_that_tells_something_else_is_told() -> None:
    body = {"status": "COMPLETED", "output": 7, "error": None, "cause": None}
    answers = [Answer(200, body), Answer(200, {**body, "output": 8}), Answer(503, {}), Answer(404, {})]
    breaches = [[breach.kind for breach in checks.answer_breaches(RECORD, answer)] for answer in answers]
    assert breaches == [[], [WRONG], [WRONG], [LOST]]
