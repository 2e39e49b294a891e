"""What to do while the database is away: wait, and try again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from peewee import InterfaceError, OperationalError
from playhouse.pool import MaxConnectionsExceeded

log = logging.getLogger("stepwell.away")

Answer = TypeVar("Answer")

AWAY = (OperationalError, InterfaceError, MaxConnectionsExceeded)
"""What the database raises while it cannot be reached."""

PATIENCE = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0)
"""The pauses between tries to report a result: about a lease, after which it is somebody else's."""

BREATH = 0.1
"""The pause after a round that failed."""


def patiently(act: Callable[[], Answer]) -> Answer | None:
    """Do it, again after a pause while the database is away; None when it stays away for too long.

    Every act is guarded in its statement, so doing it twice is doing it once.
    """
    for pause in PATIENCE:
        try:
            return act()
        except AWAY as fault:
            log.warning("the database is away (%s): again in %s s", type(fault).__name__, pause)
            time.sleep(pause)
    log.error("the database stays away: the task is left to its lease")
    return None


@dataclass(frozen=True)
class Done(Generic[Answer]):
    """It was done, although nobody said so; this is what it gave."""

    answer: Answer


def certainly(act: Callable[[], Answer], look_back: Callable[[], Done[Answer] | None]) -> Answer | None:
    """Do it ``patiently``, and exactly once: after a failure, look first whether it was done all the same.

    A connection that breaks at COMMIT does not tell. Nothing is guessed: the rows are read.
    """
    tried: list[bool] = []

    def once() -> Answer:
        done = look_back() if tried else None
        tried.append(True)
        return act() if done is None else done.answer

    return patiently(once)


def round_of(name: str, act: Callable[[], Answer]) -> Answer | None:
    """One round of a thread that must not end, whatever goes wrong in the round; None when something did."""
    try:
        return act()
    except AWAY as fault:
        log.warning("%s: the database is away (%s)", name, type(fault).__name__)
    except Exception:
        log.exception("%s: the round failed", name)
    time.sleep(BREATH)
    return None


def one_by_one(name: str, acts: Iterable[Callable[[], object]]) -> bool:
    """Do all of these, whatever goes wrong in one of them; whether nothing did. Raises AWAY, which all would meet."""
    failures = 0
    for act in acts:
        try:
            act()
        except AWAY:
            raise
        except Exception:
            log.exception("%s: one of them failed", name)
            failures += 1
    return not failures
