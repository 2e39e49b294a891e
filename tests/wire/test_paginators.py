"""All of boto3's paginators for Step Functions: each item comes exactly once, with any page size."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from tests.runtime.stage import machine
from tests.wire.client import Wire, refusal
from tests.wire.test_map_runs import fan

Json = Any

COUNT = 7
PASS = machine(P={"Type": "Pass"})
PLAY = "arn:aws:states:us-east-1:123456789012:stateMachine:play"


def state_machines(wire: Wire) -> Json:
    for number in range(COUNT):
        wire.made(PASS, name=f"m{number}")
    return {}


def activities(wire: Wire) -> Json:
    for number in range(COUNT):
        wire.client.create_activity(name=f"a{number}")
    return {}


def executions(wire: Wire) -> Json:
    arn = wire.made(PASS)
    for number in range(COUNT):
        wire.client.start_execution(stateMachineArn=arn, name=f"e{number}")
    return {"stateMachineArn": arn}


def events(wire: Wire) -> Json:
    return {"executionArn": wire.ran(machine(**{name: {"Type": "Pass"} for name in "ABC"}))["executionArn"]}


def map_runs(wire: Wire) -> Json:
    """Runs an execution with ``COUNT`` Maps in a row; returns the arguments for its listing."""
    each = fan()["States"]["all"] | {"ItemProcessor": {**PASS, "ProcessorConfig": {"Mode": "DISTRIBUTED"}}}
    del each["End"], each["Label"]
    named = {f"M{number}": json.loads(json.dumps(each).replace('"P"', f'"P{number}"')) for number in range(COUNT)}
    kept = {name: {**state, "ResultPath": None} for name, state in named.items()}
    return {"executionArn": wire.ran(machine(**kept), {"items": [1]})["executionArn"]}


PAGED: dict[str, tuple[Callable[[Wire], Json], str]] = {
    "list_state_machines": (state_machines, "stateMachines"),
    "list_activities": (activities, "activities"),
    "list_executions": (executions, "executions"),
    "get_execution_history": (events, "events"),
    "list_map_runs": (map_runs, "mapRuns"),
}
"""For each paginator a function that creates COUNT items, and the items' member in its pages."""
BY_HAND = {
    "list_state_machine_versions": "stateMachineVersions",
    "list_state_machine_aliases": "stateMachineAliases",
}
"""The operations with pages but without a paginator, with the items' member."""


@pytest.mark.no_rows
def test_these_are_all_there_are(wire: Wire):
    operations = {xform_name(one) for one in wire.client.meta.service_model.operation_names}
    assert {one for one in operations if wire.client.can_paginate(one)} == set(PAGED)


@pytest.mark.no_rows
def test_step_functions_has_no_waiters(wire: Wire):
    assert wire.client.waiter_names == []
    with pytest.raises(UnknownServiceError):
        Loader().load_service_model("stepfunctions", "waiters-2")


@pytest.mark.parametrize("operation", PAGED)
def test_a_paginator_gives_all_of_it(wire: Wire, operation: str):
    make, member = PAGED[operation]
    given = make(wire)
    whole = getattr(wire.client, operation)(**given)[member]
    assert len(whole) >= COUNT
    for size in (1, 2, COUNT - 1, len(whole), 1000):
        pages = list(wire.client.get_paginator(operation).paginate(**given, PaginationConfig={"PageSize": size}))
        assert [one for page in pages for one in page[member]] == whole
        assert len(pages) == -(-len(whole) // size)
    some = wire.client.get_paginator(operation).paginate(**given, PaginationConfig={"MaxItems": 3, "PageSize": 2})
    assert some.build_full_result()[member] == whole[:3]
    assert getattr(wire.client, operation)(**given, maxResults=0)[member] == whole
    token = getattr(wire.client, operation)(**given, maxResults=1)["nextToken"]
    assert refusal(getattr(wire.client, operation), **given, nextToken=token[:-4])[0] == "InvalidToken"


@pytest.mark.parametrize("operation", BY_HAND)
def test_what_has_no_paginator_has_pages(wire: Wire, operation: str):
    wire.made(PASS, publish=True)
    route = [{"stateMachineVersionArn": f"{PLAY}:1", "weight": 100}]
    for number in range(2, COUNT + 1):
        definition = json.dumps({**PASS, "Comment": str(number)})
        wire.client.update_state_machine(stateMachineArn=PLAY, definition=definition, publish=True)
    for number in range(COUNT):
        wire.client.create_state_machine_alias(name=f"a{number}", routingConfiguration=route)
    ask = getattr(wire.client, operation)
    whole = ask(stateMachineArn=PLAY)[BY_HAND[operation]]
    assert len(whole) == COUNT
    found, token = [], {}
    while True:
        page = ask(stateMachineArn=PLAY, maxResults=3, **token)
        found += page[BY_HAND[operation]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert found == whole


FORGED = ("no id", "1' OR '1'='1", "-1", "9" * 30, "٣", "1e3", "", "\ud800", "\0", "G" * 36)


def forged(token: str, cursor: str) -> str:
    """The token with another cursor: nothing in it is secret."""
    _, *rest = json.loads(base64.urlsafe_b64decode(token))
    return base64.urlsafe_b64encode(json.dumps([cursor, *rest]).encode()).decode()


@pytest.mark.parametrize("operation", PAGED)
def test_a_forged_token_is_refused_and_never_an_error_of_ours(wire: Wire, operation: str):
    make, member = PAGED[operation]
    given = make(wire)
    list_some = getattr(wire.client, operation)
    token = list_some(**given, maxResults=1)["nextToken"]
    assert member in list_some(**given, nextToken=forged(token, json.loads(base64.urlsafe_b64decode(token))[0]))
    for cursor in FORGED:
        # A name is a place in an alphabet: any text is one.
        is_name = operation in ("list_state_machines", "list_activities") and cursor not in ("\ud800", "\0")
        again = {**given, "nextToken": forged(token, cursor)}
        if is_name:
            assert member in list_some(**again), cursor
        else:
            assert refusal(list_some, **again)[0] == "InvalidToken", cursor
