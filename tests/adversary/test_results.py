"""Results of handlers through the real sandbox and worker: JSON within the limits, or an error with a name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.runtime.assembly import Runtime
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.settings import Settings
from tests.runtime.stage import Script, Stage, machine, steps, task

Json = Any

MARSHAL, TOO_LARGE = "Runtime.MarshalError", "States.DataLimitExceeded"
KIB_256 = 256 << 10
ALONE_IN_ITS_FILE = """
import decimal, os, sys


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no")


class Told(Exception):
    pass


Unnamed = type("", (Exception,), {})


def nested(depth, value=0):
    for _ in range(depth):
        value = [value]
    return value


def looped():
    value = []
    value.append(value)
    return value


def raises(error):
    raise error


RESULTS = {
    "nan": lambda: float("nan"),
    "infinity": lambda: {"a": [float("-inf")]},
    "a nan of another kind": lambda: decimal.Decimal("NaN"),
    "an object": lambda: object(),
    "a class": lambda: Told,
    "a set": lambda: {1, 2},
    "bytes": lambda: b"bytes",
    "a generator": lambda: (n for n in range(3)),
    "a complex number": lambda: 1j,
    "keys that are no strings": lambda: {(1, 2): 3},
    "two keys that become one": lambda: {1: "a", "1": "b"},
    "NUL": lambda: "a\\0b",
    "NUL in a key": lambda: {"\\0": 1},
    "half a surrogate pair": lambda: "\\ud800",
    "half a pair in a key": lambda: [{"\\udfff": 1}],
    "an integer of 65 bits": lambda: 1 << 64,
    "an integer of 10,000 digits": lambda: 10 ** 10_000,
    "a number beyond all": lambda: decimal.Decimal("1e400"),
    "100 deep": lambda: nested(100),
    "10,000 deep": lambda: nested(10_000),
    "itself": looped,
    "300 kB": lambda: "x" * 300_000,
    "too large in UTF-8 alone": lambda: "\\u20ac" * 100_000,
    "7 MB": lambda: "x" * 7_000_000,
    "one byte too many": lambda: "x" * (262_144 - 1),
    "just the limit": lambda: "x" * (262_144 - 2),
    "64 deep": lambda: nested(64),
    "an integer of 64 bits": lambda: (1 << 63) - 1,
    "a tuple": lambda: (1, (2,)),
    "a decimal": lambda: decimal.Decimal("1.5"),
    "an error with a long name": lambda: raises(type("E" * 1_000, (Exception,), {})("m")),
    "an error with a long message": lambda: raises(Told("m" * 1_000_000)),
    "an error that cannot be told": lambda: raises(Silent()),
    "an error with NUL": lambda: raises(Told("a\\0b\\ud800")),
    "an error without a name": lambda: raises(Unnamed("m")),
    "an exit": lambda: sys.exit(3),
    "a death": lambda: os._exit(4),
    "an interrupt": lambda: raises(KeyboardInterrupt()),
}


def handler(event, context):
    return RESULTS[event["data"]["what"]]()
"""
REFUSED = {
    **dict.fromkeys(("nan", "infinity", "a nan of another kind", "an object", "a class", "a set", "bytes"), MARSHAL),
    **dict.fromkeys(("a generator", "a complex number", "keys that are no strings"), MARSHAL),
    **dict.fromkeys(("two keys that become one", "NUL", "NUL in a key", "itself"), MARSHAL),
    **dict.fromkeys(("half a surrogate pair", "half a pair in a key", "an integer of 65 bits"), MARSHAL),
    **dict.fromkeys(("an integer of 10,000 digits", "a number beyond all", "100 deep", "10,000 deep"), MARSHAL),
    **dict.fromkeys(("300 kB", "too large in UTF-8 alone", "7 MB", "one byte too many"), TOO_LARGE),
}
TAKEN = {
    "just the limit": "x" * (KIB_256 - 2),
    "64 deep": json.loads("[" * 64 + "0" + "]" * 64),
    "an integer of 64 bits": (1 << 63) - 1,
    "a tuple": [1, [2]],
    "a decimal": 1.5,
}
RAISED = {
    "an error with a long name": "E" * 256,
    "an error with a long message": "Told",
    "an error that cannot be told": "Silent",
    "an error with NUL": "Told",
    "an error without a name": "Lambda.Unknown",
    "an exit": "Runtime.ExitError",
    "a death": "Runtime.ExitError",
    "an interrupt": "Runtime.ExitError",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A worker with its real sandbox, and a step type whose input chooses its result."""
    home: Path = tmp_path_factory.mktemp("results")
    (home / "mine" / "steps").mkdir(parents=True)
    (home / "mine" / "steps" / "hostile.py").write_text(ALONE_IN_ITS_FILE)
    url = f"sqlite:///{home / 'stepwell.db'}"
    connect(url)
    migrate()
    own = {"home": home, "artifacts_dir": home, "outbox_dir": home, "function_paths": (home / "mine",)}
    runtime = Runtime(Settings(database_url=url, workers=1, **own))
    try:
        yield Stage(runtime, Script())
    finally:
        runtime.close()


def hostile(what: str, **fields: Json) -> Json:
    return task("hostile", Parameters={"data": {"what": what}}, **fields)


def ran(stage: Stage, definition: Json, given: Json = None) -> Any:
    """Runs an execution of this definition to its end; returns its row."""
    identity = stage.start(definition, given)
    stage.run()
    assert stage.left_open(identity) == []
    return stage.execution(identity)


@pytest.mark.parametrize("what", REFUSED)
def test_what_may_not_be_returned_fails_the_execution(stage: Stage, what: str) -> None:
    row = ran(stage, steps("hostile", data={"what": what}))
    failed = stage.task(row.id)
    assert (row.status, row.error, row.output) == ("FAILED", REFUSED[what], None)
    assert (failed.status, failed.error, failed.result) == ("FAILED", row.error, None)
    assert failed.cause == row.cause
    assert len(row.cause) <= 32_768
    if row.error == MARSHAL:
        cause = json.loads(row.cause)
        assert cause["errorType"] == MARSHAL
        assert cause["errorMessage"].startswith("Unable to marshal response: ")
        assert len(cause["errorMessage"]) < 500
    else:
        assert "exceeding the maximum number of bytes" in row.cause


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_at_the_limit_is_taken(stage: Stage, what: str) -> None:
    row = ran(stage, steps("hostile", data={"what": what}))
    assert (row.status, row.error) == ("COMPLETED", None)
    assert json.loads(row.output) == TAKEN[what]


@pytest.mark.parametrize("what", RAISED)
def test_however_a_handler_fails_its_error_has_a_name_and_bounds(stage: Stage, what: str) -> None:
    row = ran(stage, steps("hostile", data={"what": what}))
    assert (row.status, row.error) == ("FAILED", RAISED[what])
    assert len(row.cause) <= 32_768
    jsontext.write([row.error, row.cause])


def caught(stage: Stage, what: str, by: str) -> Any:
    catch = [{"ErrorEquals": [by], "ResultPath": "$.caught", "Next": "Caught"}]
    return ran(stage, machine(Bad=hostile(what, Catch=catch), Never={"Type": "Fail"}, Caught={"Type": "Succeed"}))


@pytest.mark.parametrize("what", [*REFUSED, *RAISED])
def test_it_is_caught_by_its_name(stage: Stage, what: str) -> None:
    error = REFUSED.get(what) or RAISED[what]
    row = caught(stage, what, error)
    assert row.status == "COMPLETED"
    assert json.loads(row.output)["caught"]["Error"] == error


@pytest.mark.parametrize("what", [*REFUSED, *RAISED])
def test_it_is_caught_by_states_all(stage: Stage, what: str) -> None:
    """Also a result that is too large: so AWS was recorded to do, see ``runtime/engine/core/retry.py``."""
    assert caught(stage, what, "States.ALL").status == "COMPLETED"


def test_a_handler_that_was_hostile_does_no_harm_to_the_next_one(stage: Stage) -> None:
    for what in ("a death", "10,000 deep", "7 MB", "an interrupt"):
        ran(stage, steps("hostile", data={"what": what}))
        assert ran(stage, steps("step1")).status == "COMPLETED"
    with database.connection_context():
        assert stage.runtime.executions.counters["fenced_results"] == 0
