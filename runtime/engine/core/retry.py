"""Whether, and after how long, a failed state is tried again: a decision, as a value.

Source: the Amazon States Language specification, section "Errors"; which names the wildcards cover, AWS's developer
guide, "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from stepwell.runtime.engine.definition.model import Catcher, Retrier

BY_NOTHING = "States.Runtime"
"""No Retry and no Catch takes it, whatever they name: the execution fails."""

TOO_LARGE = "States.DataLimitExceeded"
"""A terminal error where it is a state's own input or output that is too large: no wildcard covers it then. A task's
result that is too large is a failure like any other. Source: the guide for the one; for the other what AWS is recorded
to do, localstack/localstack, tests/aws/services/stepfunctions/v2/error_handling/test_states_errors.snapshot.json."""

TIMEOUT, HEARTBEAT_TIMEOUT = "States.Timeout", "States.HeartbeatTimeout"
"""A task whose heartbeat did not come has timed out: Retry and Catch may name it either way, and all else tells of the
first. Source: localstack/localstack, tests/aws/services/stepfunctions/v2/timeouts/test_heartbeats.snapshot.json."""

Rule = TypeVar("Rule", Retrier, Catcher)


@dataclass(frozen=True)
class Retry:
    """Try again after ``delay_seconds``; ``retries`` is what the frame has used up then."""

    delay_seconds: float
    retries: tuple[int, ...]


def decide(
    retriers: Sequence[Retrier], used: Sequence[int], error: str, chance: float, is_terminal: bool = False
) -> Retry | None:
    """The retry that the first matching retrier grants, or None when none matches or it is used up."""
    for index, retrier in enumerate(retriers):
        if matches(retrier.error_equals, error, is_terminal):
            before = used[index] if used else 0
            if before >= retrier.max_attempts:
                return None
            counts = list(used) if used else [0] * len(retriers)
            counts[index] += 1
            return Retry(_delay(retrier, before, chance), tuple(counts))
    return None


def first_match(catchers: Sequence[Catcher], error: str, is_terminal: bool = False) -> Catcher | None:
    """The catcher that takes an error."""
    return next((catcher for catcher in catchers if matches(catcher.error_equals, error, is_terminal)), None)


def matches(names: Sequence[str], error: str, is_terminal: bool = False) -> bool:
    """Whether a list of ErrorEquals covers an error name; a terminal one only by the name itself."""
    if error == BY_NOTHING:
        return False
    if error in names or told(error) in names:
        return True
    wild = "States.ALL" in names or ("States.TaskFailed" in names and told(error) != TIMEOUT)
    return wild and not is_terminal


def told(error: str) -> str:
    """What an error is called where it is seen."""
    return TIMEOUT if error == HEARTBEAT_TIMEOUT else error


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
