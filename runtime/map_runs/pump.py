"""Map runs: the executions that the items of a Map in distributed mode are, so many at a time.

A run is a row. A *pump* reads what has ended since, and begins what there is room for: one transaction, under the lock
of the execution whose Map it is, and a bounded piece of work. A timer that is due at once asks for it: set when the Map
is entered, by the last move of each of the run's executions, and by a pump that could not begin all at once. So no row
exists for an item before its turn, each item costs the same among many, and whoever dies, a timer is left.

A timer is numbered by the place of the execution that set it, and is set once: taking it and counting the execution is
one transaction. Places begin anew with no retry of the Map, so none is mistaken for another's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from peewee import fn

from stepwell.db import queries
from stepwell.db.models import Execution, MapRun, Timer
from stepwell.db.parents import Parent
from stepwell.db.queries import clock_sql
from stepwell.db.values import Line, Start
from stepwell.functions.errors import PayloadTooLarge
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import commands, events, execution
from stepwell.runtime.engine.core.execution import FOR_RUN
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.states.distributed import DistributedMap, Plan
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status, TaskStatus
from stepwell.runtime.ids import new_id
from stepwell.runtime.map_runs import item_reader, item_workflow, redrive, result_writer
from stepwell.runtime.map_runs.item_reader import ReaderFault
from stepwell.runtime.map_runs.result_writer import WriterFault
from stepwell.runtime.moves import history, load, start
from stepwell.runtime.moves.effects import Effects
from stepwell.runtime.moves.redrive import redriven
from stepwell.runtime.moves.start import Wanted
from stepwell.runtime.workflows import Latest, Workflows

Json = Any

BEGUN_AT_ONCE = 100
ITEMS_AT_ONCE = 2_000
COUNTED_AT_ONCE, COUNTED_BYTES = 10_000, 32 << 20
WRITTEN_AT_ONCE = 1_000
BYTES_AT_ONCE = 8 << 20
"""How much one pump does at most: the others want the execution's row, too, and on SQLite the database."""
PAGE = 500
LARGE_PAGE = 50
PLANS = 8
STOPPING_MS = 1_000
"""When it is looked again whether the executions of a run have ended that is to be redriven."""
RUNNING, SUCCEEDED, FAILED = "RUNNING", "SUCCEEDED", "FAILED"
TOO_MANY = "States.ExceedToleratedFailureThreshold"


@dataclass(frozen=True)
class House:
    """What a pump needs of the house."""

    workflows: Workflows
    limits: EngineLimits
    artifacts: Path
    seed: int


@dataclass
class Pumped:
    """What a pump has come to: what is to be told to others, and how the run has ended, if it has."""

    effects: Effects = field(default_factory=Effects)
    event: events.MapRunEnded | None = None


def pump(row: Execution, frame: str, entry: int, house: House) -> Pumped | None:
    """Look after the run of the Map that this execution entered there; None when there is none."""
    ended = _take_timers(row.id, frame, entry)
    if ended is None:
        return None
    before = load.load(row, frame, 0)
    place = before.frames.get(frame)
    if place is None or (place.waiting, place.entry) != (FOR_RUN, entry):
        return None
    at = queries.now()
    machine, event = house.workflows.machine(row.version_id), events.Event(at, house.seed)
    work = _Pump(row, house, DistributedMap(machine, before, event, place, house.limits), at)
    try:
        work.go(ended)
    except StateFault as fault:
        work.close(fault.error, fault.cause_in(place))
    except PayloadTooLarge as fault:
        work.close("States.DataLimitExceeded", fault.message)
    except ReaderFault as fault:
        work.close("States.ItemReaderFailed", StateFault("", str(fault)).cause_in(place))
    except WriterFault as fault:
        work.close("States.ResultWriterFailed", StateFault("", str(fault)).cause_in(place))
    work.save()
    return work.done


class _Pump:
    """One pump of one run, inside its transaction."""

    def __init__(self, row: Execution, house: House, map_: DistributedMap, at: int) -> None:
        self.row = row
        self.house = house
        self.map = map_
        self.frame = map_.frame
        self.at = at
        self.done = Pumped()
        self.run: MapRun | None = _running(row.id, self.frame)

    def go(self, ended: Sequence[int]) -> None:
        """Count, begin, and end the run when it is over. Raises what may go wrong with a run."""
        earlier = None if self.run else redrive.earlier(self.row.id, self.frame)
        if earlier is not None and redrive.is_stopping(earlier):
            return self._ask_again(STOPPING_MS)
        run = self.run or (self._redrive(earlier) if earlier else self._begin())
        plan = plan_of(run)
        self._count(run, plan, ended)
        if run.unread is not None and not self._has_read(run, plan):
            return self._ask_again()
        if not self.row.paused and not _is_too_much(run, plan):
            self._fill(run, plan)
        if _is_too_much(run, plan):
            return self.close(TOO_MANY, "The specified tolerated failure threshold was exceeded")
        if run.open == 0 and run.next >= run.total and run.again >= run.again_end:
            self._finish(run, plan)

    def close(self, error: str | None, cause: str | None, output: Json = None) -> None:
        """End the run: what of it still goes on is stopped by the sweep."""
        at, seed = self.at, self.house.seed
        self.done.event = events.MapRunEnded(at, seed, self.frame.path, self.frame.entry, output, error, cause)
        if self.run is not None:
            self.run.status = SUCCEEDED if error is None else FAILED
            self.run.error, self.run.cause, self.run.finished_at = error, cause, at
            if error is None:  # else a redrive may go on with it
                item_reader.end(plan_of(self.run), self.house.artifacts, self.run.id)

    def save(self) -> None:
        """Write the run as it is now."""
        if self.run is not None:
            self.run.save(only=self.run.dirty_fields)

    def _begin(self) -> MapRun:
        """Make the run. Raises StateFault."""
        plan = self.map.plan()
        earlier = MapRun.select(fn.MAX(MapRun.base + MapRun.begun)).where(
            MapRun.execution_id == self.row.id, MapRun.frame == self.frame.path, MapRun.entry == self.frame.entry
        )
        version = item_workflow.version_of(self.row, self.frame.state, plan.label)
        identity = new_id()
        MapRun.insert(
            id=identity,
            execution_id=self.row.id,
            frame=self.frame.path,
            entry=self.frame.entry,
            label=f"{self.row.workflow}/{plan.label}",
            version_id=version.id,
            workflow_id=version.workflow_id,
            plan=jsontext.write(asdict(plan)),
            total=0,
            unread=0,
            base=earlier.scalar() or 0,
            created_at=self.at,
        ).execute()
        self.run = MapRun.get_by_id(identity)
        item_reader.begin(plan, self.house.artifacts, identity)
        if plan.lists_objects:
            item_reader.forget(self.house.artifacts, _lives)
        self._tell("MapRunStarted", self.run)
        return self.run

    def _redrive(self, run: MapRun) -> MapRun:
        """Have the run go on. Raises StateFault."""
        redrive.begin(run, self.frame.entry, self.at)
        self.run = run
        self._tell("MapRunRedriven", run, redriveCount=run.redrives)
        return run

    def _tell(self, kind: str, run: MapRun, **more: Json) -> None:
        details = jsontext.write({"run": f"{run.label}:{run.id}", **more})
        history.append(self.row, Line(kind, self.frame.path, self.frame.state, details))
        self.row.history_count += 1

    def _has_read(self, run: MapRun, plan: Plan) -> bool:
        """Count some more of the items; whether those were all. Raises ReaderFault."""
        items = item_reader.source_of(plan, self.house.artifacts, run.id).read(run.total, run.unread)
        for item in islice(item_reader.up_to(items, run.unread, COUNTED_BYTES), COUNTED_AT_ONCE):
            run.total, run.unread = run.total + 1, item.offset
        if next(items, None) is None:
            run.unread = None
        return run.unread is None

    def _count(self, run: MapRun, plan: Plan, ended: Sequence[int]) -> None:
        for page in _pages(sorted(ended)):
            completion = [Parent(run=run.id, place=place).encode() for place in page]
            closed = Execution.parent.in_(completion), Execution.status != Status.IN_PROGRESS
            for status, given in Execution.select(Execution.status, Execution.input).where(*closed).tuples():
                run.open -= 1
                self._settle(run, plan, status, given)

    def _settle(self, run: MapRun, plan: Plan, status: str, given: str) -> None:
        if status == Status.COMPLETED:
            run.succeeded += 1
            return
        run.failed += 1
        run.failed_items += len(json.loads(given)["Items"]) if plan.is_batched else 1

    def _fill(self, run: MapRun, plan: Plan) -> None:
        """Begin as many executions as there is room for, or as one pump may; another one does the rest.

        Those come first that are redriven.
        """
        room = min(plan.concurrency - run.open, BEGUN_AT_ONCE)
        if room > 0 and run.again < run.again_end:
            room -= self._fill_again(run, plan, room)
        if room > 0 and run.again >= run.again_end and run.next < run.total:
            self._fill_anew(run, plan, room)
        is_more = run.next < run.total or run.again < run.again_end
        if is_more and run.open < plan.concurrency:
            self._ask_again()

    def _fill_again(self, run: MapRun, plan: Plan, room: int) -> int:
        """Redrive as many of the executions of before; how many that were."""
        found = redrive.following(run, room)
        for child, can_be in found:
            run.again = Parent.decode(child.parent).place + 1
            effects = can_be and redriven(child.id, self.house.workflows, self.house.seed, self.house.limits)
            if effects:
                run.open += 1
                self.done.effects = self.done.effects.with_those(effects)
            else:
                self._settle(run, plan, child.status, child.input)
        if len(found) < room:
            run.again = run.again_end
        return len(found)

    def _fill_anew(self, run: MapRun, plan: Plan, room: int) -> None:
        latest = Latest(run.workflow_id, run.label, run.version_id, 1, self.at)
        machine = self.house.workflows.machine(run.version_id)
        for given, size, offset in self._inputs(run, plan, room):
            parent = Parent(run=run.id, place=run.base + run.begun).encode()
            begin = start.begin(
                latest, machine, Wanted(given, parent=parent), self.house.seed + run.begun, self.house.limits
            )
            queries.start(begin)
            reach("run.begun")
            run.begun, run.next, run.offset = run.begun + 1, run.next + size, offset
            self._begun(run, plan, begin)

    def _begun(self, run: MapRun, plan: Plan, begin: Start) -> None:
        own = begin.execution
        if own.status != Status.IN_PROGRESS:
            return self._settle(run, plan, own.status, own.input)
        run.open += 1
        self.done.effects.queued += [one.id for one in begin.tasks if one.status == TaskStatus.QUEUED]
        self.done.effects.timers |= bool(begin.timers)

    def _inputs(self, run: MapRun, plan: Plan, room: int) -> list[tuple[Json, int, int]]:
        """What the next executions are handed, how many items each takes, and where the items behind them begin.

        A batch that is not full waits for the items behind those that were read, if there are any.
        """
        most = (
            min(room * (plan.batch_items or PAGE), max(ITEMS_AT_ONCE, plan.batch_items or 0))
            if plan.is_batched
            else room
        )
        source = item_reader.source_of(plan, self.house.artifacts, run.id)
        some = islice(source.read(run.next, run.offset), most)
        read = list(item_reader.up_to(some, run.offset, BYTES_AT_ONCE))
        if not read:
            raise ReaderFault("The items are fewer than they were when the run began")
        items = [(item.value, item.told()) for item in read]
        made = self.map.inputs(plan, run.next, items)
        if plan.is_batched and len(made) > 1 and run.next + len(read) < run.total:
            made.pop()
        taken, ways = 0, []
        for given, size in made[:room]:
            taken += size
            ways.append((given, size, read[taken - 1].offset))
        return ways

    def _ask_again(self, delay_ms: int = 0) -> None:
        ask(self.row.id, self.frame.path, self.frame.entry, delay_ms)
        self.done.effects.timers = True

    def _finish(self, run: MapRun, plan: Plan) -> None:
        """Give the result, or write some more of it. Raises StateFault, WriterFault."""
        if plan.writer is None:
            return self.close(None, None, self._output(run, plan))
        arn = arns.map_run(run.label, str(run.id))
        files = result_writer.ResultFiles(
            self.house.artifacts, plan.writer, plan.writer_config, arn, json.loads(run.sizes)
        )
        left = min(run.begun - run.written, WRITTEN_AT_ONCE)
        places = range(run.base + run.written, run.base + run.written + left)
        run.written += files.append(_children(run, places), BYTES_AT_ONCE)
        reach("run.written")
        run.sizes = jsontext.write(files.sizes)
        if run.written < run.begun:
            return self._ask_again()
        self.close(None, None, files.finish())

    def _output(self, run: MapRun, plan: Plan) -> Json:
        """What the executions gave, in their order. Raises StateFault."""
        children = _children(run, range(run.base, run.base + run.begun))
        try:
            return result_writer.as_value(children, plan.writer_config, self.house.limits.payload)
        except result_writer.TooMuch:
            raise self.map.too_large() from None


def ask_again(execution_id: str) -> bool:
    """Have the runs of an execution that was paused go on; whether there are any."""
    runs = list(MapRun.select().where(MapRun.execution_id == execution_id, MapRun.status == RUNNING))
    for run in runs:
        ask(execution_id, run.frame, run.entry)
    return bool(runs)


def ask(execution_id: str, frame: str, entry: int, delay_ms: int = 0) -> None:
    """Have a run looked after, at once or after so long."""
    place = {"execution_id": execution_id, "frame": frame, "entry": entry}
    wake_up = {"number": 0, "kind": commands.WAKE_RUN, "due_at": clock_sql() + delay_ms}
    Timer.insert(**place, **wake_up).on_conflict_ignore().execute()


def is_asked_for(execution_id: str, frame: str, entry: int) -> bool:
    """Whether anybody has asked for a pump that none has done since: many ask, and one does it for all of them."""
    return bool(Timer.select().where(*_asking(execution_id, frame, entry)).exists())


def forget(execution_id: str, frame: str, entry: int) -> None:
    """Nobody will do what was asked for: the execution has ended."""
    Timer.delete().where(*_asking(execution_id, frame, entry)).execute()


def _asking(execution_id: str, frame: str, entry: int) -> tuple[Any, ...]:
    place = Timer.execution_id == execution_id, Timer.frame == frame, Timer.entry == entry
    return *place, Timer.kind == commands.WAKE_RUN


def _take_timers(execution_id: str, frame: str, entry: int) -> list[int] | None:
    """The places of executions that have ended since the last pump; None when nobody has asked for one."""
    taken = [one.number for one in Timer.delete().where(*_asking(execution_id, frame, entry)).returning(Timer.number)]
    return [number - 1 for number in taken if number] if taken else None


def _lives(run: str) -> bool:
    return bool(MapRun.select().where(MapRun.id == run, MapRun.status == RUNNING).exists())


def _running(execution_id: str, frame: execution.Frame) -> MapRun | None:
    """The run, without its plan, which may be large and never changes."""
    mine = MapRun.execution_id == execution_id, MapRun.frame == frame.path, MapRun.entry == frame.entry
    columns = [field for field in MapRun._meta.sorted_fields if field is not MapRun.plan]
    found = MapRun.select(*columns).where(*mine, MapRun.status == RUNNING).first()
    return found if isinstance(found, MapRun) else None


def plan_of(run: MapRun) -> Plan:
    """What the run is to do, as it was changed since it began."""
    return replace(_first_plan(run.id), **json.loads(run.changes))


@lru_cache(maxsize=PLANS)
def _first_plan(run: str) -> Plan:
    return Plan(**json.loads(MapRun.get_by_id(run).plan))


def _is_too_much(run: MapRun, plan: Plan) -> bool:
    """Whether more has failed than is tolerated: nothing, unless the state says otherwise."""
    if plan.tolerated_count is None and plan.tolerated_percentage is None:
        return bool(run.failed_items)
    over_count = plan.tolerated_count is not None and run.failed_items > plan.tolerated_count
    share = 100 * run.failed_items / run.total if run.total else 0
    return over_count or (plan.tolerated_percentage is not None and share > plan.tolerated_percentage)


def _children(run: MapRun, places: Sequence[int]) -> Iterator[Execution]:
    """The executions of a run in these places, in their order."""
    for page in _pages(places, LARGE_PAGE):
        completion = {Parent(run=run.id, place=place).encode(): place for place in page}
        found = Execution.select().where(Execution.parent.in_(list(completion)))
        yield from sorted(found, key=lambda child: completion[child.parent])


def _pages(places: Sequence[int], size: int = PAGE) -> Iterator[Sequence[int]]:
    return (places[first : first + size] for first in range(0, len(places), size))
