"""The retry decision, as a table."""

from __future__ import annotations

import pytest

from stepwell.runtime.engine.core.retry import LONGEST, Retry, decide, first_match, matches
from stepwell.runtime.engine.definition.model import Catcher, Retrier

E = Retrier(("E",))
ALL = Retrier(("States.ALL",))

DECISIONS: list[tuple[str, list[Retrier], tuple[int, ...], str, Retry | None]] = [
    ("no retrier", [], (), "E", None),
    ("none that names it", [E], (), "F", None),
    ("the first time", [E], (), "E", Retry(1, (1,))),
    ("the second: 1 * 2", [E], (1,), "E", Retry(2, (2,))),
    ("the third: 1 * 2 * 2", [E], (2,), "E", Retry(4, (3,))),
    ("used up: three by default", [E], (3,), "E", None),
    ("never: MaxAttempts 0", [Retrier(("E",), max_attempts=0)], (), "E", None),
    ("never, though a later one would", [Retrier(("E",), max_attempts=0), ALL], (), "E", None),
    ("the first that matches", [Retrier(("X",)), Retrier(("E",), 7), ALL], (), "E", Retry(7, (0, 1, 0))),
    ("each counts for itself", [E, Retrier(("F",), 5)], (2, 1), "F", Retry(10, (2, 2))),
    ("5 * 3 ** 2", [Retrier(("E",), 5, 9, 3)], (2,), "E", Retry(45, (3,))),
    ("5 * 3 ** 2, but no more than 30", [Retrier(("E",), 5, 9, 3, 30)], (2,), "E", Retry(30, (3,))),
    ("evenly: backoff 1", [Retrier(("E",), 5, 99, 1)], (50,), "E", Retry(5, (51,))),
    ("half a second", [Retrier(("E",), 0.5, 9, 1.5)], (1,), "E", Retry(0.75, (2,))),
    ("at once", [Retrier(("E",), 0)], (2,), "E", Retry(0, (3,))),
    ("at once, however often", [Retrier(("E",), 0, 10**6, 100.0)], (9999,), "E", Retry(0, (10_000,))),
    ("no longer than a year", [Retrier(("E",), 10**8)], (), "E", Retry(LONGEST, (1,))),
    ("nor beyond any number", [Retrier(("E",), 1, 10**6, 1000.0)], (9999,), "E", Retry(LONGEST, (10_000,))),
    ("with full jitter: 8 * 0.25", [Retrier(("E",), 8, full_jitter=True)], (), "E", Retry(2, (1,))),
    ("jitter of the longest delay", [Retrier(("E",), 8, 9, 2, 12, True)], (3,), "E", Retry(3, (4,))),
]

MATCHES: list[tuple[list[str], str, bool]] = [
    (["E"], "E", True),
    (["D", "E"], "E", True),
    (["e"], "E", False),
    (["E."], "E", False),
    (["States.ALL"], "E", True),
    (["States.ALL"], "", True),
    (["States.ALL"], "States.Timeout", True),
    (["States.ALL"], "States.TaskFailed", True),
    (["States.ALL"], "States.ParameterPathFailure", True),
    (["States.ALL"], "States.Runtime", False),
    (["States.ALL"], "States.DataLimitExceeded", True),
    (["States.TaskFailed"], "E", True),
    (["States.TaskFailed"], "States.TaskFailed", True),
    (["States.TaskFailed"], "States.Timeout", False),
    (["States.TaskFailed"], "States.Runtime", False),
    (["States.TaskFailed"], "States.DataLimitExceeded", True),
    (["States.TaskFailed", "States.Timeout"], "States.Timeout", True),
    (["States.HeartbeatTimeout"], "States.HeartbeatTimeout", True),
    (["States.HeartbeatTimeout"], "States.Timeout", False),
    (["States.Timeout"], "States.HeartbeatTimeout", True),
    (["States.TaskFailed"], "States.HeartbeatTimeout", False),
    (["States.Timeout"], "States.Timeout", True),
    (["States.Timeout"], "E", False),
    (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
    (["*"], "E", False),
]


@pytest.mark.parametrize(
    ("retriers", "used", "error", "decision"), [pytest.param(*row, id=why) for why, *row in DECISIONS]
)
def test_the_decision(retriers: list[Retrier], used: tuple[int, ...], error: str, decision: Retry | None) -> None:
    assert decide(retriers, used, error, 0.25) == decision


def test_a_terminal_error_is_covered_by_its_name_alone() -> None:
    error = "States.DataLimitExceeded"
    lists = (["States.ALL"], ["States.TaskFailed"], [error])
    assert [matches(names, error, is_terminal=True) for names in lists] == [False, False, True]


@pytest.mark.parametrize(("names", "error", "does"), MATCHES)
def test_which_errors_a_list_covers(names: list[str], error: str, does: bool) -> None:
    assert matches(names, error) is does


def test_the_first_catcher_that_covers_the_error_takes_it() -> None:
    catchers = [Catcher(("F",), "A"), Catcher(("E", "G"), "B"), Catcher(("States.ALL",), "C")]
    assert [found and found.next for found in (first_match(catchers, error) for error in "FEGX")] == [
        "A",
        "B",
        "B",
        "C",
    ]
    assert first_match(catchers, "States.Runtime") is None
