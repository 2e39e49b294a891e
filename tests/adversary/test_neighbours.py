"""Nobody stops the others: rows whose moves fail, rows that others hold, and moves that compute for long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from peewee import DataError

from stepwell.db import queries
from stepwell.db.database import database, transaction
from stepwell.db.models import Execution, MapRun, Task, Timer
from stepwell.db.values import Claimed
from stepwell.functions.errors import InvalidToken
from stepwell.runtime.engine.transition import MoveTookTooLong
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.map_runs import pump
from stepwell.runtime.mover import mover, timers
from stepwell.runtime.moves.guards import TaskAnswer
from tests.runtime.stage import LONG_AGO, WITH_TOKEN, Stage, machine, raises, returns, staged, steps, task

Json = Any

MANY = 120
"""More than one look of any loop reads at a time."""
LONG = machine(w={"Type": "Wait", "Seconds": 3600}, p={"Type": "Pass"})
"""Its alarm is asked: a state is entered when the timer fires."""
WAIT = machine(w={"Type": "Wait", "Seconds": 3600})
CALL = {"FunctionName": "step1", "Payload": {"token.$": "$$.Task.Token"}}
NESTED = "arn:aws:states:::states:startExecution.sync:2"


def poison(*executions: str) -> None:
    """Change these executions' rows so that every move of theirs fails, whatever it is."""
    with database.connection_context():
        Execution.update(variables="{").where(Execution.id.in_(executions)).execute()


def due_now(*executions: str) -> None:
    """Let the timers of these executions be due, whether they were put off or not; of all if none is named."""
    mine = (Timer.execution_id.in_(executions),) if executions else (True,)
    with database.connection_context():
        Timer.update(due_at=LONG_AGO).where(Timer.again_at.is_null(), *mine).execute()
        Timer.update(again_at=LONG_AGO).where(Timer.again_at.is_null(False), *mine).execute()


def fire_due(stage: Stage) -> list[bool]:
    """Fire all that is due, as the first timer thread does."""
    return list(iter(stage.executions.fire_next, None))


def fire_until_it_ends(stage: Stage, execution: str) -> int:
    """Fire an execution's timer that was put off, until the execution has ended. Returns how often."""
    for tries in range(1, 20):
        due_now(execution)
        assert stage.executions.fire_again()
        if stage.status(execution) != "IN_PROGRESS":
            return tries
    raise AssertionError("it does not end")


def assert_ended(stage: Stage, execution: str, cause: str = "internal error") -> None:
    row = stage.execution(execution)
    assert (row.status, row.error) == ("FAILED", "States.Runtime")
    assert cause in row.cause
    assert stage.history(execution)[-1] == "ExecutionFailed"
    assert stage.left_open(execution) == []


@contextmanager
def sent() -> Iterator[list[str]]:
    """The statements that are sent inside, the prepared ones excepted."""
    statements: list[str] = []
    execute = database.obj.execute_sql

    def record(sql: str, *args: Any) -> Any:
        statements.append(sql)
        return execute(sql, *args)

    database.obj.execute_sql = record
    try:
        yield statements
    finally:
        del database.obj.execute_sql


# Timers


def test_timers_that_cannot_be_fired_keep_no_other_from_firing(stage: Stage) -> None:
    broken = [stage.start(WAIT) for _ in range(MANY)]
    poison(*broken)
    due_now()
    sound = stage.start(machine(w={"Type": "Wait", "Seconds": 0}))
    assert fire_due(stage) == [False] * MANY + [True]
    assert stage.status(sound) == "COMPLETED"
    with sent() as statements, database.connection_context():
        assert queries.next_timer_ms() > 0
        assert stage.executions.fire_next() is None
    assert len([one for one in statements if "timer" in one]) == 2


def test_a_timer_that_cannot_be_fired_ends_its_execution(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[int] = []
    put_off = timers.put_off
    monkeypatch.setattr(timers, "put_off", lambda timer, ms: (delays.append(ms), put_off(timer, ms)))
    execution = stage.start(WAIT)
    poison(execution)
    due_now()
    fire_due(stage)
    assert fire_until_it_ends(stage, execution) == mover.MOST_FAILURES - 1
    assert [ms for ms in delays if ms != mover.AGAIN_LEASE_MS] == [1000, 2000, 4000, 8000]
    assert_ended(stage, execution, "(JSONDecodeError)")


def test_a_timer_that_ends_its_process_each_time_ends_its_execution(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    execution = stage.start(WAIT)
    poison(execution)
    due_now()
    fire_due(stage)
    with monkeypatch.context() as patch:
        patch.setattr(stage.executions._mover, "fire", die)
        for _ in range(mover.MOST_FAILURES - 1):
            due_now()
            with pytest.raises(KeyboardInterrupt):
                stage.executions.fire_again()
    assert fire_until_it_ends(stage, execution) == 1
    assert_ended(stage, execution, "its process ended")


def test_a_timer_that_fires_again_goes_on_as_if_nothing_had_been(stage: Stage) -> None:
    execution = stage.start(machine(w={"Type": "Wait", "Seconds": 3600}, a=task("step1")))
    poison(execution)
    due_now()
    fire_due(stage)
    with database.connection_context():
        Execution.update(variables="{}").execute()
    due_now()
    assert stage.executions.fire_again() and not stage.executions.fire_again()
    stage.run()
    assert stage.output(execution) == "step1" and stage.left_open(execution) == []


def test_the_cause_shows_no_message_of_ours(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = stage.start(WAIT)

    def fail(*_: object) -> None:
        raise RuntimeError("connection to server at 10.0.0.1 failed: password=secret")

    monkeypatch.setattr(mover.save, "save", fail)
    due_now()
    fire_due(stage)
    fire_until_it_ends(stage, execution)
    assert_ended(stage, execution, "(RuntimeError)")
    assert "secret" not in stage.execution(execution).cause and "10.0.0.1" not in stage.execution(execution).cause


# Tasks


def as_lost(stage: Stage, execution: str) -> None:
    stage.claim(execution, stage.another_worker())
    stage.set(stage.task(execution), lease_until=LONG_AGO, losses=2)


def as_overdue(stage: Stage, execution: str) -> None:
    stage.claim(execution, stage.another_worker())
    stage.set(stage.task(execution), deadline_at=LONG_AGO)


def as_silent(stage: Stage, execution: str) -> None:
    stage.claim(execution, stage.another_worker())
    stage.set(stage.task(execution), beat_by=LONG_AGO)


SWEPT: dict[str, Callable[[Stage, str], None]] = {"lost": as_lost, "overdue": as_overdue, "silent": as_silent}


@pytest.mark.parametrize("kind", SWEPT)
def test_tasks_that_cannot_be_settled_cost_no_later_sweep_a_statement(stage: Stage, kind: str) -> None:
    with sent() as without:
        stage.tasks.sweep()
    broken = [stage.start(steps("step1")) for _ in range(5)]
    for execution in broken:
        SWEPT[kind](stage, execution)
    poison(*broken)
    stage.tasks.sweep()
    with sent() as beside:
        stage.tasks.sweep()
    assert len(beside) == len(without)
    sound = stage.start(steps("step1"))
    SWEPT[kind](stage, sound)
    stage.tasks.sweep()
    assert stage.status(sound) == "FAILED" and {stage.status(one) for one in broken} == {"IN_PROGRESS"}
    fire_until_it_ends(stage, broken[0])
    assert_ended(stage, broken[0])


@pytest.mark.parametrize("kind", SWEPT)
def test_the_end_of_a_task_that_is_taken_later_is_the_same(stage: Stage, kind: str) -> None:
    seen = []
    for is_late in (False, True):
        execution = stage.start(steps("step1"))
        SWEPT[kind](stage, execution)
        if is_late:
            poison(execution)
        stage.tasks.sweep()
        if is_late:
            with database.connection_context():
                Execution.update(variables="{}").where(Execution.id == execution).execute()
            due_now(execution)
            assert stage.executions.fire_again()
        row, own = stage.execution(execution), stage.task(execution)
        seen.append((row.status, row.error, row.cause, own.status, own.error, own.cause, own.losses, own.result))
        seen[-1] += (stage.history(execution), stage.attempts(execution), stage.left_open(execution))
    assert seen[0] == seen[1]


def test_a_lost_lease_that_cannot_be_written_is_put_off_and_ends_its_execution(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = stage.start(steps("step1"))
    as_lost(stage, execution)
    stage.set(stage.task(execution), losses=0)

    def fail(*_: object) -> None:
        raise DataError("no such number")

    monkeypatch.setattr("stepwell.runtime.tasks.claims._queue_again", fail)
    for failures in range(1, mover.MOST_FAILURES):
        stage.tasks.sweep()
        own = stage.task(execution)
        with database.connection_context():
            assert own.failures == failures and own.lease_until > queries.now() - 1
        stage.set(own, lease_until=LONG_AGO)
    stage.tasks.sweep()
    assert_ended(stage, execution, "(DataError)")


def test_a_claim_that_fails_is_put_off_and_ends_its_execution(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    execution, sound = stage.start(steps("step1")), stage.start(steps("step1"))
    waiting, claim = stage.task(execution).id, queries.claim

    def claim_or_fail(task_id: str, *args: Any) -> Claimed | None:
        if task_id == waiting:
            raise DataError("bigint out of range")
        return claim(task_id, *args)

    monkeypatch.setattr(queries, "claim", claim_or_fail)
    for failures in range(1, mover.MOST_FAILURES):
        assert stage.tasks.claim(waiting) is None
        own = stage.task(execution)
        with database.connection_context():
            assert own.failures == failures and waiting not in [one.id for one in stage.waiting()]
    assert stage.tasks.claim(waiting) is None
    assert_ended(stage, execution, "(DataError)")
    stage.work.run(stage.task(sound).id)
    assert stage.status(sound) == "COMPLETED"


@pytest.mark.parametrize("outcome", [returns(1), raises("Boom", "no")], ids=["a result", "an error"])
def test_a_result_that_cannot_be_taken_is_kept_and_its_handler_runs_once(stage: Stage, outcome: Outcome) -> None:
    execution = stage.start(steps("step1", "step2"))

    def run(_: Json) -> Outcome:
        poison(execution)
        return outcome

    stage.script.let("step1", run)
    with stage.general_path():
        stage.work.run(stage.task(execution).id)
    assert [name for name, _ in stage.script.events] == ["step1"]
    assert stage.task(execution).owner is None and stage.task(execution).lease_until is None
    stage.tasks.sweep()
    fire_until_it_ends(stage, execution)
    assert_ended(stage, execution)
    assert [name for name, _ in stage.script.events] == ["step1"]


def test_an_answer_that_cannot_be_taken_is_kept(stage: Stage) -> None:
    execution = stage.start(machine(ask=task(WITH_TOKEN, Parameters=CALL), then=task("step2")))
    stage.run()
    token = stage.task(execution).token
    poison(execution)
    stage.executions.answer(token, TaskAnswer({"a": 1}))
    with pytest.raises(InvalidToken):
        stage.executions.answer(token, TaskAnswer({"a": 2}))
    with database.connection_context():
        Execution.update(variables="{}").execute()
    stage.run()
    assert stage.status(execution) == "COMPLETED"
    assert stage.script.events[-1] == ("step2", {"a": 1})


# Map Runs and nested executions


def listed(items: int) -> tuple[Json, Json]:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, **machine(a=task("step1"))}
    return machine(all={"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor}), {
        "items": list(range(items))
    }


def start_with_a_failing_pump(stage: Stage) -> str:
    """Start a Map Run whose six items end, and let its next pump fail. Returns the execution's id."""
    execution = stage.start(*listed(6))
    fire_due(stage)
    poison(execution)
    for task_id in stage.take_queued():
        stage.work.run(task_id)
    fire_due(stage)
    return execution


def test_a_pump_that_fails_is_made_again_once_for_all_its_requests(stage: Stage) -> None:
    execution = start_with_a_failing_pump(stage)
    with database.connection_context():
        assert Timer.select().where(Timer.again_at.is_null(False)).count() == 1
        assert Timer.select().count() == 6
    fire_until_it_ends(stage, execution)
    assert_ended(stage, execution)
    with database.connection_context():
        assert [run.status for run in MapRun.select()] == ["ABORTED"]


def test_a_pump_that_succeeds_again_counts_all_that_ended_meanwhile(stage: Stage) -> None:
    execution = start_with_a_failing_pump(stage)
    with database.connection_context():
        Execution.update(variables="{}").execute()
    stage.run()
    assert stage.output(execution) == ["step1"] * 6 and stage.left_open(execution) == []


@pytest.mark.parametrize("batcher", [None, {"MaxItemsPerBatch": 2}])
def test_a_pump_that_computes_for_long_leaves_children_to_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, batcher: Json
) -> None:
    monkeypatch.setattr(mover, "PUMP_SECONDS", -1)
    definition, given = listed(6)
    if batcher:
        definition["States"]["all"]["ItemBatcher"] = batcher
    execution = stage.start(definition, given)
    for pumps in range(1, 4):
        assert stage.executions.fire_next()
        with database.connection_context():
            assert MapRun.get().begun == pumps
    stage.run()
    assert stage.output(execution) == ["step1"] * (3 if batcher else 6)


def test_children_that_compute_for_long_begin_one_by_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others that were begun by the same pump stay begun."""
    begin, late = pump.start.begin, []

    def begin_or_be_late(latest: Json, machine: Json, wanted: Json, *args: Json) -> Json:
        if wanted.input == 3 and len(late) < 2:
            late.append(1)
            raise MoveTookTooLong
        return begin(latest, machine, wanted, *args)

    monkeypatch.setattr(pump.start, "begin", begin_or_be_late)
    execution = stage.start(*listed(6))
    assert fire_due(stage) == [True, False]
    with database.connection_context():
        assert MapRun.get().begun == 3
    stage.run()
    assert stage.output(execution) == ["step1"] * 6


def start_nested(stage: Stage, count: int) -> list[str]:
    """Start executions that wait for nested ones. Returns their ids."""
    stage.workflows.create("inner", WAIT)
    arn = "arn:aws:states:eu-west-1:000000000000:stateMachine:inner"
    call = task(NESTED, Parameters={"StateMachineArn": arn})
    started = [stage.start(machine(call=call), workflow="outer") for _ in range(count)]
    for task_id in stage.take_queued():
        stage.work.run(task_id)
    return started


def test_a_sweep_costs_the_same_with_few_and_with_many_nested_executions(stage: Stage) -> None:
    costs = []
    for count in (2, 40):
        start_nested(stage, count)
        with sent() as statements:
            stage.work.nested.sweep()
        costs.append(len(statements))
    assert costs == [1, 1]


def test_orphans_that_cannot_be_stopped_keep_no_other_from_being_stopped(stage: Stage) -> None:
    parents = start_nested(stage, 4)
    with database.connection_context():
        children = [one.id for one in Execution.select().where(Execution.parent.is_null(False))]
    poison(*children[:3])
    for parent in parents:
        stage.executions.cancel(parent)
    stage.work.nested.sweep()
    fire_due(stage)
    assert [stage.status(one) for one in children] == ["IN_PROGRESS"] * 3 + ["CANCELLED"]
    stage.work.nested.sweep()
    assert fire_due(stage) == []
    fire_until_it_ends(stage, children[0])
    assert_ended(stage, children[0])


def test_a_child_that_is_waited_for_again_is_not_stopped(stage: Stage) -> None:
    start_nested(stage, 1)
    with database.connection_context():
        child = Execution.get(Execution.parent.is_null(False)).id
        timers.request_stops([child])
    fire_due(stage)
    assert stage.status(child) == "IN_PROGRESS" and not stage.timers(Timer.kind == timers.STOP)


# Locked rows


@contextmanager
def held(execution: str) -> Iterator[None]:
    """Inside, another connection holds an execution's row locked."""
    with closing(psycopg2.connect(dbname=database.obj.database, **_parameters())) as other, other.cursor() as cursor:
        cursor.execute("SELECT 1 FROM execution WHERE id = %s FOR UPDATE", (execution,))
        yield
        other.rollback()


def _parameters() -> dict[str, Any]:
    known = ("host", "port", "user", "password")
    return {name: value for name, value in database.obj.connect_params.items() if name in known}


@pytest.fixture
def locking(emptied_postgres: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage on PostgreSQL: SQLite has one writer, and no rows that are locked."""
    with staged(emptied_postgres, tmp_path / "home") as stage:
        yield stage


def test_a_locked_row_delays_no_timer_of_another(locking: Stage) -> None:
    stuck, sound = locking.start(WAIT), locking.start(WAIT)
    due_now()
    with held(stuck), sent() as statements:
        assert fire_due(locking) == [True]
        assert locking.status(sound) == "COMPLETED" and locking.status(stuck) == "IN_PROGRESS"
    assert not any("lock_timeout" in one for one in statements)
    assert fire_due(locking) == [True] and locking.status(stuck) == "COMPLETED"


@pytest.mark.parametrize("kind", SWEPT)
@pytest.mark.parametrize("losses", [0, 2])
def test_a_locked_row_delays_no_sweep_of_another(
    locking: Stage,
    kind: str,
    losses: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stuck, sound = locking.start(steps("step1")), locking.start(steps("step1"))
    for execution in (stuck, sound):
        SWEPT[kind](locking, execution)
        locking.set(locking.task(execution), losses=losses)
    before = locking.statuses(stuck)
    # The order of the sweep is random: here the stuck one comes first.
    monkeypatch.setattr("random.shuffle", lambda found: found.sort(key=lambda one: one[1] != stuck))
    with held(stuck):
        locking.tasks.sweep()
        assert locking.statuses(sound) != before == locking.statuses(stuck)
    # A lock time-out is logged.
    assert "failed" not in caplog.text
    locking.tasks.sweep()
    assert locking.statuses(stuck) == locking.statuses(sound)


def test_two_processes_take_different_timers(locking: Stage) -> None:
    started = {locking.start(WAIT) for _ in range(2)}
    due_now()
    taken, go_on = threading.Event(), threading.Event()
    found: list[str] = []

    def hold() -> None:
        with database.connection_context(), transaction():
            found.append(timers.next_due()[0].id)
            taken.set()
            go_on.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    with database.connection_context(), transaction():
        found.append(timers.next_due()[0].id)
        assert set(found) == started
        go_on.set()
    thread.join()


# Moves that compute for long


def test_a_move_that_takes_long_is_decided_again_without_a_lock(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = stage.start(machine(w={"Type": "Wait", "Seconds": 3600}, a=task("step1")))
    decide, inside = mover.transition, []

    def transition(*args: Any) -> Any:
        inside.append(database.in_transaction())
        return decide(*args)

    monkeypatch.setattr(mover, "transition", transition)
    monkeypatch.setattr(mover, "FIRST_SECONDS", -1)
    due_now()
    assert fire_due(stage) == [False]
    with database.connection_context():
        assert [(one.failures, one.again_at <= queries.now()) for one in Timer.select()] == [(0, True)]
    assert stage.executions.fire_again()
    assert inside == [True, False]
    assert stage.statuses(execution) == ["QUEUED"]


def test_a_move_that_always_takes_too_long_ends_its_execution(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "FIRST_SECONDS", -1)
    monkeypatch.setattr(mover, "LONGEST_SECONDS", -1)
    execution = stage.start(LONG)
    due_now()
    fire_due(stage)
    assert fire_until_it_ends(stage, execution) == mover.MOST_FAILURES
    assert_ended(stage, execution, "computed for more than")


def test_a_move_that_is_overtaken_is_decided_once_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    branches = [machine(w={"Type": "Wait", "Seconds": 3600}), machine(a=task("step1"))]
    execution = stage.start(machine(both={"Type": "Parallel", "Branches": branches}))
    (timer,) = stage.timers()
    claim, decide, tries = stage.claim(execution), mover.transition, []

    def transition(*args: Any) -> Any:
        tries.append(args[2])
        if len(tries) == 1:
            monkeypatch.setattr(mover, "transition", decide)
            stage.succeed(claim, 1)
            monkeypatch.setattr(mover, "transition", transition)
        return decide(*args)

    monkeypatch.setattr(mover, "transition", transition)
    assert stage.executions.fire(timer)
    assert len(tries) == 2 and stage.output(execution) == [{}, 1]


def test_one_process_at_a_time_makes_a_long_move(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "FIRST_SECONDS", -1)
    stage.start(LONG)
    due_now()
    fire_due(stage)
    with database.connection_context():
        first = timers.take_again(mover.AGAIN_LEASE_MS)
        assert first is not None and timers.take_again(mover.AGAIN_LEASE_MS) is None


def test_a_result_whose_move_takes_long_is_kept_for_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mover, "FIRST_SECONDS", -1)
    monkeypatch.setattr("stepwell.runtime.executions.FIRST_SECONDS", -1)
    execution = stage.start(steps("step1", "step2"))
    stage.run()
    assert stage.status(execution) == "COMPLETED"
    assert [name for name, _ in stage.script.events] == ["step1", "step2"]
    assert stage.attempts(execution) == [(1, 1, "COMPLETED"), (2, 1, "COMPLETED")]
    with database.connection_context():
        assert not Task.select().where(Task.status != "COMPLETED").exists()
