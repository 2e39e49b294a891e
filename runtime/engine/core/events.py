"""Events: facts that enter the core, in the past tense. Each carries its time and its random seed.

An event about a frame names the frame's path, the entry into its state and, for a task, the attempt: what does not
match all of them is late or doubled, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.runtime.engine.values.jsontext import Json


@dataclass(frozen=True)
class Event:
    """``at`` is in milliseconds since the epoch."""

    at: int
    seed: int
    """64 random bits: all randomness of a transition comes from them."""


@dataclass(frozen=True)
class ExecutionStarted(Event):
    """A caller has started the execution."""


@dataclass(frozen=True)
class ExecutionCancelled(Event):
    """A caller has stopped the execution, and may have given an error and a cause."""

    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True)
class ExecutionRedriven(Event):
    """A caller lets an execution that has ended go on from where it stood, for the ``count``-th time."""

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
    """A timer is due. ``number`` is how often the state had been retried when the timer was set."""

    frame: str
    entry: int
    number: int


@dataclass(frozen=True)
class ExecutionTimedOut(Event):
    """The state machine's own TimeoutSeconds have passed."""


@dataclass(frozen=True)
class MapRunEnded(Event):
    """The Map Run of a Map in distributed mode has ended, with an output or an error."""

    frame: str
    entry: int
    output: Json = None
    error: str | None = None
    cause: str | None = None
