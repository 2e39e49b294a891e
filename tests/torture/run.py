"""One run: start a stack, use and hurt it for some minutes, let it come to rest, and judge the result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.torture import checks, ledger, recovery
from tests.torture.answers import Answerer
from tests.torture.checks import Breach
from tests.torture.client import Client
from tests.torture.faults import DATABASE_OUTAGES, Faults
from tests.torture.ledger import Record
from tests.torture.plans import plans
from tests.torture.recovery import Standstill
from tests.torture.stack import Options, Stack, pause, running
from tests.torture.watcher import Watcher

REST_SECONDS = 60
"""Seconds in which executions may end after the last fault, besides the leases that must run out first."""

SLACK_SECONDS = 10
"""Seconds that recovery may take beyond lease and sweep, among them the 5 s wait of a task after its second loss."""


@dataclass(frozen=True)
class Report:
    """The result of a run, with all breaches."""

    options: Options
    client: Client
    faults: Faults
    watcher: Watcher
    records: Sequence[Record]
    breaches: Sequence[Breach]
    tokens: int
    duplicates: int
    standstill: Standstill | None

    @property
    def recovery_limit(self) -> float:
        return self.options.lease + self.options.sweep + SLACK_SECONDS

    def count(self, kind: str) -> int:
        return sum(breach.kind == kind for breach in self.breaches)


def torture(options: Options, place: Path, *, forked: bool = False) -> Report:
    """Do one run. ``place`` is an empty folder for logs and for the handlers' files.

    ``forked``: fork the processes from the cradle, so that a busy machine restarts them as quickly.
    """
    with running(place, options, forked=forked) as stack:
        client = Client(stack.webs, options.rate, plans(options.seed))
        client.store(options.seed)
        faults = Faults(stack, client, options)
        watcher = Watcher(stack.postgres.url)
        answerer = Answerer(client, stack.tokens)
        _let_it_be(options, client, answerer, faults, watcher)
        return _judged(options, stack, client, answerer, faults, watcher)


def _let_it_be(options: Options, client: Client, answerer: Answerer, faults: Faults, watcher: Watcher) -> None:
    watcher.begin()
    client.begin()
    answerer.begin()
    faults.begin()
    pause(options.minutes * 60)
    faults.end()
    client.end()
    watcher.await_nothing_open(REST_SECONDS + 3 * options.lease)
    answerer.end()
    watcher.end()


def _judged(
    options: Options, stack: Stack, client: Client, answerer: Answerer, faults: Faults, watcher: Watcher
) -> Report:
    faults.problems += [f"{member.name} has ended by itself" for member in stack.members if not member.is_alive()]
    records = ledger.read(stack.postgres.url)
    effects = ledger.read_effects(stack.effects)
    breaches = list(checks.all_breaches(client.stories, records, effects))
    for record in records:
        breaches += checks.answer_breaches(record, client.get(f"/executions/{record.id}"))
    standstill = recovery.longest(records, _outages(faults), _paused(client))
    _keep_histories(stack.place, records, breaches, standstill)
    return Report(
        options=options,
        client=client,
        faults=faults,
        watcher=watcher,
        records=records,
        breaches=breaches,
        tokens=answerer.taken,
        duplicates=sum(checks.duplicates(record, effects) for record in records),
        standstill=standstill,
    )


def _outages(faults: Faults) -> list[recovery.Interval]:
    return [(one.began, one.ended) for one in faults.done if one.kind in DATABASE_OUTAGES]


def _paused(client: Client) -> dict[str, recovery.Interval]:
    return {story.execution_id: story.paused for story in client.stories if story.execution_id and story.paused}


def _keep_histories(
    place: Path, records: Sequence[Record], breaches: Sequence[Breach], standstill: Standstill | None
) -> None:
    """Write the histories of all executions with a breach, and of the one with the longest standstill."""
    wanted = {breach.execution_id for breach in breaches}
    with (place / "histories").open("w") as file:
        if standstill is not None:
            file.write(f"longest: {standstill}\n")
            wanted.add(standstill.execution_id)
        file.writelines(f"{history_of(record)}\n\n" for record in records if record.id in wanted)


def history_of(record: Record) -> str:
    """An execution's history and tasks as text for people."""
    head = f"{record.id} {record.status} {record.error or ''} (plan {record.plan})"
    lines = [
        f"  {line.id:4} {line.at:.3f} {line.type} {line.step or ''} {_short(line.details)}" for line in record.lines
    ]
    tasks = [
        f"  task {task.number} {task.step} {task.status}, losses {task.losses}: "
        + ", ".join(f"{one.attempt} {one.outcome} {one.finished_at:.3f}" for one in task.attempts)
        for task in record.tasks
    ]
    return "\n".join([head, *lines, *tasks])


def _short(details: object) -> str:
    return json.dumps(details)[:160]
