"""The job of a worker's slot: claim a task, run its handler, report its outcome, and go on with the next task.

A slot holds no database connection while a handler runs. When this process dies, other processes see it in the rows.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from stepwell.db.values import OFTEN_LOST, Claimed, QueuedTask
from stepwell.runtime.crashpoints import reach
from stepwell.runtime.engine.core import visits
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.values import arns
from stepwell.runtime.executions import Executions
from stepwell.runtime.express_machines import EXPRESS_FUNCTION
from stepwell.runtime.ids import new_id
from stepwell.runtime.in_memory import Express
from stepwell.runtime.invoke.call import Caller, Own, TaskCall, patient_find, patient_own
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Target, Terms
from stepwell.runtime.lambdas import event_calls
from stepwell.runtime.lambdas.functions import Functions
from stepwell.runtime.outage import Done, exactly_once, retry_in_outage
from stepwell.runtime.tasks.claims import Claims
from stepwell.runtime.tasks.start_execution import Nested
from stepwell.runtime.workflow_names import is_of_events

log = logging.getLogger("stepwell.slot")

SLICE_SECONDS = 0.1
"""How long a slot goes on with one execution before the others have a turn."""

REPORT_SECONDS = 2.0
"""How long a worker that ends waits for reports in progress."""

SICK_SECONDS = 1.0
"""How long a slot rests after it could not start a process."""


class Work:
    """The slots of one worker process, and the claims that they work on."""

    def __init__(
        self,
        claims: Claims,
        executions: Executions,
        invoker: Invoker | InProcessInvoker,
        functions: Functions,
        express: Express,
        nested: Nested,
        own: Mapping[str, Own],
    ) -> None:
        self.claims = claims
        self.executions = executions
        self.invoker = invoker
        self.functions = functions
        self.express = express
        self.nested = nested
        patient = {function: patient_own(do) for function, do in own.items()}
        self._caller = Caller(
            invoker, patient_find(self._found), {**patient, EXPRESS_FUNCTION: patient_own(self._run_in_memory)}
        )
        self.draining = threading.Event()
        self._running: dict[str, Claimed] = {}
        self._reporting: set[str] = set()
        self._lock = threading.Lock()
        self._often_lost = threading.Lock()

    def run(self, task_id: str) -> None:
        """Claim this task, and work on its execution for a slice of time. Does nothing when the claim fails."""
        if self.draining.is_set():
            self.executions.notifier.notify([QueuedTask(task_id)])
            return
        began = time.monotonic()
        # The next task of the same execution often comes with the move. It runs here at once, without a message.
        with self._claimed(task_id) as claim:
            while claim is not None:
                claim = self._run_one(claim, began)

    def running(self) -> list[Claimed]:
        """The claims that this process works on, until their outcome is reported."""
        with self._lock:
            return list(self._running.values())

    def heartbeat(self) -> None:
        """Renew the leases of the running tasks, and stop the handlers of tasks that are no longer ours.

        A task that is claimed during the renewal is not part of it, and its handler goes on.
        """
        held = self.running()
        ours = self.claims.heartbeat(held)
        for claim in held:
            if (claim.id, claim.attempt) not in ours and self._stop(claim):
                log.warning("task %s, attempt %s, is no longer ours: its handler is stopped", claim.id, claim.attempt)

    def hand_back(self) -> None:
        """Stop the running handlers, and give their tasks back. A report in progress may end first."""
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
        """Claim this task for the block. Yields None when it cannot be claimed.

        At most one often-lost task runs per process: if it crashes the worker, it must not take others of its kind with
        it, which would then fail because of it.
        """
        # The lock is the right to run an often-lost task. Whether this task is one shows only in its claim, so the lock
        # is taken before the claim, and given back at once when the claim does not need it.
        is_mine = self._often_lost.acquire(blocking=False)
        try:
            claim = self._claim(task_id, often_lost=is_mine)
            if is_mine and (claim is None or claim.losses < OFTEN_LOST):
                is_mine = False
                self._often_lost.release()
            yield claim
        finally:
            if is_mine:
                self._often_lost.release()

    def _claim(self, task_id: str, often_lost: bool) -> Claimed | None:
        return exactly_once(
            lambda: self.claims.claim(task_id, often_lost), lambda: self._adopted(self.claims.held(task_id))
        )

    def _give_back(self, claim: Claimed) -> None:
        """Stop our handler before another process may start the task. Does nothing when a report came first."""
        self._stop(claim)
        if retry_in_outage(lambda: self.claims.give_back(claim)):
            log.info("task %s is handed back", claim.id)

    def _run_one(self, claim: Claimed, began: float) -> Claimed | None:
        key = _key(claim)
        with self._lock:
            # The same claim may come twice, by its answer and by a look at the rows after a broken connection.
            if key in self._running:
                return None
            self._running[key] = claim
        try:
            reach("handler.before")
            claimed = time.monotonic()
            outcome = self._invoke(claim)
            reach("handler.after")
            if outcome.not_run:
                self._pass_on(claim, outcome)
            if outcome.not_run or outcome.killed:
                return None
            return self._report(claim, outcome, began, round((time.monotonic() - claimed) * 1000))
        finally:
            with self._lock:
                self._running.pop(key, None)
                self._reporting.discard(key)

    def _invoke(self, claim: Claimed) -> Outcome:
        outcome = self._caller.run(call_of(claim))
        # hand_back() lets these end: the handler's work is done, and only its report is missing.
        self._reporting.add(_key(claim))
        return outcome

    def _run_in_memory(self, call: TaskCall) -> Outcome:
        """Run the whole of an Express execution, which is one task."""
        claim = call.claim
        assert claim is not None
        name = claim.name or arns.express_name(claim.execution_id)
        begun = Execution(claim.execution_id, name, claim.workflow, json.loads(call.event), claim.now)
        machine = self.executions.workflows.inner(claim.version_id)
        return self.express.outcome(machine, begun, call.key)

    def _found(self, call: TaskCall) -> Target | Outcome:
        target, claim = self.functions.find(call.function), call.claim
        if claim is None or not _is_event(claim) or isinstance(target, Outcome):
            return target
        return event_calls.refusal(claim, target) or target

    def _pass_on(self, claim: Claimed, outcome: Outcome) -> None:
        """Give a task back because no process could be started here: the fault is this worker's, not the task's."""
        log.error("task %s is handed back: %s", claim.id, outcome.cause)
        retry_in_outage(lambda: self.claims.give_back(claim))
        # Without this rest the slot would take the same task again and again, faster than a healthy worker can.
        time.sleep(SICK_SECONDS)

    def _report(self, claim: Claimed, outcome: Outcome, began: float, took_ms: int) -> Claimed | None:
        def may_go_on(following: Claimed) -> bool:
            # Only functions in files: FINISH does not check that a stored function still exists, as CLAIM does.
            is_time_left = time.monotonic() - began < SLICE_SECONDS
            return is_time_left and not self.draining.is_set() and following.function in self.functions.files

        def report() -> Claimed | None:
            if outcome.error is None:
                return self.executions.succeed(claim, outcome.result or "null", outcome.logs, may_go_on, took_ms)
            self.executions.fail(claim, outcome.error, outcome.cause, outcome.logs)
            return None

        def look_back() -> Done[Claimed | None] | None:
            done = self.executions.read_back(claim)
            return None if done is None else self._adopted(done.answer) or Done(None)

        try:
            return exactly_once(report, look_back)
        except Exception:
            log.exception("task %s: its outcome cannot be taken", claim.id)
            cause = "The outcome could not be taken; the worker's log says why."
            retry_in_outage(lambda: self.executions.fail(claim, "States.Runtime", cause, outcome.logs))
            return None

    def _adopted(self, held: list[Claimed]) -> Done[Claimed | None] | None:
        """The first of these claims without a slot: it was committed, but the connection broke before we knew."""
        with self._lock:
            free = [claim for claim in held if _key(claim) not in self._running]
        return Done(free[0]) if free else None

    def _stop(self, claim: Claimed) -> bool:
        return bool(self.express.kill(_key(claim)) or self.invoker.kill(_key(claim)))


def call_of(claim: Claimed) -> TaskCall:
    """The call that a task makes. An event's function is called on Lambda's own terms, as the event's request."""
    request_id, terms = new_id(), None
    if _is_event(claim):
        request_id, terms = claim.name or request_id, Terms()
    idempotency_key, limit = _idempotency_key(claim), claim.timeout_seconds
    return TaskCall(claim.function, claim.input, _key(claim), request_id, limit, terms, idempotency_key, claim)


def _idempotency_key(claim: Claimed) -> str | None:
    """The key of the visit that the task is the work of. None if Stepwell 0.1.0 has dispatched it."""
    return None if claim.visit is None else visits.key_of(claim.execution_id, claim.visit)


def _is_event(claim: Claimed) -> bool:
    return is_of_events(claim.workflow)


def _key(claim: Claimed) -> str:
    """The key of an invocation: the task's id and the attempt."""
    return f"{claim.id}/{claim.attempt}"
