"""How the door tells others of what is to be done."""

from __future__ import annotations

from typing import Protocol


class Rings(Protocol):
    """How others learn that there is something to do. Ringing may be lost; it never fails."""

    def ring(self, task_ids: list[str]) -> None: ...
    def wake_timers(self) -> None: ...
    def drop_cancelled(self) -> None: ...
