"""A task's call of a function by its name: by a handler, or by Stepwell itself.

Stepwell itself does the work of a few functions (it starts an execution, queues an event, runs an Express machine).
They are in one table, handed to ``Caller``, and need no sandbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stepwell.db.values import Claimed
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.invoke.outcome import AWAY, Outcome
from stepwell.runtime.invoke.target import Invocation, Target, Terms
from stepwell.runtime.outage import retry_in_outage


@dataclass(frozen=True)
class TaskCall:
    """One call. ``event`` is JSON text; the other fields are those of ``Invocation``."""

    function: str
    event: str
    key: str
    request_id: str
    timeout_seconds: float | None = None
    terms: Terms | None = None
    idempotency_key: str | None = None
    claim: Claimed | None = None
    """The claim of the task's row; None for a task that has no row."""


Own = Callable[[TaskCall], Outcome]
"""Does the work of one function inside this process."""

Find = Callable[[TaskCall], Target | Outcome]
"""Finds the function that a call names; an Outcome when the call has failed by that."""


def patient_own(own: Own) -> Own:
    """The same function, tried again in an outage. AWAY if it lasts: the function must be safe to repeat."""
    return lambda call: retry_in_outage(lambda: own(call)) or AWAY


def patient_find(find: Find) -> Find:
    """The same look-up, tried again in an outage. AWAY if it lasts."""
    return lambda call: retry_in_outage(lambda: find(call)) or AWAY


class Caller:
    """Calls functions, each by its name. Any thread may use it."""

    def __init__(self, invoker: Invoker | InProcessInvoker, find: Find, own: Mapping[str, Own]) -> None:
        self._invoker = invoker
        self._find = find
        self._own = own

    def run(self, call: TaskCall) -> Outcome:
        """Call a function, and return when it has ended."""
        # Before any look-up: these need neither a file nor a row, and so no database.
        if (own := self._own.get(call.function)) is not None:
            return own(call)
        target = self._find(call)
        if isinstance(target, Outcome):
            return target
        return self._invoker.run(
            Invocation(
                target,
                call.event,
                call.key,
                call.request_id,
                call.timeout_seconds,
                call.terms,
                call.idempotency_key,
            )
        )

    def kill(self, key: str) -> bool:
        """Stop the handler that runs under this key. False when there is none."""
        return self._invoker.kill(key)
