"""Ended executions go with all of their rows, in bounded pieces; whoever dies or deletes beside it does no harm."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from stepwell.db.database import database
from stepwell.db.models import Execution, History, Task
from stepwell.runtime.retention import executions
from tests.runtime.maps import ITEM, fan
from tests.runtime.retention.aged import Aged
from tests.runtime.stage import at_once, machine, parallel, raises, staged, steps, task

NESTED = task("arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": ""})


def nested(child: str) -> Any:
    arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{child}"
    return machine(call=NESTED | {"Parameters": {"StateMachineArn": arn, "Input": {}}})


KINDS: dict[str, Callable[[Aged], str]] = {
    "a step list": lambda aged: aged.old(steps("step1", "step2"), key="once", name="named"),
    "a failed one, whose frames stay": lambda aged: failed(aged),
    "a Map Run": lambda aged: aged.old(fan(ItemsPath="$.items"), {"items": [1, 2, 3]}),
}


def failed(aged: Aged) -> str:
    aged.stage.script.let("step2", raises("Broken"))
    wait = machine(wait={"Type": "Wait", "Seconds": 1000})
    return aged.old(machine(fork=parallel(wait, machine(a=task("step2", Retry=[{"ErrorEquals": ["Broken"]}])))))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_an_execution_that_ended_long_ago(aged: Aged, kind: str) -> None:
    KINDS[kind](aged)
    aged.delete()
    assert aged.left() == {}


def test_what_has_ended_lately_and_what_runs_stays_whole(aged: Aged) -> None:
    late, running = aged.run(steps("step1", "step2")), aged.stage.start(steps("step1", "step2"))
    before = aged.stage.everything(late), aged.stage.everything(running)
    assert aged.delete() == 0
    assert (aged.stage.everything(late), aged.stage.everything(running)) == before


def test_the_time_decides_and_not_the_order_of_the_starts(aged: Aged) -> None:
    first, second = aged.run(steps("step1")), aged.run(steps("step1"))
    aged.age(second)
    assert aged.delete() == 1
    assert aged.exists(first) and not aged.exists(second)


def test_one_that_is_redriven_is_not_deleted(aged: Aged) -> None:
    aged.stage.script.let("step1", raises("Broken"))
    execution = aged.old(steps("step1"))
    assert aged.stage.executions.redrive(execution)
    assert aged.delete() == 0


def test_children_of_a_map_run_stay_while_its_execution_is_there(aged: Aged) -> None:
    parent = aged.run(fan(ItemsPath="$.items"), {"items": [1, 2, 3]})
    aged.age(*[one.id for one in all_executions() if one.id != parent])
    before = aged.left()
    assert aged.delete() == 0 and aged.left() == before
    aged.age(parent)
    assert aged.delete() == 4
    assert aged.left() == {}


def test_a_nested_execution_stays_while_its_parent_is_there(aged: Aged) -> None:
    aged.stage.workflows.create("child", ITEM)
    parent = aged.run(nested("child"))
    (child,) = [one.id for one in all_executions() if one.id != parent]
    aged.age(child)
    assert aged.delete() == 0
    aged.age(parent)
    assert aged.delete() == 2
    assert aged.left() == {}


def test_a_child_that_runs_stays_and_ends_though_its_parent_is_gone(aged: Aged) -> None:
    aged.stage.workflows.create("child", machine(wait={"Type": "Wait", "Seconds": 1000}, a=task("step1")))
    parent = aged.stage.start(nested("child"))
    for one in aged.stage.take_queued():
        aged.stage.work.run(one)
    (child,) = [one.id for one in all_executions() if one.id != parent]
    aged.stage.executions.stop(parent)
    aged.age(parent)
    assert aged.delete() == 1 and aged.exists(child)
    aged.stage.run()
    assert aged.stage.status(child) == "COMPLETED"
    aged.age()
    aged.delete()
    assert aged.left() == {}


def all_executions() -> list[Execution]:
    with database.connection_context():
        return list(Execution.select())


def test_a_batch_is_bounded_by_its_executions(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "AT_ONCE", 3)
    for _ in range(7):
        aged.run(steps("step1"))
    aged.age()
    ended = aged.another()
    assert [ended.delete_some(2_000) for _ in range(4)] == [3, 3, 1, None]


def test_a_batch_is_bounded_by_its_lines(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = aged.stage.execution(aged.run(steps("step1", "step1"))).history_count
    for _ in range(3):
        aged.run(steps("step1", "step1"))
    monkeypatch.setattr(executions, "LINES_AT_ONCE", 2 * lines + 1)
    aged.age()
    assert [aged.ended.delete_some(2_000) for _ in range(3)] == [2, 2, None]


def test_a_large_execution_goes_in_pieces_and_is_not_redriven_meanwhile(
    aged: Aged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "LINES_AT_ONCE", 6)
    aged.stage.script.let("step2", raises("Broken"))
    execution = aged.old(steps(*["step1"] * 12, "step2"))
    sizes = []
    while aged.exists(execution):
        sizes.append(rows_of(execution))
        aged.ended.delete_some(2_000)
        if aged.exists(execution):
            assert not aged.stage.executions.redrive(execution)
    assert len(sizes) > 8
    assert all(before - after <= 2 * 6 for before, after in pairwise(sizes))
    assert aged.left() == {}


def rows_of(execution: str) -> int:
    with database.connection_context():
        return int(sum(model.select().where(model.execution_id == execution).count() for model in (History, Task)))


def test_a_transaction_that_fails_leaves_all_for_the_next_one(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    aged.old(steps("step1", "step2"))
    before = aged.left()
    with monkeypatch.context() as dying:
        dying.setattr(Execution, "delete", refuse)
        with pytest.raises(RuntimeError):
            aged.ended.delete_some(2_000)
    assert aged.left() == before
    assert aged.delete() == 1


def refuse() -> None:
    raise RuntimeError("the process dies")


def test_one_that_cannot_be_deleted_keeps_no_other(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    all_of_them = [aged.old(steps("step1")) for _ in range(9)]
    stuck = sorted(all_of_them)[4]
    delete = executions._delete

    def all_but_one(ids: Any) -> None:
        if stuck in ids:
            raise RuntimeError("it is stuck")
        delete(ids)

    monkeypatch.setattr(executions, "_delete", all_but_one)
    failures = 0
    for _ in range(20):
        try:
            aged.delete()
        except RuntimeError:
            failures += 1
    assert failures > 1
    assert [one.id for one in all_executions()] == [stuck]
    monkeypatch.undo()
    assert aged.delete() == 1


def test_several_processes_delete_each_execution_once(aged: Aged) -> None:
    for _ in range(40):
        aged.run(steps("step1"))
    aged.age()
    gone = at_once(*[lambda: aged.delete(aged.another())] * 4)
    assert sum(gone) == 40
    assert aged.left() == {}


def test_a_locked_execution_is_left_out_and_waited_for_by_nobody(postgres_url: str, tmp_path: Path) -> None:
    with staged(postgres_url, tmp_path) as stage, psycopg2.connect(postgres_url) as other:
        aged = Aged(stage, tmp_path)
        held, free = aged.old(steps("step1")), aged.old(steps("step1"))
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM execution WHERE id = %s FOR UPDATE", (held,))
            assert aged.delete() == 1
        other.rollback()
        assert not aged.exists(free) and aged.exists(held)
        assert aged.delete() == 1
    other.close()


def test_a_batch_takes_as_many_statements_however_many_it_deletes(aged: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    def statements(count: int) -> int:
        for _ in range(count):
            aged.run(steps("step1", "step2"))
        aged.age()
        sent = []
        with monkeypatch.context() as counting:
            execute = type(database.obj).execute_sql
            counting.setattr(
                type(database.obj),
                "execute_sql",
                lambda *given, **named: sent.append(given[1]) or execute(*given, **named),
            )
            assert aged.ended.delete_some(2_000) == count
        aged.delete()
        return len([sql for sql in sent if not sql.startswith("BEGIN")])

    assert statements(30) == statements(2)


def test_the_oldest_are_found_by_an_index(postgres_url: str, tmp_path: Path) -> None:
    with staged(postgres_url, tmp_path) as stage:
        aged = Aged(stage, tmp_path)
        for _ in range(30):
            aged.run(steps("step1"))
        with database.connection_context():
            sql, values = aged.ended._ended(2_000).sql()
            database.execute_sql("SET enable_seqscan = off; SET enable_sort = off")
            plan = "\n".join(line for (line,) in database.execute_sql(f"EXPLAIN {sql}", values).fetchall())
    assert "execution_ended" in plan and "Sort" not in plan, plan


def test_the_key_of_a_deleted_execution_starts_a_new_one(aged: Aged) -> None:
    first = aged.old(steps("step1"), key="once")
    aged.delete()
    assert aged.stage.start(steps("step1"), key="once") != first
