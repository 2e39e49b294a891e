"""Facts that enter the core, past tense. Each carries its time (``at``, milliseconds since the epoch) and its chance.

An event about a frame names the frame's path, the entry into its state and, for a task, the attempt: what does not
match all of them is late or doubled and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True)
class Event:
    at: int
    seed: int
    """64 random bits: the only chance a transition has."""


@dataclass(frozen=True)
class ExecutionStarted(Event):
    """Somebody asked for it."""


@dataclass(frozen=True)
class ExecutionCancelled(Event):
    """Somebody wants it to stop, and may have said why."""

    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True)
class ExecutionRedriven(Event):
    """Somebody wants an execution that has ended to go on where it stood, for the ``count``-th time."""

    count: int


@dataclass(frozen=True)
class TaskSucceeded(Event):
    """The handler of a task returned."""

    frame: str
    entry: int
    attempt: int
    output: Json


@dataclass(frozen=True)
class TaskFailed(Event):
    """A task's attempt ended without a result: the handler raised, timed out or died, or too many workers did."""

    frame: str
    entry: int
    attempt: int
    error: str
    cause: str | None


@dataclass(frozen=True)
class TimerFired(Event):
    """A due time has come. ``number`` tells one timer of a visit from the next: how often the state was retried."""

    frame: str
    entry: int
    number: int


@dataclass(frozen=True)
class ExecutionTimedOut(Event):
    """The state machine's own TimeoutSeconds have passed."""


@dataclass(frozen=True)
class MapRunEnded(Event):
    """The executions of a Map in distributed mode have ended, or are not to go on: an output, or an error."""

    frame: str
    entry: int
    output: Json = None
    error: str | None = None
    cause: str | None = None
