"""What the core asks for, imperative. The one place that does it is ``runtime/executions.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True)
class DispatchTask:
    """Make a task ready to be claimed: for the first time, or (``retry`` > 0) again."""

    frame: str
    entry: int
    number: int
    step: str
    function: str
    input: Json
    retry: int
    timeout_seconds: float | None
    token: str | None = None
    """What answers the task when it is not its handler's return that does."""
    heartbeat_seconds: float | None = None
    """For how long whoever is to answer may be silent."""
    is_polled: bool = False
    """Whether no worker of ours runs it: somebody outside asks for it."""


@dataclass(frozen=True)
class CompleteTask:
    """The task has its result."""

    number: int
    result: Json


@dataclass(frozen=True)
class FailTask:
    """The task has failed for good."""

    number: int
    error: str
    cause: str | None


@dataclass(frozen=True)
class HoldTask:
    """The attempt failed, and the user's Retry will have the task claimed again when a timer fires."""

    number: int
    retry: int
    error: str
    cause: str | None


@dataclass(frozen=True)
class SetTimer:
    """Fire ``TimerFired(frame, entry, number)``, or ``ExecutionTimedOut``, so many seconds from now."""

    kind: str
    frame: str
    entry: int
    number: int
    delay_seconds: float


@dataclass(frozen=True)
class CancelFrames:
    """Nothing below this frame shall go on: its tasks, timers and frames end."""

    frame: str


Command = DispatchTask | CompleteTask | FailTask | HoldTask | SetTimer | CancelFrames

RETRY, WAIT, EXECUTION = "retry", "wait", "execution"
"""The kinds of timer that fire after a delay of the state machine's."""
WAKE_PARENT, WAKE_RUN = "nested", "run"
"""The kinds of timer that are due at once: a mailbox. They wake the task that waits for a child execution (by its
``number``), or have a Map Run looked after (``number`` is 0, or the place of the child that has ended, plus 1)."""
