"""Numbers from data, in every field that takes one: what is unfit ends its execution, and no number stops a worker.

Whatever the number, an execution that was accepted ends, with the same answer on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from stepwell.functions.errors import InvalidDefinition
from stepwell.runtime.engine.definition.field_kinds import LARGEST_ON_AWS
from stepwell.runtime.engine.states.wait import LONGEST_WAIT
from tests.adversary.web import Web, web_on
from tests.runtime.maps import PASS, fan, listed
from tests.runtime.stage import Stage, machine, steps, task

Json = Any

VALUES: dict[str, Json] = {
    "0": 0,
    "-1": -1,
    "0.5": 0.5,
    "7": 7,
    "99999999": LARGEST_ON_AWS,
    "1e8": 1e8,
    "2**31": 2**31,
    "2**53": 2**53,
    "2**63": 2**63,
    "1e17": 1e17,
    "1.7e18": 1.7e18,
    "1e300": 1e300,
    "'1'": "1",
    "true": True,
    "null": None,
    "'NaN'": "NaN",
    "[1]": [1],
}
RUNTIME, QUERY = "States.Runtime", "States.QueryEvaluationError"


def is_whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Json) -> bool:
    return is_whole(value) or isinstance(value, float)


def seconds(value: Json) -> bool:
    return is_number(value) and 0 < value <= LARGEST_ON_AWS


def count(value: Json) -> bool:
    return is_whole(value) and 0 <= value <= LARGEST_ON_AWS


def count_above_0(value: Json) -> bool:
    return count(value) and value > 0


def percentage(value: Json) -> bool:
    return is_number(value) and 0 <= value <= 100


def or_text(fits: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda value: value == "1" or fits(value)


def wait(value: Json) -> bool:
    return is_number(value) and 0 <= value <= LONGEST_WAIT


def wait_path(value: Json) -> bool:
    return is_whole(value) and 0 <= value <= LONGEST_WAIT


def mapped(**fields: Json) -> Json:
    inline = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": PASS, **fields}
    return machine(all=inline)


def in_jsonata(definition: Json) -> Json:
    """The Map with JSONata's field for its items."""
    state = definition["States"]["all"]
    state.pop("ItemsPath", None)
    return {
        **definition,
        "QueryLanguage": "JSONata",
        "States": {"all": {**state, "Items": "{% $states.input.items %}"}},
    }


V, N = "{% $states.input.v %}", "$.v"
FIELDS: dict[str, tuple[Json, Callable[[Json], bool]]] = {
    "TimeoutSecondsPath": (machine(A=task("step1", TimeoutSecondsPath=N)), seconds),
    "HeartbeatSecondsPath": (machine(A=task("step1", HeartbeatSecondsPath=N)), seconds),
    "TimeoutSeconds": (machine(A=task("step1", TimeoutSeconds=V, QueryLanguage="JSONata")), seconds),
    "HeartbeatSeconds": (machine(A=task("step1", HeartbeatSeconds=V, QueryLanguage="JSONata")), seconds),
    "SecondsPath": (machine(A={"Type": "Wait", "SecondsPath": N}), or_text(wait_path)),
    "Seconds": (machine(A={"Type": "Wait", "Seconds": V, "QueryLanguage": "JSONata"}), wait),
    "MaxConcurrencyPath": (mapped(MaxConcurrencyPath=N), or_text(count)),
    "MaxConcurrency": (in_jsonata(mapped(MaxConcurrency=V)), count),
    "MaxConcurrencyPath, distributed": (listed(processor=PASS, MaxConcurrencyPath=N), or_text(count)),
    "ToleratedFailureCountPath": (listed(processor=PASS, ToleratedFailureCountPath=N), or_text(count)),
    "ToleratedFailureCount": (in_jsonata(fan(PASS, ToleratedFailureCount=V)), count),
    "ToleratedFailurePercentagePath": (listed(processor=PASS, ToleratedFailurePercentagePath=N), or_text(percentage)),
    "ToleratedFailurePercentage": (in_jsonata(fan(PASS, ToleratedFailurePercentage=V)), percentage),
    "MaxItemsPerBatchPath": (listed(processor=PASS, ItemBatcher={"MaxItemsPerBatchPath": N}), count_above_0),
    "MaxInputBytesPerBatchPath": (
        listed(processor=PASS, ItemBatcher={"MaxInputBytesPerBatchPath": N}),
        count_above_0,
    ),
    "MaxItemsPerBatch": (in_jsonata(fan(PASS, ItemBatcher={"MaxItemsPerBatch": V})), count_above_0),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_number_from_data_fits_or_ends_its_execution(stage: Stage, field: str) -> None:
    definition, fits = FIELDS[field]
    found = {}
    for name, value in VALUES.items():
        identity = stage.start(definition, {"v": value, "items": [1, 2]})
        stage.run()
        row = stage.execution(identity)
        assert stage.left_open(identity) == [], name
        found[name] = row.error or row.status
    is_query = field in ("TimeoutSeconds", "HeartbeatSeconds", "Seconds") or "Path" not in field
    refused = {QUERY, RUNTIME} if is_query else {RUNTIME}
    for name, value in VALUES.items():
        assert found[name] in ({"COMPLETED"} if fits(value) else refused), f"{field} {name}: {found[name]}"


LITERALS: dict[str, Callable[[Json], Json]] = {
    "TimeoutSeconds of a machine": lambda value: {**machine(A={"Type": "Pass"}), "TimeoutSeconds": value},
    "TimeoutSeconds": lambda value: machine(A=task("step1", TimeoutSeconds=value)),
    "HeartbeatSeconds": lambda value: machine(A=task("step1", HeartbeatSeconds=value)),
    "Seconds": lambda value: machine(A={"Type": "Wait", "Seconds": value}),
    "IntervalSeconds": lambda value: machine(A=task("flaky", Retry=[retrier(IntervalSeconds=value)])),
    "MaxAttempts": lambda value: machine(A=task("step1", Retry=[retrier(MaxAttempts=value)])),
    "BackoffRate": lambda value: machine(A=task("flaky", Retry=[retrier(BackoffRate=value)])),
    "MaxDelaySeconds": lambda value: machine(A=task("flaky", Retry=[retrier(MaxDelaySeconds=value)])),
    "MaxConcurrency": lambda value: mapped(MaxConcurrency=value),
    "ToleratedFailureCount": lambda value: listed(processor=PASS, ToleratedFailureCount=value),
    "MaxItemsPerBatch": lambda value: listed(processor=PASS, ItemBatcher={"MaxItemsPerBatch": value}),
    "timeoutSeconds of a step": lambda value: steps("step1", timeoutSeconds=value),
    "maxAttempts of a step": lambda value: steps("step1", retry={"maxAttempts": value}),
    "intervalSeconds of a step": lambda value: steps("flaky", retry={"maxAttempts": 3, "intervalSeconds": value}),
    "backoffRate of a step": lambda value: steps("flaky", retry={"maxAttempts": 3, "backoffRate": value}),
}


def retrier(**fields: Json) -> Json:
    return {"ErrorEquals": ["States.ALL"], **fields}


@pytest.mark.parametrize("field", LITERALS)
def test_a_literal_number_is_refused_or_runs(stage: Stage, field: str) -> None:
    taken = []
    for name, value in VALUES.items():
        try:
            identity = stage.start(LITERALS[field](value), {"items": [1, 2]})
        except InvalidDefinition:
            continue
        stage.run()
        assert stage.left_open(identity) == [], name
        taken.append(name)
    assert "7" in taken and not {"-1", "2**63", "1e17", "1.7e18", "1e300", "'1'", "true", "null"} & set(taken)


FLOWS: dict[str, Callable[[Json], Json]] = {
    "attempts": lambda value: {"attempts": value},
    "delay": lambda value: {"delay": value},
    "backoff": lambda value: {"attempts": 2, "backoff": {"type": "exponential", "delay": value}},
}


def bodies(value: Json) -> dict[str, tuple[str, str, Json]]:
    function = {"FunctionName": "hello", "ReservedConcurrentExecutions": value}
    return {
        **{f"flow {name}": ("POST", "/flows", {"name": "step1", "opts": FLOWS[name](value)}) for name in FLOWS},
        "reserved": ("PUT", "/2017-10-31/functions/step1/concurrency", function),
        "history": ("GET", f"/executions/no-such/history?after={value}&limit={value}", None),
        "executions": ("GET", f"/executions?limit={value}", None),
    }


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    home = tmp_path_factory.mktemp("web")
    url = request.getfixturevalue("postgres_for_a_file") if request.param == "postgresql" else f"sqlite:///{home}/s.db"
    with web_on(url, home) as made:
        yield made


@pytest.mark.parametrize("wanted", bodies(0))
def test_a_number_in_a_request_is_taken_or_refused(either: Web, wanted: str) -> None:
    found = {}
    for name, value in VALUES.items():
        method, path, body = bodies(value)[wanted]
        found[name] = either.send(method, quote(path, safe="/?&="), body).status
    assert max(found.values()) < 500 and found["7"] in (200, 201, 404, 409), found
