"""Runs a whole state machine in memory: the core decides, this thread acts, and no row is written.

AWS's Express executions run so. A synchronous one has no rows at all. An asynchronous one is a single task of an
execution with rows (``express_machines``): when its worker is lost, it runs again from its beginning.
"""

from __future__ import annotations

import heapq
import logging
import queue
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

from stepwell.runtime.engine.core import commands, events, visits
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.transition import transition
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.express_machines import EXPRESS_SECONDS
from stepwell.runtime.ids import new_id
from stepwell.runtime.invoke.call import Caller, TaskCall
from stepwell.runtime.invoke.outcome import AWAY, Outcome
from stepwell.runtime.outage import is_outage

log = logging.getLogger("stepwell.express")

AT_ONCE = 16
"""How many handlers of one execution run at a time; its other tasks wait."""


class Express:
    """Runs executions in memory. Any thread may use it, and may ``kill`` an execution of another thread."""

    def __init__(self, caller: Caller, limits: EngineLimits) -> None:
        self._caller = caller
        self._limits = limits
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight] = {}

    def run(self, machine: StateMachine, begun: Execution, key: str) -> Execution:
        """Run an execution to its end, or its time-out. One that is killed, or meets an outage, stays IN_PROGRESS."""
        return self._flown(machine, begun, key).value

    def _flown(self, machine: StateMachine, begun: Execution, key: str) -> _Flight:
        flight = _Flight(machine, begun, self._limits, key)
        with self._lock:
            self._flights[key] = flight
        try:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="express") as handlers:
                self._fly(flight, handlers)
                return flight
        finally:
            with self._lock:
                del self._flights[key]

    def timed(self, machine: StateMachine, begun: Execution, key: str) -> tuple[Execution, int]:
        """Run an execution. Returns it as it ended, and the milliseconds that it took."""
        began = time.monotonic()
        return self.run(machine, begun, key), round((time.monotonic() - began) * 1000)

    def outcome(self, machine: StateMachine, begun: Execution, key: str) -> Outcome:
        """Run an execution that is a task's work. Returns the task's outcome."""
        flight = self._flown(machine, begun, key)
        ended = flight.value
        if ended.status == Status.IN_PROGRESS:
            # Nobody caused an outage: the task goes back to the queue, and runs again without a loss or a retry.
            return AWAY if flight.is_away else Outcome(killed=True)
        if ended.status == Status.COMPLETED:
            return Outcome(result=jsontext.write(ended.output))
        return Outcome(error=ended.error or "States.TaskFailed", cause=ended.cause)

    def kill(self, key: str) -> bool:
        """End the execution that runs under this key. False when there is none."""
        with self._lock:
            flight = self._flights.get(key)
        if flight is not None:
            flight.arrivals.put(None)
        return flight is not None

    def _fly(self, flight: _Flight, handlers: ThreadPoolExecutor) -> None:
        flight.apply(events.ExecutionStarted(flight.now(), _seed()))
        try:
            while flight.value.status == Status.IN_PROGRESS:
                for task in flight.take_tasks():
                    handlers.submit(self._work, flight, task)
                event = flight.await_event()
                if event is None:
                    break
                flight.apply(event)
                self._stop(flight, flight.abandoned())
        finally:
            self._stop(flight, list(flight.running))

    def _work(self, flight: _Flight, task: commands.DispatchTask) -> None:
        """Run one task's handler, and put its outcome into the flight's arrivals."""
        key = flight.key_of(task)
        try:
            outcome = self._outcome(task, key, flight.value.id)
        except Exception as fault:
            outcome = _fault_of(task, fault)
        is_wanted = flight.running.pop(key, None) is not None
        # A task that is no longer wanted was stopped by us. A task that another thread has killed ends the execution.
        if is_wanted:
            flight.is_away |= outcome.away
            ends = outcome.killed or outcome.away
            flight.arrivals.put(None if ends else _event_of(task, flight.now(), outcome))

    def _outcome(self, task: commands.DispatchTask, key: str, execution: str) -> Outcome:
        return self._caller.run(
            TaskCall(
                task.function,
                jsontext.write(task.input),
                key,
                new_id(),
                task.timeout_seconds,
                idempotency_key=visits.key_of(execution, task.visit),
            )
        )

    def _stop(self, flight: _Flight, keys: list[str]) -> None:
        for key in keys:
            if flight.running.pop(key, None) is not None:
                self._caller.kill(key)


@dataclass
class _Flight:
    """The state of a running execution: its value, its running handlers, its timers. One thread changes it."""

    machine: StateMachine
    value: Execution
    limits: EngineLimits
    key: str
    arrivals: queue.SimpleQueue[events.Event | None] = field(default_factory=queue.SimpleQueue)
    running: dict[str, commands.DispatchTask] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    is_away: bool = False
    """True if a task could not be done because the database cannot be reached."""
    _waiting: list[commands.DispatchTask] = field(default_factory=list)
    _timers: list[tuple[float, int, commands.SetTimer]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._set(commands.SetTimer(commands.EXECUTION, "", 0, 0, EXPRESS_SECONDS))

    def now(self) -> int:
        """The execution's clock in milliseconds: its start plus the time since."""
        return self.value.started_at + round((time.monotonic() - self.began) * 1000)

    def key_of(self, task: commands.DispatchTask) -> str:
        return f"{self.key}/{task.frame}/{task.entry}/{task.retry}"

    def apply(self, event: events.Event) -> None:
        """Apply an event, and note the tasks and timers that follow."""
        move = transition(self.machine, self.value, event, self.limits)
        self.value = move.execution
        for command in move.commands:
            if isinstance(command, commands.DispatchTask):
                self._waiting.append(command)
            elif isinstance(command, commands.SetTimer):
                self._set(command)

    def take_tasks(self) -> list[commands.DispatchTask]:
        """The tasks to start now. They count as running from here on."""
        taken, self._waiting = self._waiting, []
        self.running |= {self.key_of(task): task for task in taken}
        return taken

    def abandoned(self) -> list[str]:
        """The keys of running tasks without a frame."""
        frames = self.value.frames
        return [key for key, task in list(self.running.items()) if task.frame not in frames]

    def await_event(self) -> events.Event | None:
        """The next event, a task's outcome or a timer; None when the execution is killed."""
        while True:
            due, _, timer = self._timers[0]
            try:
                return self.arrivals.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                heapq.heappop(self._timers)
                return _fired(timer, self.now())

    def _set(self, timer: commands.SetTimer) -> None:
        due = time.monotonic() + timer.delay_seconds
        heapq.heappush(self._timers, (due, next(self._order), timer))


def _fired(timer: commands.SetTimer, at: int) -> events.Event:
    if timer.kind == commands.EXECUTION:
        return events.ExecutionTimedOut(at, _seed())
    return events.TimerFired(at, _seed(), timer.frame, timer.entry, timer.number)


def _fault_of(task: commands.DispatchTask, fault: Exception) -> Outcome:
    """The outcome of a task that could not even be called."""
    if is_outage(fault):
        return AWAY
    log.exception("the function %r could not be called", task.function)
    # Not the words of the fault: they may name an address or a password.
    return Outcome(error="States.Runtime", cause="The function could not be called; this process's log says why.")


def _event_of(task: commands.DispatchTask, at: int, outcome: Outcome) -> events.Event:
    place = (at, _seed(), task.frame, task.entry, 0)
    if outcome.error is not None:
        return events.TaskFailed(*place, outcome.error, outcome.cause)
    return events.TaskSucceeded(*place, jsontext.read(outcome.result or "null", jsontext.DEPTH * 4))


def _seed() -> int:
    return secrets.randbits(64)
