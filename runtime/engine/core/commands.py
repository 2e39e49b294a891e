"""Commands: the requests of the core, in the imperative.

``runtime/moves`` writes them as rows. ``runtime/in_memory.py`` carries them out without rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.runtime.engine.values.jsontext import Json


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
    visit: str
    """The visit of the state: with the execution's id it is the idempotency key."""
    token: str | None = None
    """The task token, where an answer with this token ends the task and its handler's return does not."""
    heartbeat_seconds: float | None = None
    """The longest time between two heartbeats."""
    is_polled: bool = False
    """True if a poller outside takes the task, and no worker of ours."""


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
    """The attempt failed. The task waits for the timer of a Retry, and will be claimed again."""

    number: int
    retry: int
    error: str
    cause: str | None


@dataclass(frozen=True)
class SetTimer:
    """Fire ``TimerFired(frame, entry, number)``, or ``ExecutionTimedOut``, after ``delay_seconds``."""

    kind: str
    frame: str
    entry: int
    number: int
    delay_seconds: float


@dataclass(frozen=True)
class CancelFrames:
    """Cancel everything below this frame: tasks, timers and frames."""

    frame: str


Command = DispatchTask | CompleteTask | FailTask | HoldTask | SetTimer | CancelFrames

RETRY, WAIT, EXECUTION = "retry", "wait", "execution"
"""The kinds of timer that fire after a delay of the state machine's."""
WAKE_PARENT, WAKE_RUN = "nested", "run"
"""The kinds of wake-up: a timer that is due at once. The first wakes the task that waits for a child execution, by its
``number``. The second calls a Map Run's pump: ``number`` is 0, or the place of the child that has ended, plus 1."""
