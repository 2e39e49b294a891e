"""Retry and Catch: whether an error is retried, after what delay, and which catcher takes it. Decisions are values.

Source: the Amazon States Language specification, section "Errors"; which names the wildcards cover, AWS's developer
guide, "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from stepwell.runtime.engine.definition.model import Catcher, Retrier

BY_NOTHING = "States.Runtime"
"""No Retry and no Catch takes this error, whatever they name: the execution fails."""

TOO_LARGE = "States.DataLimitExceeded"
"""The error of a payload above the limit. For a state's own input or output it is terminal: no wildcard covers it. For
a task's result it is an error like any other. Sources: the guide for the first; for the second AWS's recorded answers,
localstack/localstack, tests/aws/services/stepfunctions/v2/error_handling/test_states_errors.snapshot.json."""

TIMEOUT, HEARTBEAT_TIMEOUT = "States.Timeout", "States.HeartbeatTimeout"
"""A missed heartbeat is a time-out. Retry and Catch may use either name; histories and outputs use the first one.
Source: localstack/localstack, tests/aws/services/stepfunctions/v2/timeouts/test_heartbeats.snapshot.json."""

Rule = TypeVar("Rule", Retrier, Catcher)


@dataclass(frozen=True)
class Retry:
    """Try again after ``delay_seconds``. ``retries`` is then the frame's new count for each retrier."""

    delay_seconds: float
    retries: tuple[int, ...]


def decide(
    retriers: Sequence[Retrier], used: Sequence[int], error: str, draw: float, is_terminal: bool = False
) -> Retry | None:
    """The retry that the first matching retrier grants; None when none matches, or that one is used up.

    ``used`` counts the retries of each retrier so far. ``draw``, in [0, 1), is the random share of a delay with full
    jitter.
    """
    for index, retrier in enumerate(retriers):
        if matches(retrier.error_equals, error, is_terminal):
            before = used[index] if used else 0
            if before >= retrier.max_attempts:
                return None
            counts = list(used) if used else [0] * len(retriers)
            counts[index] += 1
            return Retry(_delay(retrier, before, draw), tuple(counts))
    return None


def first_match(catchers: Sequence[Catcher], error: str, is_terminal: bool = False) -> Catcher | None:
    """The first catcher that takes an error; None when none does."""
    return next((catcher for catcher in catchers if matches(catcher.error_equals, error, is_terminal)), None)


def matches(names: Sequence[str], error: str, is_terminal: bool = False) -> bool:
    """True if a list of ErrorEquals covers an error name. Only the name itself covers a terminal error."""
    if error == BY_NOTHING:
        return False
    if error in names or reported(error) in names:
        return True
    wild = "States.ALL" in names or ("States.TaskFailed" in names and reported(error) != TIMEOUT)
    return wild and not is_terminal


def reported(error: str) -> str:
    """The name by which histories and error outputs report an error."""
    return TIMEOUT if error == HEARTBEAT_TIMEOUT else error


def _delay(retrier: Retrier, before: int, draw: float) -> float:
    try:
        delay = retrier.interval_seconds * retrier.backoff_rate**before
    except OverflowError:
        delay = float("inf") if retrier.interval_seconds else 0.0
    longest = retrier.max_delay_seconds if retrier.max_delay_seconds is not None else LONGEST
    delay = min(delay, longest)
    return delay * draw if retrier.full_jitter else delay


LONGEST = 366 * 24 * 3600.0
"""In seconds: no retry and no Wait takes longer than a year."""
