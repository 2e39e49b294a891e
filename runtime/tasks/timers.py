"""The timer threads of a process: one fires the timers that are due, another those that were put off.

Every process that sets timers has them, web processes too: a move that writes a timer wakes the threads of its own
process. All threads look at least every two seconds, so a timer fires at most that late when the process that wrote it
has died. A thread takes the earliest timer whose execution no other move holds. So several timers fire at once, and no
thread waits for a row.

The timers that were put off are fired one at a time: their moves fail, or compute for long.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from time import thread_time

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.runtime.executions import Executions
from stepwell.runtime.outage import one_turn
from stepwell.runtime.tasks.signals import Signals

log = logging.getLogger("stepwell.timers")

LONGEST_SLEEP = 2.0
"""Seconds between two looks when no timer of this process is due earlier."""
HELD_SECONDS = 0.05
"""The pause while timers are due whose executions other moves hold."""
AT_ONCE = 4
"""How many timers a process fires at a time while many are due."""
MANY = 3
"""How many timers one thread fires before it takes others for those behind."""
REST = 4.0
"""How much longer than its computing the rest after a long move is: such moves take a fifth of a core at most."""
SHORT_SECONDS = 0.01
"""The computing after which a thread takes no rest."""
SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while others want it and a long move computes."""


class Timers:
    """The timer threads of one process. Starts and stops them."""

    def __init__(self, executions: Executions, signals: Signals) -> None:
        self._executions = executions
        self._stopping = threading.Event()
        self._set = (signals.timers, signals.put_off)
        self._threads: list[threading.Thread] = []
        self._others = ThreadPoolExecutor(AT_ONCE - 1, thread_name_prefix="stepwell-timers")

    def start(self) -> None:
        """Start the threads, unless they run already."""
        turns = (self._fire_due, self._fire_put_off)
        for turn, signal in zip(turns, self._set, strict=True) if not self._threads else ():
            name = f"stepwell-timers-{turn.__name__.strip('_')}"
            thread = threading.Thread(target=self._loop, args=(turn, signal), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the threads, and wait up to 5 seconds for the timers that they fire just now."""
        self._stopping.set()
        for signal in self._set:
            signal.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._others.shutdown(wait=False)

    def _loop(self, turn: Callable[[], float | None], signal: threading.Event) -> None:
        while not self._stopping.is_set():
            signal.clear()  # before the look: a timer written after it sets the event again
            pause = one_turn("timers", turn)
            signal.wait(LONGEST_SLEEP if pause is None else min(pause, LONGEST_SLEEP))

    def _fire_due(self) -> float | None:
        """Fire all due timers. Returns the seconds until the next is due; None when there is none."""
        left = _left(queries.next_timer_ms)
        if left is None or left > 0:
            return left
        self._fire_many()
        # Read after the firing, because the moves may have set earlier timers.
        left = _left(queries.next_timer_ms)
        # Those that are due now are of executions that other moves hold.
        return None if left is None else max(left, HELD_SECONDS)

    def _fire_many(self) -> None:
        """Fire due timers until none is left, with other threads once there are many."""
        others: list[Future[None]] = []
        for fired in count():
            if fired == MANY:
                others = [self._others.submit(self._fire_some) for _ in range(AT_ONCE - 1)]
            if self._stopping.is_set() or self._executions.fire_next() is None:
                break
        for other in others:
            other.result()

    def _fire_some(self) -> None:
        while not self._stopping.is_set() and self._executions.fire_next() is not None:
            pass

    def _fire_put_off(self) -> float | None:
        """Fire all due timers of those that were put off. Returns the seconds until the next is due, None for none."""
        while not self._stopping.is_set() and self._fire_again():
            pass
        left = _left(queries.next_again_ms)
        return None if left is None else max(left, HELD_SECONDS)

    def _fire_again(self) -> bool:
        """Fire the next timer of those that were put off, and rest after a long move. False if none is due."""
        began = thread_time()
        with _giving_way():
            found = self._executions.fire_again()
        computed = thread_time() - began
        if computed > SHORT_SECONDS:
            self._stopping.wait(REST * computed)
        return found


@contextmanager
def _giving_way() -> Iterator[None]:
    """Let the threads of this process take turns more often."""
    # The others wait for the interpreter after each answer of the database: at Python's own interval of 5 ms, ten
    # statements would take 50 ms more beside a thread that computes.
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _left(next_ms: Callable[[], int | None]) -> float | None:
    with database.connection_context():
        left = next_ms()
    return None if left is None else left / 1000
