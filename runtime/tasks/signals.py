"""Signals inside one process: a thread that sleeps until its next turn looks at the database at once.

A signal without a waiting thread does no harm. Other processes do not see it: their threads find the change at
their next regular look.
"""

from __future__ import annotations

import threading


class Signals:
    """One event for each thread that can be woken. The thread clears its event before it looks."""

    def __init__(self) -> None:
        self.timers = threading.Event()
        """Set after a timer was written. The timer thread waits for it."""
        self.put_off = threading.Event()
        """Set after a timer was put off. The thread that fires those waits for it."""
        self.heartbeat = threading.Event()
        """Set after a task was cancelled. The heartbeat thread waits for it, and stops the task's handler."""
