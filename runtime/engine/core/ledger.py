"""The lines of history that one transition writes."""

from __future__ import annotations

from stepwell.runtime.engine.core.execution import Frame, HistoryEvent
from stepwell.runtime.engine.core.faults import QuotaExceeded
from stepwell.runtime.engine.values.jsontext import Json


class Ledger:
    """Writes lines of history and counts them against the quota. One transition has one.

    ``count`` is the execution's number of lines so far, and so the id of the last one. ``quota`` is the most it may
    have.
    """

    def __init__(self, count: int, quota: int) -> None:
        self.count = count
        self.quota = quota
        self.lines: list[HistoryEvent] = []
        self.last: HistoryEvent | None = None

    def record(self, type: str, frame: Frame | None = None, **details: Json) -> None:
        """Write a line of history. Raises QuotaExceeded when only one line is left: it is kept for the last one."""
        if self.count >= self.quota - 1:
            raise QuotaExceeded(f"The execution reached the maximum number of history events ({self.quota}).")
        self.write(type, frame, details)

    def write(self, type: str, frame: Frame | None, details: dict[str, Json]) -> None:
        """Write a line of history without a look at the quota.

        Details that are None are left out, payloads excepted.
        """
        self.count += 1
        path, step = (frame.path, frame.state) if frame is not None else ("", None)
        kept = {name: value for name, value in details.items() if value is not None or name in ("input", "output")}
        self.last = HistoryEvent(type, path, step, kept)
        self.lines.append(self.last)
