"""Waits and tries again while the database cannot be reached."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from peewee import InterfaceError, OperationalError
from playhouse.pool import MaxConnectionsExceeded

log = logging.getLogger("stepwell.outage")

Answer = TypeVar("Answer")

OUTAGE_ERRORS = (OperationalError, InterfaceError, MaxConnectionsExceeded)
"""Raised while the database cannot be reached. Our own faults may have the same types: ``is_outage`` decides."""

_OURS = re.compile("syntax error|no such (column|function)|has no column|incomplete input|unrecognized token")

_ONE_ROW = ("55P03", "57014", "40")
"""The codes of a lock that could not be had, a statement that took too long, a deadlock."""

PATIENCE = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0)
"""Seconds between tries to report a result: together about a lease, after which the task is another worker's."""

BREATH = 0.1
"""Seconds of pause after a turn of a loop that failed."""


def is_outage(fault: BaseException) -> bool:
    """True if waiting helps: the server is gone, full, busy or not set up yet. A wrong statement stays wrong.

    PostgreSQL: the class of the SQLSTATE decides. Class 42 is a wrong statement, but 42P01 is a table that is not there
    yet. SQLite: the words of the message decide.
    """
    if not isinstance(fault, OUTAGE_ERRORS):
        return False
    code = _sqlstate(fault)
    if code is not None:
        return code == "42P01" or code[:2] not in ("22", "23", "25", "42")
    return _OURS.search(str(fault)) is None


def concerns_one_row(fault: BaseException) -> bool:
    """True if only the rows that were in the way are busy: the database is there, and others can go on.

    It is then an outage for the caller that needs just these rows: waiting helps.
    """
    return is_outage(fault) and (_sqlstate(fault) or "").startswith(_ONE_ROW)


def stops_all(fault: BaseException) -> bool:
    """True in an outage that everybody meets: the others need not be tried."""
    return is_outage(fault) and not concerns_one_row(fault)


def _sqlstate(fault: BaseException) -> str | None:
    code: str | None = getattr(fault.__cause__ or fault.__context__, "pgcode", None)
    return code


def retry_in_outage(act: Callable[[], Answer]) -> Answer | None:
    """Call ``act`` until it does not meet an outage; None when the outage lasts longer than PATIENCE.

    ``act`` must be guarded in its statement, so that a second call changes nothing.
    """
    for pause in PATIENCE:
        try:
            return act()
        except OUTAGE_ERRORS as fault:
            if not is_outage(fault):
                raise
            log.warning("the database is away (%s): again in %s s", type(fault).__name__, pause)
            time.sleep(pause)
    log.error("the database stays away: the task is left to its lease")
    return None


@dataclass(frozen=True)
class Done(Generic[Answer]):
    """The act was committed, although its answer was lost. ``answer`` is its result."""

    answer: Answer


def exactly_once(act: Callable[[], Answer], look_back: Callable[[], Done[Answer] | None]) -> Answer | None:
    """Call ``act`` as ``retry_in_outage`` does, and commit it exactly once.

    A connection that breaks at COMMIT does not say whether the commit happened. So before each further try
    ``look_back`` reads the rows: it returns Done when they show the act, else None.
    """
    tried: list[bool] = []

    def once() -> Answer:
        done = look_back() if tried else None
        tried.append(True)
        return act() if done is None else done.answer

    return retry_in_outage(once)


def one_turn(name: str, act: Callable[[], Answer]) -> Answer | None:
    """One turn of a loop in a thread that must not end. Logs any fault, and returns None then."""
    try:
        return act()
    except Exception as fault:
        if stops_all(fault):
            log.warning("%s: the database is away (%s)", name, type(fault).__name__)
        else:
            log.exception("%s: the turn failed", name)
    time.sleep(BREATH)
    return None


def one_by_one(name: str, acts: Iterable[Callable[[], object]]) -> bool:
    """Call all acts, also after one has failed. False when one did. Raises at once in an outage that all would meet."""
    failures = 0
    for act in acts:
        try:
            act()
        except Exception as fault:
            if stops_all(fault):
                raise
            log.exception("%s: one of them failed", name)
            failures += 1
    return not failures
