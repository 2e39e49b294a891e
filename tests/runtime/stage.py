"""A stage for one test: a runtime on a real database, with a queue inside the process and scripted handlers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

from stepwell.db import queries
from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.db.models import Activity, Attempt, Execution, Frame, History, Task, Timer
from stepwell.db.values import Claimed, DueTimer, QueuedTask
from stepwell.runtime.assembly import Runtime
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.mover.timers import STOP
from stepwell.runtime.moves.start import Wanted, key_of
from stepwell.runtime.settings import Settings
from stepwell.runtime.tasks.claims import Claims
from stepwell.runtime.tasks.slot import Work

Json = Any

SECOND = 1000
WITH_TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"
LONG_AGO = 1


def returns(value: Json) -> Outcome:
    return Outcome(result=jsontext.write(value))


def raises(error: str, cause: str | None = None) -> Outcome:
    return Outcome(error=error, cause=cause)


def steps(*names: str, **fields: Json) -> Json:
    """A step list of these step types; each step gets the fields."""
    return {"steps": [{"taskName": name, **fields} for name in names]}


def machine(**states: Json) -> Json:
    """A state machine that passes through these states in their order."""
    names = list(states)
    chained = {
        name: states[name] | ({} if _is_exit(states[name]) else {"Next": following} if following else {"End": True})
        for name, following in zip(names, [*names[1:], None], strict=True)
    }
    return {"StartAt": names[0], "States": chained}


def task(function: str, **fields: Json) -> Json:
    return {"Type": "Task", "Resource": function, **fields}


def parallel(*branches: Json, **fields: Json) -> Json:
    return {"Type": "Parallel", "Branches": list(branches), **fields}


class Script:
    """An invoker with scripted handlers. By default each returns its own name."""

    def __init__(self) -> None:
        self.parts: dict[str, Callable[[Json], Outcome]] = {}
        self.events: list[tuple[str, Json]] = []
        self.keys: list[tuple[str, str | None]] = []
        """The function of each call, and the idempotency key in its client context."""
        self.killed: list[str] = []

    def let(self, function: str, *outcomes: Outcome | Callable[[Json], Outcome]) -> None:
        """Script a function: its outcomes at the first call, the second, and so on; the last one repeats."""
        waiting = list(outcomes)

        def part(event: Json) -> Outcome:
            act = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return act if isinstance(act, Outcome) else act(event)

        self.parts[function] = part

    def run(self, invocation: Invocation) -> Outcome:
        name, event = invocation.target.name, json.loads(invocation.event)
        self.events.append((name, event))
        client = invocation.context()["client_context"] or {}
        self.keys.append((name, client.get("custom", {}).get("idempotencyKey")))
        part = self.parts.get(name)
        return part(event) if part else returns(name)

    def kill(self, key: str) -> bool:
        self.killed.append(key)
        return True

    def keep_warm(self, children: int) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing to end."""


class Stage:
    def __init__(self, runtime: Runtime, script: Script) -> None:
        self.runtime = runtime
        self.script = script
        self.executions = runtime.executions
        self.workflows = runtime.workflows
        self.queue = runtime.storage
        self.work, self.loops = runtime.worker()
        self.tasks: Claims = self.work.claims

    def another_worker(self) -> Work:
        """The work of another process, under its own owner name."""
        return self.runtime.worker()[0]

    def start(
        self,
        definition: Json,
        input: Json = None,
        *,
        workflow: str = "play",
        name: str | None = None,
        key: str | None = None,
    ) -> str:
        """Start a new execution of this definition. Returns its id."""
        self.workflows.create(workflow, definition)
        given = input or {}
        wanted = Wanted(given, name, key_of(key, [workflow, given, name]))
        return self.executions.start(self.workflows.latest(workflow), wanted).id

    def waiting(self, older_ms: int = 0, most: int = 100) -> list[QueuedTask]:
        """The tasks that the database knows to wait."""
        with database.connection_context():
            return queries.waiting_tasks(dict.fromkeys(queries.waiting_workflows(None, 100)), older_ms, most)

    def make_activity(self, name: str) -> None:
        """Make an activity, so that workers outside may poll for its tasks."""
        with database.connection_context():
            Activity.insert(name=name, created_at=LONG_AGO).on_conflict_ignore().execute()

    def take_queued(self) -> list[str]:
        """Empty the queue. Returns the ids of its tasks."""
        return [json.loads(self.queue.dequeue())["task"] for _ in range(self.queue.depth())]

    def run(self, work: Work | None = None) -> None:
        """Run all queued tasks, and fire all timers as if they were due, until nothing is left."""
        while True:
            for task_id in self.take_queued():
                (work or self.work).run(task_id)
            if not self.queue.depth() and not self.fire_timers():
                return

    def fire_timers(self) -> int:
        """Fire all timers that are there now, due or not. Returns how many changed something."""
        with database.connection_context():
            Timer.update(due_at=LONG_AGO).where(Timer.again_at.is_null()).execute()
            Timer.update(again_at=LONG_AGO).where(Timer.again_at.is_null(False)).execute()
        fired = 0
        # A timer that is written meanwhile is due later than LONG_AGO, and so behind all of these.
        while self.timers(Timer.due_at == LONG_AGO):
            fired += bool(self.executions.fire_next())
        while self.timers(Timer.again_at == LONG_AGO):
            fired += self.executions.fire_again()
        return fired

    def stop_orphans(self) -> None:
        """Stop the child executions that nobody waits for, as the sweep and the timers do."""
        self.work.nested.sweep()
        for timer in self.timers(Timer.kind == STOP):
            self.executions.fire(timer)

    def timers(self, *where: Any) -> list[DueTimer]:
        return timers(*where)

    def fire_run_timers(self) -> int:
        """Pump all Map Runs that request it. Returns the number of requests."""
        return sum(self.executions.fire(timer) for timer in self.timers(Timer.kind == "run"))

    def claim(self, execution_id: str, work: Work | None = None) -> Claimed:
        """Claim an execution's first queued task."""
        return self.claim_all(execution_id, work)[0]

    def claim_all(self, execution_id: str, work: Work | None = None) -> list[Claimed]:
        """Claim each queued task, in the order of the tasks' numbers."""
        queued = [one.id for one in self.rows(execution_id) if one.status == "QUEUED"]
        claims = [(work or self.work).claims.claim(one) for one in queued]
        assert claims and None not in claims, f"of {execution_id} cannot be claimed: {queued}"
        return claims

    def succeed(self, claim: Claimed, result: Json = None, *, goes_on: bool = False) -> Claimed | None:
        return self.executions.succeed(claim, jsontext.write(result), "", lambda following: goes_on)

    def succeed_slowly(self, claim: Claimed, result: Json = None) -> None:
        """Report a result by the general path, as if the hot path refused it."""
        with self.general_path():
            self.succeed(claim, result)

    @contextmanager
    def general_path(self) -> Iterator[None]:
        """Inside, the hot path's statement refuses every move."""
        finish, queries.finish = queries.finish, lambda move: None
        try:
            yield
        finally:
            queries.finish = finish

    # Rows

    def execution(self, execution_id: str) -> Execution:
        with database.connection_context():
            return Execution.get_by_id(execution_id)

    def status(self, execution_id: str) -> str:
        return self.execution(execution_id).status

    def output(self, execution_id: str) -> Json:
        return json.loads(self.execution(execution_id).output)

    def task(self, execution_id: str, place: int = 1) -> Task:
        """The task at this place, from 1. In a step list the place is the task's number."""
        return self.rows(execution_id)[place - 1]

    def rows(self, execution_id: str) -> list[Task]:
        with database.connection_context():
            return list(Task.select().where(Task.execution_id == execution_id).order_by(Task.number))

    def statuses(self, execution_id: str) -> list[str]:
        return [one.status for one in self.rows(execution_id)]

    def attempts(self, execution_id: str) -> list[tuple[int, int, str]]:
        """(place of the task, attempt, outcome), in that order."""
        places = {one.id: place for place, one in enumerate(self.rows(execution_id), start=1)}
        with database.connection_context():
            found = list(Attempt.select().where(Attempt.task_id.in_(list(places))))
        return sorted((places[one.task_id], one.attempt, one.outcome) for one in found)

    def history(self, execution_id: str) -> list[str]:
        """The types of the history's lines. Checks that they are numbered from 1 without a gap, as the row counts."""
        with database.connection_context():
            lines = list(History.select().where(History.execution_id == execution_id).order_by(History.id))
        assert [line.id for line in lines] == list(range(1, len(lines) + 1))
        assert self.execution(execution_id).history_count == len(lines)
        return [line.type for line in lines]

    def left_open(self, execution_id: str) -> list[Any]:
        """Rows that an ended execution must not have: open tasks, timers and, after a success, frames."""
        with database.connection_context():
            tasks = Task.select().where(Task.execution_id == execution_id, Task.status.in_(OPEN))
            has_failed = Execution.get_by_id(execution_id).status != "COMPLETED"
            kept = (Timer,) if has_failed else (Timer, Frame)
            return [*tasks, *(row for one in kept for row in one.select() if row.execution_id == execution_id)]

    def everything(self, execution_id: str) -> Json:
        """All rows of an execution, for a later comparison."""
        with database.connection_context():
            mine = Task.select(Task.id).where(Task.execution_id == execution_id)
            return {
                "execution": list(Execution.select().where(Execution.id == execution_id).dicts()),
                "attempts": _sorted(Attempt.select().where(Attempt.task_id.in_(mine))),
                **{
                    model.__name__: _sorted(model.select().where(model.execution_id == execution_id))
                    for model in (Task, Frame, Timer, History)
                },
            }

    def set(self, row: Task, **columns: Any) -> None:
        """Change a task's row directly in the database."""
        with database.connection_context():
            Task.update(**columns).where(Task.id == row.id).execute()


def timers(*where: Any) -> list[DueTimer]:
    """The timers, or those for which the conditions hold, earliest first."""
    with database.connection_context():
        found = Timer.select().where(True, *where).order_by(Timer.due_at)
        return [DueTimer(one.execution_id, one.frame, one.entry, one.number, one.kind) for one in found]


OPEN = ("PENDING", "QUEUED", "IN_PROGRESS")


@contextmanager
def staged(url: str, home: Path, **settings: Any) -> Iterator[Stage]:
    """A stage on an empty database, with the settings of a quick test."""
    connect(url)
    migrate()
    script = Script()
    runtime = Runtime(Settings(home=home, database_url=url, artifacts_dir=home, outbox_dir=home, **settings), script)
    try:
        yield Stage(runtime, script)
    finally:
        runtime.close()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run each act in its own thread, all from the same moment on. Returns their results."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        gate.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def _is_exit(state: Json) -> bool:
    return state["Type"] in ("Succeed", "Fail") or "Next" in state


def _sorted(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return sorted(rows.dicts(), key=lambda row: [str(value) for value in row.values()])
