"""The job: claim a task, run its handler in the sandbox, report, and go on with what follows.

No database connection is held while a handler runs. Whatever happens to this process, the rows tell the others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from db.queries import Claimed
from runtime.away import patiently
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
        self._lock = threading.Lock()

    def run(self, task_id: str) -> None:
        """Claim this task and work on its execution for a slice of time. A message that nobody can use is dropped."""
        if self.draining.is_set():
            self.executions.bell.ring([task_id])
            return
        began = time.monotonic()
        claim = self.tasks.claim(task_id)
        while claim is not None:
            claim = self._run_one(claim, began)

    def running(self) -> list[Claimed]:
        """The claims that handlers of this process are working on."""
        with self._lock:
            return list(self._running.values())

    def heartbeat(self) -> None:
        """Ask for longer for what runs now, and stop the handlers of tasks that are no longer ours.

        What is claimed meanwhile is not in the answer, and not judged by it.
        """
        held = self.running()
        ours = self.tasks.heartbeat(held)
        for claim in held:
            if ours.get(claim.id) != claim.attempt:
                log.warning("task %s, attempt %s, is no longer ours: its handler is stopped", claim.id, claim.attempt)
                self.invoker.kill(_key(claim))

    def hand_back(self) -> None:
        """Give every running task to others, and stop its handler here."""
        for claim in self.running():
            if patiently(lambda claim=claim: self.tasks.give_back(claim)):
                log.info("task %s is handed back", claim.id)
            self.invoker.kill(_key(claim))

    def _run_one(self, claim: Claimed, began: float) -> Claimed | None:
        with self._lock:
            self._running[_key(claim)] = claim
        try:
            outcome = self.invoker.run(
                self.targets[claim.function],
                claim.input,
                timeout_seconds=claim.timeout_seconds,
                key=_key(claim),
                request_id=new_id(),
            )
        finally:
            with self._lock:
                self._running.pop(_key(claim), None)
        if outcome.killed:
            return None
        return self._report(claim, outcome, began)

    def _report(self, claim: Claimed, outcome: Outcome, began: float) -> Claimed | None:
        def may_go_on(following: Claimed) -> bool:
            is_time_left = time.monotonic() - began < SLICE_SECONDS
            return is_time_left and not self.draining.is_set() and following.function in self.targets

        def report() -> Claimed | None:
            if outcome.error is None:
                return self.executions.succeed(claim, outcome.result or "null", outcome.logs, may_go_on)
            return self.executions.fail(claim, outcome.error, outcome.cause, outcome.logs)

        return patiently(report)


def _key(claim: Claimed) -> str:
    """What an invocation is known by: the task, and which attempt."""
    return f"{claim.id}/{claim.attempt}"
