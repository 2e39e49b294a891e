"""How the door tells others of what is to be done."""

from __future__ import annotations

from typing import Protocol


class Notifier(Protocol):
    """Tells workers and timers that there is something to do. A message may be lost; no method raises."""

    def notify(self, task_ids: list[str]) -> None: ...
    def wake_timers(self) -> None: ...
    def drop_cancelled(self) -> None: ...
