"""Reserved concurrency: the running invocations of a function, counted in the database over all processes.

A function without a reservation is not counted and pays nothing. Each invocation of the others takes one of the
function's slots, a row of ``function_seat``. A slot is leased: the slot of a process that has died is free when its
lease has run out. A process that was frozen for longer than a lease may run one invocation more than is reserved.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from stepwell.db.database import database, locked, transaction
from stepwell.db.function_models import RunningInvocation, StoredFunction
from stepwell.db.queries import clock_sql
from stepwell.runtime.ids import new_id
from stepwell.runtime.outage import OUTAGE_ERRORS, is_outage

log = logging.getLogger("stepwell.lambdas")


class SlotsUnknown(Exception):
    """The number of running invocations is unknown: the database cannot be reached."""


class ReservedConcurrency:
    """The slots that this process holds. One thread renews the leases of all, while there are any."""

    def __init__(self, lease_seconds: float, renew_seconds: float) -> None:
        self._lease_ms = round(lease_seconds * 1000)
        self._renew_seconds = renew_seconds
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._renewing = False

    @contextmanager
    def slot(self, function: str, reserved: int | None) -> Iterator[bool]:
        """Take a slot of this function for the block. Yields False when all are in use. Raises SlotsUnknown.

        ``reserved`` None takes no slot and yields True; 0 yields False.
        """
        # The function found says whether it has a reservation, so the others cost no statement.
        if not reserved:
            yield reserved is None
            return
        identity = new_id()
        if not self._taken(function, identity):
            yield False
            return
        self._hold(identity)
        try:
            yield True
        finally:
            self._release(identity)

    def close(self) -> None:
        """Renew no lease any more."""
        self._closed.set()

    def _taken(self, function: str, identity: str) -> bool:
        try:
            return _take(function, identity, self._lease_ms)
        except OUTAGE_ERRORS as fault:
            if not is_outage(fault):
                raise
            raise SlotsUnknown() from None

    def _hold(self, identity: str) -> None:
        with self._lock:
            self._held.add(identity)
            # Started with the first slot: a process without reservations has no such thread.
            if not self._renewing:
                self._renewing = True
                threading.Thread(target=self._renew, name="reserved-concurrency", daemon=True).start()

    def _release(self, identity: str) -> None:
        with self._lock:
            self._held.discard(identity)
        try:
            with database.connection_context(), transaction():
                # No retry: a slot that stays is free again when its lease has run out.
                RunningInvocation.delete().where(RunningInvocation.id == identity).execute()
        except OUTAGE_ERRORS as fault:
            log.warning("a slot of reserved concurrency is left to its lease: %s", fault)

    def _renew(self) -> None:
        while not self._closed.wait(self._renew_seconds) and (held := self._still_held()):
            try:
                with database.connection_context(), transaction():
                    # Only rows that are still there: a lease that ran out may have been removed, and is not taken back.
                    longer = RunningInvocation.update(lease_until=clock_sql() + self._lease_ms)
                    longer.where(RunningInvocation.id.in_(held)).execute()
            except OUTAGE_ERRORS as fault:
                log.warning("the slots of reserved concurrency were not renewed: %s", fault)

    def _still_held(self) -> list[str]:
        """The slots held now. When there are none, the renewing thread ends, and the next slot starts a new one."""
        with self._lock:
            # Under the lock, so that a slot taken right now either is seen here or starts a new thread.
            self._renewing = bool(self._held)
            return list(self._held)


def _take(function: str, identity: str, lease_ms: int) -> bool:
    """Take one of a function's slots, if the present reservation leaves one free."""
    of_function = RunningInvocation.name == function
    with database.connection_context(), transaction():
        # The lock on the function's row makes callers count one after the other: no two see the same last free slot.
        stored = locked(StoredFunction, StoredFunction.name == function)
        # Expired slots go first: those of dead processes would count against the reservation for ever.
        RunningInvocation.delete().where(of_function, RunningInvocation.lease_until <= clock_sql()).execute()
        taken = RunningInvocation.select().where(of_function).count()
        if stored is not None and stored.reserved is not None and taken >= stored.reserved:
            return False
        RunningInvocation.insert(id=identity, name=function, lease_until=clock_sql() + lease_ms).execute()
        return True
