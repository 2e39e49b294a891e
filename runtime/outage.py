"""What to do while the database is away: wait, and try again."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from peewee import InterfaceError, OperationalError
from playhouse.pool import MaxConnectionsExceeded

log = logging.getLogger("stepwell.away")

Answer = TypeVar("Answer")

AWAY = (OperationalError, InterfaceError, MaxConnectionsExceeded)
"""What the database raises while it cannot be reached; ``is_away`` tells it from a fault of ours that looks alike."""

_OURS = re.compile("syntax error|no such (column|function)|has no column|incomplete input|unrecognized token")

PATIENCE = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0)
"""The pauses between tries to report a result: about a lease, after which it is somebody else's."""

BREATH = 0.1
"""The pause after a round that failed."""


def is_away(fault: BaseException) -> bool:
    """Whether waiting will help: the server is gone, full, busy or not set up yet. A wrong statement stays wrong.

    PostgreSQL says it by the class of its SQLSTATE, where 42 is a wrong statement, but 42P01 a table that is not there
    yet; SQLite by words.
    """
    if not isinstance(fault, AWAY):
        return False
    code = getattr(fault.__cause__ or fault.__context__, "pgcode", None)
    if code is not None:
        return code == "42P01" or code[:2] not in ("22", "23", "25", "42")
    return _OURS.search(str(fault)) is None


def retry_while_away(act: Callable[[], Answer]) -> Answer | None:
    """Do it, again after a pause while the database is away; None when it stays away for too long.

    Every act is guarded in its statement, so doing it twice is doing it once.
    """
    for pause in PATIENCE:
        try:
            return act()
        except AWAY as fault:
            if not is_away(fault):
                raise
            log.warning("the database is away (%s): again in %s s", type(fault).__name__, pause)
            time.sleep(pause)
    log.error("the database stays away: the task is left to its lease")
    return None


@dataclass(frozen=True)
class Done(Generic[Answer]):
    """It was done, although nobody said so; this is what it gave."""

    answer: Answer


def exactly_once(act: Callable[[], Answer], look_back: Callable[[], Done[Answer] | None]) -> Answer | None:
    """Do it ``patiently``, and exactly once: after a failure, look first whether it was done all the same.

    A connection that breaks at COMMIT does not tell. Nothing is guessed: the rows are read.
    """
    tried: list[bool] = []

    def once() -> Answer:
        done = look_back() if tried else None
        tried.append(True)
        return act() if done is None else done.answer

    return retry_while_away(once)


def one_turn(name: str, act: Callable[[], Answer]) -> Answer | None:
    """One round of a thread that must not end, whatever goes wrong in the round; None when something did."""
    try:
        return act()
    except Exception as fault:
        if is_away(fault):
            log.warning("%s: the database is away (%s)", name, type(fault).__name__)
        else:
            log.exception("%s: the round failed", name)
    time.sleep(BREATH)
    return None


def one_by_one(name: str, acts: Iterable[Callable[[], object]]) -> bool:
    """Do all of these, whatever goes wrong in one of them; whether nothing did. Raises AWAY, which all would meet."""
    failures = 0
    for act in acts:
        try:
            act()
        except Exception as fault:
            if is_away(fault):
                raise
            log.exception("%s: one of them failed", name)
            failures += 1
    return not failures
