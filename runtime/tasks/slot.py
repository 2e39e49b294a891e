"""The job: claim a task, run its handler in the sandbox, report, and go on with what follows.

No database connection is held while a handler runs. Whatever happens to this process, the rows tell the others.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from stepwell.db.queries import Claimed
from stepwell.db.values import OFTEN_LOST
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import invocations
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.executions import Executions
from stepwell.runtime.ids import new_id
from stepwell.runtime.in_memory import Express
from stepwell.runtime.invoke.invoker import InProcessInvoker, Invoker, Outcome, Target, Terms
from stepwell.runtime.lambdas import event_calls
from stepwell.runtime.lambdas.events import EventSender
from stepwell.runtime.lambdas.functions import Functions
from stepwell.runtime.outage import Done, certainly, patiently
from stepwell.runtime.tasks import start_execution
from stepwell.runtime.tasks.claims import Claims
from stepwell.runtime.workflows import EVENT, EXPRESS_FUNCTION

log = logging.getLogger("stepwell.work")

SLICE_SECONDS = 0.1
"""How long a worker goes on with one execution before it lets the others have a turn."""

REPORT_SECONDS = 2.0
"""How long a worker that ends waits for reports under way."""

SICK_SECONDS = 1.0
"""How long a slot rests that could not start a process."""


class Work:
    """What a worker's slots do, and which tasks they hold right now."""

    def __init__(
        self,
        claims: Claims,
        executions: Executions,
        invoker: Invoker | InProcessInvoker,
        functions: Functions,
        express: Express,
        sender: EventSender,
    ) -> None:
        self.claims = claims
        self.executions = executions
        self.invoker = invoker
        self.functions = functions
        self.express = express
        self.sender = sender
        self.nested = start_execution.Nested(executions)
        self.draining = threading.Event()
        self._running: dict[str, Claimed] = {}
        self._reporting: set[str] = set()
        self._lock = threading.Lock()
        self._often_lost = threading.Lock()

    def run(self, task_id: str) -> None:
        """Claim this task and work on its execution for a slice of time. A message that nobody can use is dropped."""
        if self.draining.is_set():
            self.executions.notifier.notify([task_id])
            return
        began = time.monotonic()
        with self._claimed(task_id) as claim:
            while claim is not None:
                claim = self._run_one(claim, began)

    def running(self) -> list[Claimed]:
        """The claims that this process works on, until their outcome is reported."""
        with self._lock:
            return list(self._running.values())

    def heartbeat(self) -> None:
        """Ask for longer for what runs now, and stop the handlers of tasks that are no longer ours.

        What is claimed meanwhile is not in the answer, and not judged by it.
        """
        held = self.running()
        ours = self.claims.heartbeat(held)
        for claim in held:
            if (claim.id, claim.attempt) not in ours and self._stop(claim):
                log.warning("task %s, attempt %s, is no longer ours: its handler is stopped", claim.id, claim.attempt)

    def hand_back(self) -> None:
        """Stop the handlers that still run, and give their tasks to others; a report under way may end first."""
        for claim in self.running():
            if _key(claim) not in self._reporting:
                self._give_back(claim)
        deadline = time.monotonic() + REPORT_SECONDS
        while self._reporting and time.monotonic() < deadline:
            time.sleep(0.01)
        for claim in self.running():
            if _key(claim) in self._reporting:
                self._give_back(claim)

    @contextmanager
    def _claimed(self, task_id: str) -> Iterator[Claimed | None]:
        """A claim of this task, if it can be had. One that was lost often has no other such beside it in this process.

        It may be what kills its workers; the others would be lost with it each time, and fail for its sake.
        """
        with ExitStack() as place:
            is_free = self._often_lost.acquire(blocking=False)
            if is_free:
                place.callback(self._often_lost.release)
            claim = certainly(
                lambda: self.claims.claim(task_id, often_lost=is_free),
                lambda: self._adopted(self.claims.held(task_id)),
            )
            if claim is None or claim.losses < OFTEN_LOST:
                place.close()
            yield claim

    def _give_back(self, claim: Claimed) -> None:
        """Ours ends before another may begin. Where a report wins, there is nothing to give."""
        self._stop(claim)
        if patiently(lambda: self.claims.give_back(claim)):
            log.info("task %s is handed back", claim.id)

    def _run_one(self, claim: Claimed, began: float) -> Claimed | None:
        key = _key(claim)
        with self._lock:
            if key in self._running:
                return None
            self._running[key] = claim
        try:
            reach("handler.before")
            claimed = time.monotonic()
            outcome = self._invoke(claim)
            reach("handler.after")
            if outcome.not_run:
                return self._pass_on(claim, outcome)
            took_ms = round((time.monotonic() - claimed) * 1000)
            return None if outcome.killed else self._report(claim, outcome, began, took_ms)
        finally:
            with self._lock:
                self._running.pop(key, None)
                self._reporting.discard(key)

    def _invoke(self, claim: Claimed) -> Outcome:
        if claim.function in start_execution.FUNCTIONS:
            outcome = self._started_nested(claim)
        elif claim.function == EXPRESS_FUNCTION:
            outcome = self._ran_in_memory(claim)
        elif claim.function == invocations.EVENT:
            outcome = self._sent(claim)
        else:
            outcome = self._ran(claim)
        self._reporting.add(_key(claim))
        return outcome

    def _ran_in_memory(self, claim: Claimed) -> Outcome:
        """The whole of an Express execution."""
        name = claim.name or claim.execution_id
        begun = Execution(claim.execution_id, name, claim.workflow, json.loads(claim.input), claim.now)
        machine = self.executions.workflows.inner(claim.version_id)
        return self.express.outcome(machine, begun, _key(claim))

    def _ran(self, claim: Claimed) -> Outcome:
        target = patiently(lambda: self._found(claim))
        if not isinstance(target, Target):
            return target or Outcome(cause="its function could not be looked up", not_run=True)
        return self.invoker.run(
            target,
            claim.input,
            timeout_seconds=claim.timeout_seconds,
            key=_key(claim),
            request_id=(claim.name if _is_event(claim) else None) or new_id(),
            terms=Terms() if _is_event(claim) else None,
        )

    def _found(self, claim: Claimed) -> Target | Outcome:
        target = self.functions.find(claim.function)
        refused = event_calls.refusal(claim, target) if _is_event(claim) and isinstance(target, Target) else None
        return refused or target

    def _started_nested(self, claim: Claimed) -> Outcome:
        """A handler of ours, which may begin twice: the start has a key. While the database is away it waits."""
        outcome = patiently(lambda: self.nested.run(claim))
        return Outcome(killed=True) if outcome is None else outcome

    def _sent(self, claim: Claimed) -> Outcome:
        """The same of an event that a function is to be handed: each try of the task is one request."""
        request = invocations.request_of(claim.execution_id, claim.number, claim.retries)
        outcome = patiently(lambda: self.sender.send(json.loads(claim.input), request))
        return Outcome(killed=True) if outcome is None else outcome

    def _pass_on(self, claim: Claimed, outcome: Outcome) -> None:
        """No process could be started here: that is this worker's trouble, not the task's, which goes to others."""
        log.error("task %s is handed back: %s", claim.id, outcome.cause)
        patiently(lambda: self.claims.give_back(claim))
        time.sleep(SICK_SECONDS)

    def _report(self, claim: Claimed, outcome: Outcome, began: float, took_ms: int) -> Claimed | None:
        def may_go_on(following: Claimed) -> bool:
            is_time_left = time.monotonic() - began < SLICE_SECONDS
            return is_time_left and not self.draining.is_set() and following.function in self.functions.files

        def report() -> Claimed | None:
            if outcome.error is None:
                return self.executions.succeed(claim, outcome.result or "null", outcome.logs, may_go_on, took_ms)
            return self.executions.fail(claim, outcome.error, outcome.cause, outcome.logs)

        def look_back() -> Done[Claimed | None] | None:
            done = self.executions.read_back(claim)
            return None if done is None else self._adopted(done.answer) or Done(None)

        try:
            return certainly(report, look_back)
        except Exception:
            log.exception("task %s: its outcome cannot be taken", claim.id)
            cause = "The outcome could not be taken; the worker's log says why."
            patiently(lambda: self.executions.fail(claim, "States.Runtime", cause, outcome.logs))
            return None

    def _adopted(self, held: list[Claimed]) -> Done[Claimed | None] | None:
        """The first of these claims that nobody works on: it was made when the connection broke."""
        with self._lock:
            free = [claim for claim in held if _key(claim) not in self._running]
        return Done(free[0]) if free else None

    def _stop(self, claim: Claimed) -> bool:
        return bool(self.express.kill(_key(claim)) or self.invoker.kill(_key(claim)))


def _is_event(claim: Claimed) -> bool:
    return claim.workflow.startswith(EVENT)


def _key(claim: Claimed) -> str:
    """What an invocation is known by: the task, and which attempt."""
    return f"{claim.id}/{claim.attempt}"
