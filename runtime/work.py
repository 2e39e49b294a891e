"""The job: claim a task, run its handler in the sandbox, report, and go on with what follows.

No database connection is held while a handler runs. Whatever happens to this process, the rows tell the others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from db.queries import Claimed
from runtime.away import Done, certainly, patiently
from runtime.crashpoints import reach
from runtime.executions import Executions
from runtime.ids import new_id
from runtime.invoke import InProcessInvoker, Invoker, Outcome, Target
from runtime.tasks import Tasks

log = logging.getLogger("stepwell.work")

SLICE_SECONDS = 0.1
"""How long a worker goes on with one execution before it lets the others have a turn."""


class Work:
    """What a worker's slots do, and which tasks they hold right now."""

    def __init__(
        self, tasks: Tasks, executions: Executions, invoker: Invoker | InProcessInvoker, targets: Mapping[str, Target]
    ) -> None:
        self.tasks = tasks
        self.executions = executions
        self.invoker = invoker
        self.targets = targets
        self.draining = threading.Event()
        self._running: dict[str, Claimed] = {}
        self._reporting: set[str] = set()
        self._lock = threading.Lock()

    def run(self, task_id: str) -> None:
        """Claim this task and work on its execution for a slice of time. A message that nobody can use is dropped."""
        if self.draining.is_set():
            self.executions.bell.ring([task_id])
            return
        began = time.monotonic()
        claim = certainly(lambda: self.tasks.claim(task_id), lambda: self._adopted(self.tasks.held(task_id)))
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
        ours = self.tasks.heartbeat(held)
        for claim in held:
            if ours.get(claim.id) != claim.attempt and self._stop(claim):
                log.warning("task %s, attempt %s, is no longer ours: its handler is stopped", claim.id, claim.attempt)

    def hand_back(self) -> None:
        """Give every task whose handler still runs to others, and stop the handler here."""
        for claim in self.running():
            if _key(claim) not in self._reporting:
                if patiently(lambda claim=claim: self.tasks.give_back(claim)):
                    log.info("task %s is handed back", claim.id)
                self._stop(claim)

    def _run_one(self, claim: Claimed, began: float) -> Claimed | None:
        key = _key(claim)
        with self._lock:
            if key in self._running:
                return None
            self._running[key] = claim
        try:
            reach("handler.before")
            outcome = self._invoke(claim)
            reach("handler.after")
            return None if outcome.killed else self._report(claim, outcome, began)
        finally:
            with self._lock:
                self._running.pop(key, None)
                self._reporting.discard(key)

    def _invoke(self, claim: Claimed) -> Outcome:
        outcome = self.invoker.run(
            self.targets[claim.function],
            claim.input,
            timeout_seconds=claim.timeout_seconds,
            key=_key(claim),
            request_id=new_id(),
        )
        self._reporting.add(_key(claim))
        return outcome

    def _report(self, claim: Claimed, outcome: Outcome, began: float) -> Claimed | None:
        def may_go_on(following: Claimed) -> bool:
            is_time_left = time.monotonic() - began < SLICE_SECONDS
            return is_time_left and not self.draining.is_set() and following.function in self.targets

        def report() -> Claimed | None:
            if outcome.error is None:
                return self.executions.succeed(claim, outcome.result or "null", outcome.logs, may_go_on)
            return self.executions.fail(claim, outcome.error, outcome.cause, outcome.logs)

        def look_back() -> Done[Claimed | None] | None:
            done = self.executions.read_back(claim)
            return None if done is None else self._adopted(done.answer) or Done(None)

        return certainly(report, look_back)

    def _adopted(self, held: list[Claimed]) -> Done[Claimed | None] | None:
        """The first of these claims that nobody works on: it was made when the connection broke."""
        with self._lock:
            free = [claim for claim in held if _key(claim) not in self._running]
        return Done(free[0]) if free else None

    def _stop(self, claim: Claimed) -> bool:
        return bool(self.invoker.kill(_key(claim)))


def _key(claim: Claimed) -> str:
    """What an invocation is known by: the task, and which attempt."""
    return f"{claim.id}/{claim.attempt}"
