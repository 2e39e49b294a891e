"""Whether, and after how long, a failed state is tried again: a decision, as a value.

Source: the Amazon States Language specification, section "Errors"; which names the wildcards cover, AWS's developer
guide, "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from runtime.engine.definition import Catcher, Retrier

NEVER_BY_ALL = frozenset({"States.DataLimitExceeded", "States.Runtime"})
Rule = TypeVar("Rule", Retrier, Catcher)


@dataclass(frozen=True)
class Retry:
    """Try again after ``delay_seconds``; ``retries`` is what the frame has used up then."""

    delay_seconds: float
    retries: tuple[int, ...]


def decide(retriers: Sequence[Retrier], used: Sequence[int], error: str, chance: float) -> Retry | None:
    """The retry that the first matching retrier grants, or None when none matches or it is used up."""
    for index, retrier in enumerate(retriers):
        if matches(retrier.error_equals, error):
            before = used[index] if used else 0
            if before >= retrier.max_attempts:
                return None
            counts = list(used) if used else [0] * len(retriers)
            counts[index] += 1
            return Retry(_delay(retrier, before, chance), tuple(counts))
    return None


def first_match(catchers: Sequence[Catcher], error: str) -> Catcher | None:
    """The catcher that takes an error."""
    return next((catcher for catcher in catchers if matches(catcher.error_equals, error)), None)


def matches(names: Sequence[str], error: str) -> bool:
    """Whether a list of ErrorEquals covers an error name."""
    if error in names:
        return True
    if "States.ALL" in names:
        return error not in NEVER_BY_ALL
    return "States.TaskFailed" in names and error != "States.Timeout" and error not in NEVER_BY_ALL


def _delay(retrier: Retrier, before: int, chance: float) -> float:
    try:
        delay = retrier.interval_seconds * retrier.backoff_rate**before
    except OverflowError:
        delay = float("inf") if retrier.interval_seconds else 0.0
    longest = retrier.max_delay_seconds if retrier.max_delay_seconds is not None else LONGEST
    delay = min(delay, longest)
    return delay * chance if retrier.full_jitter else delay


LONGEST = 366 * 24 * 3600.0
"""No retry waits longer than a year, whatever its back-off grows to."""
