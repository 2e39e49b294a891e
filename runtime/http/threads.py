"""Keeps threads of the web process free: a request that holds one for long is one of a few."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from stepwell.functions.errors import StepwellError


class ThreadLimit:
    """At most ``most`` requests of one kind at a time in this process."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    @contextmanager
    def held(self, refusal: StepwellError) -> Iterator[None]:
        """Count as one of them inside. Raises the refusal at once when the limit is reached."""
        if not self._free.acquire(blocking=False):
            raise refusal
        try:
            yield
        finally:
            self._free.release()
