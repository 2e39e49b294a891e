"""The effects of a committed move on other threads and processes, and the interface through which they are notified."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from stepwell.db.values import QueuedTask


class Notifier(Protocol):
    """Notifies workers and timers of something to do. A message may be lost; no method raises."""

    def notify(self, tasks: list[QueuedTask]) -> None: ...
    def wake_timers(self) -> None: ...
    def wake_put_off(self) -> None: ...
    def drop_cancelled(self) -> None: ...


@dataclass
class Effects:
    """The notifications that follow the commit.

    ``queued`` holds the tasks that workers may claim, ``timers`` is True if a timer was set, and ``cancelled``
    is True if the work of a running handler was cancelled.
    """

    queued: list[QueuedTask] = field(default_factory=list)
    timers: bool = False
    cancelled: bool = False

    def with_those(self, other: Effects) -> Effects:
        """Both together."""
        queued = [*self.queued, *other.queued]
        return Effects(queued, self.timers or other.timers, self.cancelled or other.cancelled)
