"""The checks on the rows and notes of a run. Each check is pure: it takes values and yields the breaches."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.torture.client import Answer, Story
from tests.torture.ledger import Record, Task
from tests.torture.plans import Plan
from tests.torture.simulator import Ending, ending, with_losses

LOST = "lost"
STUCK = "stuck"
WRONG = "wrong"
RECORDED_TWICE = "recorded twice"
RAN_AGAIN = "ran again after its result"

MOST_LOSSES = 3
"""The number of lost workers that fails a task, whatever its handler would have returned."""

LAST_LINES = {
    "COMPLETED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "TIMED_OUT": "ExecutionTimedOut",
    "CANCELLED": "ExecutionAborted",
}
LETTERS = {
    "TaskScheduled": "s",
    "TaskStarted": "b",
    "TaskSubmitted": "p",
    "TaskFailed": "f",
    "TaskTimedOut": "f",
    "TaskSucceeded": "w",
}
LIVES = {
    "COMPLETED": re.compile(r"(sb*p?f)*sb+p?w"),
    "FAILED": re.compile(r"(sb*p?f)*sb*p?f"),
    "CANCELLED": re.compile(r"(sb*p?f)*(sb*p?)?"),
}
"""The allowed lives of a task, by its last status: scheduled, begun any number of times, then failed or succeeded.

A task that waits for a token's answer has passed the token on (p) before, unless the answer came sooner.
"""


@dataclass(frozen=True)
class Breach:
    """A broken promise. ``execution_id`` is None if there is no execution."""

    kind: str
    execution_id: str | None
    what: str


def all_breaches(stories: Sequence[Story], records: Sequence[Record], effects: Counter[str]) -> Iterator[Breach]:
    """All breaches of a run that the database and the handlers' file show."""
    of_plan = defaultdict(list)
    for record in records:
        of_plan[record.plan].append(record)
        yield from record_breaches(record)
        yield from effect_breaches(record, effects)
    for story in stories:
        yield from story_breaches(story, of_plan.pop(story.plan.number, []))
    for number, strangers in of_plan.items():
        yield from (Breach(WRONG, one.id, f"nobody has planned it (plan {number})") for one in strangers)


# Promises


def story_breaches(story: Story, records: Sequence[Record]) -> Iterator[Breach]:
    """An acknowledged start exists once and ended as expected. An unacknowledged start may be missing."""
    if len(records) > 1:
        yield Breach(WRONG, records[1].id, f"plan {story.plan.number} was started {len(records)} times")
    if story.execution_id and story.execution_id not in {record.id for record in records}:
        yield Breach(LOST, story.execution_id, f"plan {story.plan.number} was acknowledged")
    for record in records:
        if record.status == "IN_PROGRESS":
            yield Breach(STUCK, record.id, "it has not ended")
        elif (expected := expected_ending(story.plan, record)) is not None:
            yield from (Breach(WRONG, record.id, what) for what in _unexpected(story, record, expected))


def lost_tries(record: Record) -> dict[int, list[int]]:
    """By the node of a task, the numbers (from 0) of its tries that failed by the loss of three workers."""
    found: dict[int, list[int]] = {}
    for task in record.tasks:
        failures = [line.details for line in record.lines_of(task) if LETTERS.get(line.type) == "f"]
        lost = [place for place, details in enumerate(failures) if str(details.get("cause")).startswith("WorkerLost")]
        if lost:
            found[task.node] = lost
    return found


def expected_ending(plan: Plan, record: Record) -> Ending | None:
    """The expected end, if exactly the tries of ``lost_tries`` failed by lost workers.

    None if one of these nodes has several tasks, for the items of a Map or after a Retry around it: the simulator
    knows no time, so it cannot know which of the tasks was lost.
    """
    lost = lost_tries(record)
    nodes = Counter(task.node for task in record.tasks)
    if any(nodes[node] > 1 for node in lost):
        return None
    return ending(with_losses(plan.definition, lost), plan.given) if lost else plan.expected


def _unexpected(story: Story, record: Record, expected: Ending) -> Iterator[str]:
    status = "CANCELLED" if story.is_cancelled else expected.status
    if record.status != status:
        yield f"it is {record.status} ({record.error}), not {status}"
    elif record.status == "COMPLETED" and record.output != expected.output:
        yield f"its output is {record.output!r:.200}, not {expected.output!r:.200}"
    elif record.status in ("FAILED", "TIMED_OUT") and record.error not in expected.errors:
        yield f"its error is {record.error}, not {' or '.join(sorted(expected.errors))}"


def answer_breaches(record: Record, answer: Answer) -> Iterator[Breach]:
    """The REST API shows an execution as the database holds it."""
    if answer.status == 404:
        yield Breach(LOST, record.id, "the API does not know it")
        return
    answered = answer.status, *(answer.body.get(name) for name in ("status", "output", "error", "cause"))
    if answered != (200, record.status, record.output, record.error, record.cause):
        yield Breach(WRONG, record.id, f"the API tells {answered!r:.300}")


# Rows


def record_breaches(record: Record) -> Iterator[Breach]:
    """An execution's rows agree with each other, and none is left over."""
    if record.status == "IN_PROGRESS":
        return
    yield from (Breach(WRONG, record.id, what) for what in _ledger_faults(record))
    if record.left:
        yield Breach(WRONG, record.id, f"{record.left} rows of timers and frames are left")
    for task in record.tasks:
        yield from _task_breaches(record, task)


def _ledger_faults(record: Record) -> Iterator[str]:
    ids = [line.id for line in record.lines]
    types = [line.type for line in record.lines]
    if ids != list(range(1, record.history_count + 1)):
        yield f"its history has the lines {ids}, of {record.history_count}"
    if types[:1] != ["ExecutionStarted"] or types.count("ExecutionStarted") != 1:
        yield f"its history begins with {types[:1]}"
    ends = [kind for kind in types if kind in LAST_LINES.values()]
    if ends != [LAST_LINES[record.status]] or types[-1:] != ends:
        yield f"it is {record.status}, and its history ends with {types[-1:]} of {ends}"


def _task_breaches(record: Record, task: Task) -> Iterator[Breach]:
    life = "".join(LETTERS.get(line.type, "?") for line in record.lines_of(task))
    name = f"task {task.number} ({task.step})"
    if life.count("w") > 1:
        yield Breach(RECORDED_TWICE, record.id, f"{name}: {life}")
    if "b" in life.partition("w")[2]:
        yield Breach(RAN_AGAIN, record.id, f"{name}: {life}")
    if task.status not in LIVES or not LIVES[task.status].fullmatch(life):
        yield Breach(WRONG, record.id, f"{name} is {task.status} and has lived {life}")
    yield from (Breach(WRONG, record.id, f"{name}: {what}") for what in _attempt_faults(task, life))


def _attempt_faults(task: Task, life: str) -> Iterator[str]:
    """The attempts' rows, the task's own row and the history agree in number."""
    outcomes = [one.outcome for one in task.attempts]
    numbers = [one.attempt for one in task.attempts]
    if numbers != list(range(1, task.attempt + 1)) or life.count("b") != task.attempt:
        yield f"attempt {task.attempt}, rows {numbers}, begun {life.count('b')} times"
    if outcomes.count("LOST") != task.losses:
        yield f"{task.losses} losses with {outcomes}"
    if task.waits:
        return  # each attempt ends with its handler, but the task ends with an answer
    if "p" in life:
        yield f"it has passed on a token that it was not given: {life}"
    if outcomes.count("COMPLETED") != (task.status == "COMPLETED") or "COMPLETED" in outcomes[:-1]:
        yield f"{task.status} with {outcomes}"
    failures = [one for one in task.attempts if one.outcome in ("FAILED", "TIMED_OUT") or one.error is not None]
    if len(failures) != life.count("f"):
        yield f"{life.count('f')} failures with {outcomes}"


# Calls of handlers


def effect_breaches(record: Record, effects: Mapping[str, int]) -> Iterator[Breach]:
    """No handler ran without a claim, and every recorded result has a handler that ran."""
    for step, (claims, results) in _claims(record).items():
        lines = effects.get(f"{record.id}/{step}", 0)
        if lines > claims:
            yield Breach(RAN_AGAIN, record.id, f"{step} ran {lines} times with {claims} claims")
        if lines < results:
            yield Breach(WRONG, record.id, f"{step} has {results} results and ran {lines} times")


def duplicates(record: Record, effects: Mapping[str, int]) -> int:
    """The number of finished handler calls beyond the recorded results. One call per step is never a duplicate."""
    return sum(
        max(effects.get(f"{record.id}/{step}", 0) - max(results, 1), 0)
        for step, (_, results) in _claims(record).items()
    )


def _claims(record: Record) -> dict[str, tuple[int, int]]:
    """For each step the number of its claims and of its results."""
    found: dict[str, tuple[int, int]] = {}
    for task in record.tasks:
        claims, results = found.get(task.step, (0, 0))
        found[task.step] = claims + task.attempt, results + (task.status == "COMPLETED")
    return found
