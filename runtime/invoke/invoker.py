"""Runs handlers in the sandbox, within their time limits and their reserved concurrency."""

from __future__ import annotations

from dataclasses import replace

from stepwell.runtime.invoke.concurrency import ReservedConcurrency, SlotsUnknown
from stepwell.runtime.invoke.outcome import AWAY, Outcome, exited, read_answer, time_limit
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.sandbox.pool import Call, Ending, How, Pool
from stepwell.runtime.settings import IMPORT_ROOT, Settings


class Invoker:
    """Runs handlers in the sandbox: one that hangs, leaks or dies costs its own attempt only. Any thread may use it."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._concurrency = ReservedConcurrency(settings.lease_seconds, settings.heartbeat_seconds)

    @classmethod
    def from_settings(cls, settings: Settings) -> Invoker:
        """An invoker with a pool of its own, which ``close`` ends."""
        roots = (IMPORT_ROOT, *settings.function_paths)
        invoker = cls(Pool(settings.child_environment(), roots, settings.limits.logs), settings)
        invoker.keep_warm(settings.workers)
        return invoker

    def keep_warm(self, slots: int) -> None:
        """Keep enough idle children for this many worker slots."""
        self._pool.keep_idle(slots)

    def run(self, invocation: Invocation) -> Outcome:
        """Run a handler to its end, or until its time limit. Never raises for a fault of the handler."""
        limit, overdue = time_limit(invocation, self._settings.function_timeout_seconds)
        if limit <= 0:
            return overdue
        target = invocation.target
        try:
            with self._concurrency.slot(target.name, target.reserved) as is_free:
                if not is_free:
                    return Outcome(error="Lambda.TooManyRequestsException", cause="Rate Exceeded.", throttled=True)
                ending = self._pool.call(_call_of(invocation), key=invocation.key, timeout_seconds=limit)
        # Neither is the handler's fault: the task goes back to the queue without a retry.
        except SlotsUnknown:
            return AWAY
        except OSError as fault:
            cause = f"No process could be started: {fault}"
            return Outcome(error="Lambda.ServiceException", cause=cause, not_run=True)
        outcome = self._outcome(ending, overdue, invocation)
        return replace(outcome, logs=ending.logs, seconds=ending.seconds)

    def kill(self, key: str) -> bool:
        """Stop the invocation of this key: its outcome is ``killed``. False when there is none."""
        return self._pool.kill(key)

    def close(self) -> None:
        """Stop all that runs, and run nothing more."""
        self._pool.close()
        self._concurrency.close()

    def _outcome(self, ending: Ending, overdue: Outcome, invocation: Invocation) -> Outcome:
        match ending.how:
            case How.ANSWERED:
                return read_answer(ending.answer or {}, invocation, self._settings.limits.payload)
            case How.EXITED:
                return exited(invocation.request_id, ending.exit)
            case How.OVERDUE:
                return overdue
            case How.KILLED:
                return Outcome(killed=True)


def _call_of(invocation: Invocation) -> Call:
    target = invocation.target
    return Call(
        target.module, target.path, invocation.event, invocation.context(), target.handler, workspace=target.workspace
    )
