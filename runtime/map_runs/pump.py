"""The pump: moves a Map Run on. The items of a Map in distributed mode run as child executions, a few at a time.

A run is a row. A pump counts the children that have ended since, and starts children up to the concurrency limit: one
transaction, under the lock of the Map's execution, and a bounded piece of work. A request calls for a pump (see
``requests``): it is written when the Map is entered, by the last move of each child, and by a pump that could not start
all at once. So no row exists for an item before its turn, each item costs the same among many, and a request is left
whichever process dies.

A child's request carries the child's place in the run, and is written once: removing it and counting the child is one
transaction. A retry of the Map goes on with the places of the run before, so no child is mistaken for another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from peewee import fn

from stepwell.db import queries
from stepwell.db.models import Execution, MapRun
from stepwell.db.parents import Parent
from stepwell.db.values import HistoryLine, Start
from stepwell.functions.errors import PayloadTooLarge
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import events, execution
from stepwell.runtime.engine.core.execution import FOR_RUN
from stepwell.runtime.engine.core.faults import StateFault
from stepwell.runtime.engine.states.distributed import DistributedMap, Plan
from stepwell.runtime.engine.transition import Alarm, MoveTookTooLong
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import MapRunStatus, Status
from stepwell.runtime.ids import new_id
from stepwell.runtime.map_runs import item_reader, item_workflow, redrive, requests, result_writer
from stepwell.runtime.map_runs.formats import Item
from stepwell.runtime.map_runs.item_reader import ReaderFault
from stepwell.runtime.map_runs.plan import has_failed_too_much, plan_of
from stepwell.runtime.map_runs.result_writer import WriterFault
from stepwell.runtime.moves import history, load, start
from stepwell.runtime.moves.effects import Effects
from stepwell.runtime.moves.redrive import redriven
from stepwell.runtime.moves.start import Wanted
from stepwell.runtime.workflows import Latest, Workflows

BEGUN_AT_ONCE = 100
ITEMS_AT_ONCE = 2_000
COUNTED_AT_ONCE, COUNTED_BYTES = 10_000, 32 << 20
WRITTEN_AT_ONCE = 1_000
BYTES_AT_ONCE = 8 << 20
"""Bounds of one pump: other moves wait for the execution's row meanwhile, and on SQLite for the database."""
PAGE = 500
LARGE_PAGE = 50
"""How many children one SELECT reads: without their outputs, and with them."""
STOPPING_MS = 1_000
"""How long a redrive waits before it looks again whether all children of the stopped run have ended."""
TOO_MANY = "States.ExceedToleratedFailureThreshold"


@dataclass(frozen=True)
class PumpNeeds:
    """Objects and limits that a pump works with.

    ``new_alarm`` makes the alarm of one decision, on the plan, on one child or on one set of batches; once ``is_late``
    is True, a pump begins no further child. ``failures`` is how often this pump has failed: each lets it read half as
    many items into batches.
    """

    workflows: Workflows
    limits: EngineLimits
    artifacts: Path
    seed: int
    new_alarm: Callable[[], Alarm]
    is_late: Alarm
    failures: int = 0


@dataclass(frozen=True)
class Pumped:
    """The result of a pump: the effects to announce, and the run's end if it has ended.

    ``execution`` is the execution as the pump has left it, so that the event needs no other load.
    """

    execution: execution.Execution
    effects: Effects
    event: events.MapRunEnded | None


def pump(row: Execution, frame: str, entry: int, needs: PumpNeeds) -> Pumped | None:
    """Move on the run of the Map in this frame. None when no request waits, or the frame has left the Map.

    ``row`` is locked by the caller. A fault of the run ends it, and is never raised.
    """
    ended = requests.take(row.id, frame, entry)
    if ended is None:
        return None
    before = load.load(row, frame, 0)
    # The requests are removed even if the Map has been left: they would wake this run for ever.
    place = before.frames.get(frame)
    if place is None or (place.waiting, place.entry) != (FOR_RUN, entry):
        return None
    at = queries.now()
    machine = needs.workflows.machine(row.version_id)

    def new_map(number: int) -> DistributedMap:
        event = events.Event(at, needs.seed + number)
        return DistributedMap(machine, before, event, place, needs.limits, needs.new_alarm())

    work = _Pump(row, needs, new_map, at)
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
    # The pump has written history lines, and changed nothing else that was loaded.
    return Pumped(replace(before, history_count=row.history_count), work.effects, work.event)


class _Pump:
    """One pump of one run, inside its transaction. ``new_map`` gives each child its own budget, alarm and seed."""

    def __init__(self, row: Execution, needs: PumpNeeds, new_map: Callable[[int], DistributedMap], at: int) -> None:
        self.row = row
        self.needs = needs
        self.new_map = new_map
        self.map = new_map(0)
        self.frame = self.map.frame
        self.at = at
        self.effects = Effects()
        self.event: events.MapRunEnded | None = None
        self.run: MapRun | None = _running(row.id, self.frame)

    def go(self, ended: Sequence[int]) -> None:
        """Count the children at these places, start others, and end the run when all have ended.

        Raises StateFault, PayloadTooLarge, ReaderFault, WriterFault.
        """
        earlier = None if self.run else redrive.earlier(self.row.id, self.frame)
        if earlier is not None and redrive.is_stopping(earlier):
            # A child of the stopped run still ends by the sweep: counted now, it could be missed or counted twice.
            return self._request_pump(STOPPING_MS)
        run = self.run or (self._redrive(earlier) if earlier else self._begin())
        plan = plan_of(run)
        self._count(run, plan, ended)
        if run.unread is not None and not self._has_read(run, plan):
            return self._request_pump()
        # A paused execution still counts its ended children, but starts none. The resume requests a pump.
        if not self.row.paused and not has_failed_too_much(run, plan):
            self._start_children(run, plan)
        if has_failed_too_much(run, plan):
            return self.close(TOO_MANY, "The specified tolerated failure threshold was exceeded")
        if run.open == 0 and run.next >= run.total and run.again >= run.again_end:
            self._finish(run, plan)

    def close(self, error: str | None, cause: str | None, output: Json = None) -> None:
        """End the run. The sweep stops the children that still run."""
        at, seed = self.at, self.needs.seed
        self.event = events.MapRunEnded(at, seed, self.frame.path, self.frame.entry, output, error, cause)
        if self.run is not None:
            self.run.status = MapRunStatus.SUCCEEDED if error is None else MapRunStatus.FAILED
            self.run.error, self.run.cause, self.run.finished_at = error, cause, at
            if error is None:  # a redrive of a failed run goes on with the same items
                item_reader.end(plan_of(self.run), self.needs.artifacts, self.run.id)

    def save(self) -> None:
        """Write the changed columns of the run."""
        if self.run is not None:
            self.run.save(only=self.run.dirty_fields)

    def _begin(self) -> MapRun:
        """Insert the run. Raises StateFault, ReaderFault."""
        plan = self.map.plan()
        # Places are unique over all runs of this entry: a late child of an earlier try must not count as one of this
        # run.
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
        # The file is written before the commit, so that a committed run always finds it. A file without a run is
        # removed later.
        item_reader.begin(plan, self.needs.artifacts, identity)
        if plan.lists_objects:
            item_reader.forget(self.needs.artifacts, _is_running)
        self._record("MapRunStarted", self.run)
        return self.run

    def _redrive(self, run: MapRun) -> MapRun:
        """Let an earlier run go on. Raises StateFault."""
        redrive.begin(run, self.frame.entry, self.at)
        self.run = run
        self._record("MapRunRedriven", run, redriveCount=run.redrives)
        return run

    def _record(self, kind: str, run: MapRun, **more: Json) -> None:
        details = jsontext.write({"run": f"{run.label}:{run.id}", **more})
        history.append(self.row, HistoryLine(kind, self.frame.path, self.frame.state, details))
        self.row.history_count += 1

    def _has_read(self, run: MapRun, plan: Plan) -> bool:
        """Count more of the items. True when all are counted. Raises ReaderFault."""
        assert run.unread is not None
        items = item_reader.source_of(plan, self.needs.artifacts, run.id).read(run.total, run.unread)
        for item in islice(item_reader.up_to(items, run.unread, COUNTED_BYTES), COUNTED_AT_ONCE):
            run.total, run.unread = run.total + 1, item.offset
        if next(items, None) is None:
            run.unread = None
        return run.unread is None

    def _count(self, run: MapRun, plan: Plan, ended: Sequence[int]) -> None:
        for page in _pages(sorted(ended)):
            parents = [Parent(run=run.id, place=place).encode() for place in page]
            # A child that was redriven since its request runs again: it is counted when it ends the next time.
            closed = Execution.parent.in_(parents), Execution.status != Status.IN_PROGRESS
            found: Any = Execution.select(Execution.status, Execution.input).where(*closed).tuples()
            for status, given in found:
                run.open -= 1
                self._settle(run, plan, status, given)

    def _settle(self, run: MapRun, plan: Plan, status: str, given: str) -> None:
        if status == Status.COMPLETED:
            run.succeeded += 1
            return
        run.failed += 1
        run.failed_items += len(json.loads(given)["Items"]) if plan.is_batched else 1

    def _start_children(self, run: MapRun, plan: Plan) -> None:
        """Start children up to the concurrency limit and the bound of one pump; another pump does the rest.

        Children to redrive come before new ones.
        """
        free = min(plan.concurrency - run.open, BEGUN_AT_ONCE)
        if free > 0 and run.again < run.again_end:
            free -= self._redrive_earlier(run, plan, free)
        if free > 0 and run.again >= run.again_end and run.next < run.total:
            self._start_new(run, plan, free)
        has_more = run.next < run.total or run.again < run.again_end
        if has_more and run.open < plan.concurrency:
            self._request_pump()

    def _redrive_earlier(self, run: MapRun, plan: Plan, most: int) -> int:
        """Redrive up to ``most`` of the earlier children. Returns the number of children that were looked at."""
        found = redrive.following(run, most)
        for child, can_be in found:
            run.again = Parent.decode(child.parent).place + 1
            effects = can_be and redriven(child.id, self.needs.workflows, self.needs.seed, self.needs.limits)
            if effects:
                run.open += 1
                self.effects = self.effects.with_those(effects)
            else:
                self._settle(run, plan, child.status, child.input)
        if len(found) < most:
            run.again = run.again_end
        return len(found)

    def _start_new(self, run: MapRun, plan: Plan, most: int) -> None:
        """Start up to ``most`` new children, or fewer if they compute for long: another pump does the rest.

        Raises MoveTookTooLong only if the first one computes for too long.
        """
        first = run.begun
        try:
            for given, size, offset in self._inputs(run, plan, most):
                self._start_one(run, plan, given)
                run.next, run.offset = run.next + size, offset
                # The row of the execution is locked meanwhile.
                if self.needs.is_late():
                    return
        except MoveTookTooLong:
            if run.begun == first:
                raise

    def _start_one(self, run: MapRun, plan: Plan, given: Json) -> None:
        latest = Latest(run.workflow_id, run.label, run.version_id, 1, self.at)
        machine = self.needs.workflows.machine(run.version_id)
        wanted = Wanted(given, parent=Parent(run=run.id, place=run.base + run.begun).encode())
        seed, alarm = self.needs.seed + run.begun, self.needs.new_alarm()
        begin = start.begin(latest, machine, wanted, seed, self.needs.limits, alarm)
        queries.start(begin)
        # The child's rows and the run's counts are one transaction: no child is started twice, or started and not
        # counted.
        reach("run.begun")
        run.begun += 1
        self._begun(run, plan, begin)

    def _begun(self, run: MapRun, plan: Plan, begin: Start) -> None:
        own = begin.execution
        if own.status != Status.IN_PROGRESS:
            return self._settle(run, plan, own.status, own.input)
        run.open += 1
        self.effects.queued += start.queued(begin)
        self.effects.timers |= bool(begin.timers)

    def _inputs(self, run: MapRun, plan: Plan, children: int) -> Iterator[tuple[Json, int, int]]:
        """For each of the next children: its input, its item count, and the offset of the item behind its last.

        A batch that is not full is left to the next pump, unless there are no more items. Raises ReaderFault,
        StateFault, MoveTookTooLong.
        """
        most = (
            min(children * (plan.batch_items or PAGE), max(ITEMS_AT_ONCE >> self.needs.failures, plan.batch_items or 0))
            if plan.is_batched
            else children
        )
        source = item_reader.source_of(plan, self.needs.artifacts, run.id)
        some = islice(source.read(run.next, run.offset), most)
        read = list(item_reader.up_to(some, run.offset, BYTES_AT_ONCE))
        if not read:
            raise ReaderFault("The items are fewer than they were when the run began")
        if plan.is_batched:
            yield from self._batches(run, plan, children, read)
            return
        spent = 0.0
        for index, item in enumerate(read, start=run.next):
            one = self.new_map(1 + index)
            ((given, size),) = one.inputs(plan, index, [(item.value, item.described())])
            yield given, size, item.offset
            spent += one.spent
            # All of them together take no more than a move may.
            if spent >= 1:
                return

    def _batches(self, run: MapRun, plan: Plan, children: int, read: Sequence[Item]) -> Iterator[tuple[Json, int, int]]:
        made = self.map.inputs(plan, run.next, [(item.value, item.described()) for item in read])
        if len(made) > 1 and run.next + len(read) < run.total:
            # A batch that lacks items would depend on where this pump stopped reading.
            made.pop()
        taken = 0
        for given, size in made[:children]:
            taken += size
            yield given, size, read[taken - 1].offset

    def _request_pump(self, delay_ms: int = 0) -> None:
        requests.request_pump(self.row.id, self.frame.path, self.frame.entry, delay_ms)
        self.effects.timers = True

    def _finish(self, run: MapRun, plan: Plan) -> None:
        """End the run with its result, or write a piece of the result files. Raises StateFault, WriterFault."""
        if plan.writer is None:
            return self.close(None, None, self._output(run, plan))
        arn = arns.map_run(run.label, str(run.id))
        files = result_writer.ResultFiles(
            self.needs.artifacts, plan.writer, plan.writer_config, arn, json.loads(run.sizes)
        )
        left = min(run.begun - run.written, WRITTEN_AT_ONCE)
        places = range(run.base + run.written, run.base + run.written + left)
        run.written += files.append(_children(run, places), BYTES_AT_ONCE)
        # The files are not part of the transaction: those of a pump that does not commit are named nowhere.
        reach("run.written")
        output = None if run.written < run.begun else files.finish()
        run.sizes = jsontext.write(files.files)
        if output is None:
            return self._request_pump()
        self.close(None, None, output)

    def _output(self, run: MapRun, plan: Plan) -> Json:
        """The children's results in the order of their places. Raises StateFault."""
        children = _children(run, range(run.base, run.base + run.begun))
        try:
            return result_writer.as_value(children, plan.writer_config, self.needs.limits.payload)
        except result_writer.ResultTooLarge:
            raise self.map.too_large() from None


def _is_running(run: str) -> bool:
    return bool(MapRun.select().where(MapRun.id == run, MapRun.status == MapRunStatus.RUNNING).exists())


def _running(execution_id: str, frame: execution.Frame) -> MapRun | None:
    """The Map's run that goes on, without its plan, which may be large and never changes."""
    mine = MapRun.execution_id == execution_id, MapRun.frame == frame.path, MapRun.entry == frame.entry
    # ``plan`` may hold megabytes of items, and each of many pumps would read it.
    columns = [field for field in MapRun._meta.sorted_fields if field is not MapRun.plan]
    found = MapRun.select(*columns).where(*mine, MapRun.status == MapRunStatus.RUNNING).first()
    return found if isinstance(found, MapRun) else None


def _children(run: MapRun, places: Sequence[int]) -> Iterator[Execution]:
    """The children of a run at these places, in the order of their places."""
    for page in _pages(places, LARGE_PAGE):
        places_of = {Parent(run=run.id, place=place).encode(): place for place in page}
        found = Execution.select().where(Execution.parent.in_(list(places_of)))
        yield from sorted(found, key=lambda child: places_of[str(child.parent)])


def _pages(places: Sequence[int], size: int = PAGE) -> Iterator[Sequence[int]]:
    return (places[first : first + size] for first in range(0, len(places), size))
