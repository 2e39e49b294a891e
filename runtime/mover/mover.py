"""How an execution makes one move: an event is decided by the core and written, in one transaction.

Only the door (``executions``) uses it. A move that fails is put off and made again, and with the last failure its
execution ends: no row makes the same move fail for ever. The count and the next due time are a timer's (see
``timers``), so any process may go on with it.

A first try of a move is made under the execution's lock, and may compute for FIRST_SECONDS. A move that needs more is
put off at once, and decided without a lock and outside of any transaction, by the one thread of a process that makes
such moves: it may take LONGEST_SECONDS, and is written if the execution has not moved meanwhile. Both are seconds of
the thread's own computing, so a busy machine ends no healthy move.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from stepwell.db import queries
from stepwell.db.database import database, locked, transaction
from stepwell.db.models import Execution, Task
from stepwell.db.values import DueTimer
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import commands, events, execution
from stepwell.runtime.engine.transition import Alarm, FramesMissing, MoveTookTooLong, Transition, transition
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.map_runs import pump, requests
from stepwell.runtime.mover import timers
from stepwell.runtime.moves import completion, load, polled_tasks, save, task_rows
from stepwell.runtime.moves.effects import Effects, Notifier
from stepwell.runtime.moves.guards import AttemptEnd, TaskReport, locked_task
from stepwell.runtime.outage import concerns_one_row, is_outage, stops_all
from stepwell.runtime.workflows import Workflows, limits_of

log = logging.getLogger("stepwell.executions")

FIRST_SECONDS, LONGEST_SECONDS = 0.05, 2.0
"""How long a move may compute at its first try, under a lock, and later, without one."""
PUMP_SECONDS = 0.5
"""How long a pump computes before it leaves further children to the next one. It holds its execution meanwhile."""
MOST_FAILURES = 5
PUT_OFF_MS = 1_000
"""The delay after the first failure; it doubles with each further one."""
BUSY_MS = 1_000
"""The delay after a failure that is none of the move's own: a lock that could not be had, a deadlock."""
AGAIN_LEASE_MS = 15_000
"""How long no other process makes a move that is being made again."""

CHILDREN = (1, 40, 1_000, sys.maxsize, None)
"""How many children of a frame are loaded for a move: at first, and each time that the core needs more."""

MakeEvent = Callable[[int, Task | None], events.Event | None]
"""Makes the event of a move from the time and the locked task. None: there is nothing to report after all."""


class NothingDue(Exception):
    """No timer is due whose execution another move does not hold."""


@dataclass(frozen=True)
class Decided:
    """A decision of the core: the execution before and after its event, by the row that it was loaded from."""

    row: Execution
    before: execution.Execution
    move: Transition

    def holds(self, row: Execution) -> bool:
        """True if the execution has not moved since."""
        # Each move raises the revision, and a claim the number of lines.
        return (row.revision, row.history_count) == (self.row.revision, self.row.history_count)


class Mover:
    """Makes the moves of executions. A move that a guard refuses changes nothing."""

    def __init__(self, workflows: Workflows, notifier: Notifier, limits: EngineLimits, artifacts: Path) -> None:
        self._workflows = workflows
        self._notifier = notifier
        self.limits = limits
        self._artifacts = artifacts

    def apply(self, execution_id: str, make: MakeEvent) -> bool:
        """Apply an event. False if it fits nothing any more."""
        return self.commit(lambda: self._moved(locked(Execution, Execution.id == execution_id), make))

    def take_report(self, execution_id: str, report: TaskReport, *, skip_locked: bool = False) -> bool:
        """Apply the end of a task. False if its guard no longer holds. An end that cannot be taken now is kept.

        ``skip_locked``: also False, at once, while another move holds the execution.
        """

        def event(at: int, task: Task | None) -> events.Event | None:
            return None if task is None else report.answer.event(at, seed(), task)

        def take() -> Effects | None:
            row = locked(Execution, Execution.id == execution_id, skip_locked=skip_locked)
            return self._moved(row, event, report.guard, report.end)

        try:
            return self.commit(take)
        except Exception as fault:
            if is_outage(fault):
                raise
            return self.put_off_report(execution_id, report, fault)

    def put_off_report(self, execution_id: str, report: TaskReport, fault: Exception) -> bool:
        """Keep the end of a task, and take it later. False if its guard no longer holds."""
        _tell(execution_id, fault)
        failures = 0 if isinstance(fault, MoveTookTooLong) else 1
        with database.connection_context(), transaction():
            _, task = locked_task(execution_id, report.guard)
            if task is None:
                return False
            task_rows.close_attempt(task, report.end)
            task_rows.keep_answer(task, report.answer)
            timers.put_off_report(task, PUT_OFF_MS * failures, failures)
        self._notifier.wake_put_off()
        return True

    # Timers

    def fire_next(self) -> bool | None:
        """Fire the earliest due timer of an execution that no other move holds. None if there is none.

        False if it fits nothing any more, or was put off because its move failed.
        """
        found: list[DueTimer] = []

        def fire() -> Effects | None:
            due = timers.next_due()
            if due is None:
                raise NothingDue
            found.append(due[1])
            return self._fired(*due, alarm_after(FIRST_SECONDS))

        try:
            return self.commit(fire)
        except NothingDue:
            return None
        except Exception as fault:
            if not found or stops_all(fault):
                raise
            self._put_off(found[0], fault)
            return False

    def fire_again(self) -> bool:
        """Fire the next due timer of those that were put off. False if there is none."""
        with database.connection_context():
            timer = timers.take_again(AGAIN_LEASE_MS)
        if timer is None:
            return False
        try:
            if timer.failures > MOST_FAILURES:  # the tries before ended their processes
                self._end(timer, "its process ended each time")
            else:
                self.fire(timer)
        except Exception as fault:
            if stops_all(fault):
                raise
            self._put_off_again(timer, fault)
        return True

    def fire(self, timer: DueTimer) -> bool:
        """Fire a timer, decided without a lock. False if another process has fired it, or it fits nothing any more."""
        ahead = self._decided_ahead(timer)

        def fire() -> Effects | None:
            row = locked(Execution, Execution.id == timer.execution_id)
            # An execution that has moved meanwhile may move as fast again: this time the decision waits for no other.
            decided = ahead if ahead is not None and row is not None and ahead.holds(row) else None
            return self._fired(row, timer, alarm_after(LONGEST_SECONDS), decided)

        return self.commit(fire)

    def _decided_ahead(self, timer: DueTimer) -> Decided | None:
        """The decision on a timer's event as the rows are now, outside of a transaction. None if it has no event."""
        if timer.kind == commands.WAKE_RUN:  # a pump reads and writes as it decides
            return None
        with database.connection_context():
            row = Execution.get_or_none(Execution.id == timer.execution_id, Execution.status == Status.IN_PROGRESS)
            guard = timers.guard_of(timer)
            task = None if guard is None else Task.get_or_none(*guard.conditions())
            event = None if row is None else timers.event_of(timer, row, task, queries.now(), seed())
            if row is None or event is None:
                return None
            return self._decided(row, event, 0 if task is None else task.attempt, alarm_after(LONGEST_SECONDS))

    def _fired(
        self, row: Execution | None, timer: DueTimer, alarm: Alarm, decided: Decided | None = None
    ) -> Effects | None:
        if timer.kind == commands.WAKE_RUN:
            return self._pumped(row, timer)
        # The execution's row first, then the timer's, then the task's: the order in which every move takes its locks.
        if not timers.take(timer) or row is None:
            return None
        own: Execution = row
        return self._moved(
            own,
            lambda at, task: timers.event_of(timer, own, task, at, seed()),
            timers.guard_of(timer),
            AttemptEnd("COMPLETED"),
            alarm,
            decided,
        )

    def _pumped(self, row: Execution | None, timer: DueTimer) -> Effects | None:
        """Pump a Map Run. None if it has ended, or if another process has pumped it meanwhile."""
        place = timer.execution_id, timer.frame, timer.entry
        if row is None or row.status != Status.IN_PROGRESS:
            requests.forget(*place)
            return None
        if not timer.failures and requests.is_put_off(*place):
            # The pump has failed, and is made again when another request says so: this one waits with it.
            requests.hold(*place, timer.number)
            return None
        bound = LONGEST_SECONDS if timer.failures else FIRST_SECONDS
        new_alarm, is_late = partial(alarm_after, bound), alarm_after(PUMP_SECONDS)
        needs = pump.PumpNeeds(
            self._workflows, self.limits, self._artifacts, seed(), new_alarm, is_late, timer.failures
        )
        pumped = pump.pump(row, timer.frame, timer.entry, needs)
        if pumped is None or pumped.event is None:
            return None if pumped is None else pumped.effects
        decided = self._decided(row, pumped.event, 0, new_alarm(), pumped.execution)
        return pumped.effects.with_those(self._written(row, decided) or Effects())

    # Failures

    def _put_off(self, timer: DueTimer, fault: Exception) -> None:
        """Put a timer off after its first try has failed. A move that only took too long is made again at once."""
        _tell(timer.execution_id, fault)
        is_failure = not isinstance(fault, MoveTookTooLong) and not concerns_one_row(fault)
        delay_ms = 0 if isinstance(fault, MoveTookTooLong) else PUT_OFF_MS
        with database.connection_context(), transaction():
            timers.put_off(replace(timer, failures=int(is_failure)), delay_ms)
        self._notifier.wake_put_off()

    def _put_off_again(self, timer: DueTimer, fault: Exception) -> None:
        """Put a timer off after another failure; after the last one its execution ends."""
        _tell(timer.execution_id, fault)
        is_busy = concerns_one_row(fault)
        if not is_busy and timer.failures >= MOST_FAILURES:
            return self._end(timer, _reason(fault))
        # take_again has counted this try already: one that another transaction was in the way of does not count.
        counted = replace(timer, failures=timer.failures - int(is_busy))
        with database.connection_context(), transaction():
            timers.put_off(counted, BUSY_MS if is_busy else PUT_OFF_MS << (timer.failures - 1))

    def _end(self, timer: DueTimer, reason: str) -> None:
        """End an execution whose move has failed too often."""
        cause = f"The execution could not go on: a move failed {MOST_FAILURES} times, the last time because {reason}."
        self.end(timer.execution_id, cause)

    def end(self, execution_id: str, cause: str) -> bool:
        """End an execution that cannot move, with States.Runtime. False if it has ended."""

        def end() -> Effects | None:
            row = locked(Execution, Execution.id == execution_id)
            if row is None or row.status != Status.IN_PROGRESS:
                return None
            effects = save.failure(row, "States.Runtime", cause)
            if row.parent is not None:
                effects.timers |= completion.notify(row.parent)
            return effects

        log.error("execution %s ends: %s", execution_id, cause)
        return self.commit(end)

    # Inside

    def commit(self, move: Callable[[], Effects | None]) -> bool:
        """Make a move in a transaction of its own, commit, and notify others. False if it changed nothing."""
        with database.connection_context():
            with transaction():
                effects = move()
                reach("advance.before_commit")
            reach("advance.after_commit")
            if effects is not None:
                self.announce(effects)
        return effects is not None

    def announce(self, effects: Effects) -> None:
        """Notify others of a committed move."""
        if effects.queued:
            self._notifier.notify(effects.queued)
        if effects.timers:
            self._notifier.wake_timers()
        if effects.cancelled:
            self._notifier.drop_cancelled()

    def _moved(
        self,
        row: Execution | None,
        make: MakeEvent,
        guard: timers.TaskGuard | None = None,
        end: AttemptEnd | None = None,
        alarm: Alarm | None = None,
        decided: Decided | None = None,
    ) -> Effects | None:
        """Decide and write the move of a locked execution, if it is not ``decided`` already."""
        if row is None or row.status != Status.IN_PROGRESS:
            return None
        task = None if guard is None else locked(Task, *guard.conditions())
        if guard is not None and task is None:
            return None
        if decided is None:
            event = make(queries.now(), task)
            if event is None:
                return None
            alarm = alarm_after(FIRST_SECONDS) if alarm is None else alarm
            decided = self._decided(row, event, 0 if task is None else task.attempt, alarm)
        return self._written(row, decided, task, end)

    def _written(
        self, row: Execution, decided: Decided, task: Task | None = None, end: AttemptEnd | None = None
    ) -> Effects | None:
        """Write a move. None if it changes nothing.

        The ended attempt of the ``task`` is closed before the transition frees the task's row.
        """
        before, move = decided.before, decided.move
        if move.execution is before:
            return None
        if task is not None and end is not None:
            task_rows.close_attempt(task, end)
        effects = save.save(row, before, move)
        if row.parent is not None and move.execution.status != Status.IN_PROGRESS:
            effects.timers |= completion.notify(row.parent)
        return effects

    def _decided(
        self,
        row: Execution,
        event: events.Event,
        attempt: int,
        alarm: Alarm,
        loaded: execution.Execution | None = None,
    ) -> Decided:
        """The decision on an event. No more children are loaded than the core needs. Raises MoveTookTooLong.

        ``loaded`` is the execution, if the caller has loaded it already.
        """
        machine = polled_tasks.looked_up(self._workflows.machine(row.version_id))
        path = getattr(event, "frame", "")
        limits = limits_of(row.workflow, self.limits)
        for children in CHILDREN:
            before, loaded = loaded or load.load(row, path, attempt, children), None
            with suppress(FramesMissing):
                return Decided(row, before, transition(machine, before, event, limits, alarm))
        raise AssertionError(f"execution {row.id} lacks a frame")


def alarm_after(seconds: float) -> Alarm:
    """An alarm that goes off once this thread has computed for this time."""
    # The thread's own time: waiting for others, for the database or for the processor is none of the move's.
    due = time.thread_time() + seconds
    return lambda: time.thread_time() > due


def seed() -> int:
    """64 random bits. Randomness enters the core by this seed alone."""
    return secrets.randbits(64)


def _tell(execution_id: str, fault: Exception) -> None:
    if isinstance(fault, MoveTookTooLong):
        log.info("a move of execution %s takes long: it is put off", execution_id)
    elif concerns_one_row(fault):
        log.warning("a move of execution %s is put off: its rows are busy (%s)", execution_id, type(fault).__name__)
    else:
        log.error("a move of execution %s failed: it is put off", execution_id, exc_info=fault)


def _reason(fault: Exception) -> str:
    """Why a move failed, for everybody's eyes. The message of an error may hold what only the log may show."""
    if isinstance(fault, MoveTookTooLong):
        return f"it would have computed for more than {LONGEST_SECONDS:g} seconds"
    return f"of an internal error ({type(fault).__name__}); the log shows it"
