"""Random mutations of valid requests: the answer is never a 5xx, never slow, always in one form.

The random generator has a fixed seed, so every run is the same. For other or more requests change SEED and TRIES.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.http.routes import METHODS, Route
from tests.adversary.test_every_route import HEADERS, MEDIA_TYPES, QUERY_VALUES, SEGMENTS, WRONG_VALUES
from tests.adversary.test_stored import CAUSES, HOSTILE
from tests.adversary.web import JSON, SLOWEST_SECONDS, Ask, Web, faults_of, split_headers

Json = Any
Dice = random.Random
Mutation = Callable[[Dice, Web, Route, Ask], Ask]

SEED, TRIES = 20_261_124, 40
ROUTES: Mapping[str, Route] = {route.key: route for route in Catalog.load().routes}
TEXTS: Sequence[str] = (*HOSTILE.values(), *CAUSES.values(), "", "$", "$.a", "$$", "States.ALL", "x" * 300)
VALUES: Sequence[Json] = (*WRONG_VALUES, *TEXTS, 1e308, -0.0, 1e-320, {"a.$": "$"}, [[[[]]]], {"parallel": []})


def places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value inside a value; the empty path comes first."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in members:
        yield from places(one, (*path, name))


def placed(value: Json, path: tuple[Any, ...], new: Json) -> Json:
    """A copy of a value with a new value at this path."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, step: placed(value[step], rest, new)}
    return [*value[:step], placed(value[step], rest, new), *value[step + 1 :]]


def value_in_body(dice: Dice, web: Web, route: Route, ask: Ask) -> Ask:
    """Replaces a value somewhere in the body, or adds a member."""
    body = _json(ask.body)
    path = dice.choice(list(places(body)))
    if dice.random() < 0.3:
        body, path = placed(body, path, {}), (*path, dice.choice(("data", "name", "steps", *TEXTS)))
        body = placed(body, path[:-1], {path[-1]: dice.choice(VALUES)})
    else:
        body = placed(body, path, dice.choice(VALUES))
    return replace(ask.with_headers(JSON), body=json.dumps(body).encode())


def bytes_in_body(dice: Dice, web: Web, route: Route, ask: Ask) -> Ask:
    """Changes, removes or doubles bytes of the body."""
    body = bytearray(ask.body or b'{"input": {"a": [1, "x", null]}}')
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(body) + 1)
        body[at : at + dice.randint(0, 3)] = dice.choice(
            (b"", dice.randbytes(2), b'"', b"{", b"]", b"\\u", bytes(body))
        )
    return replace(ask.with_headers(JSON), body=bytes(body))


def length_of_body(dice: Dice, web: Web, route: Route, ask: Ask) -> Ask:
    return replace(ask, length=dice.choice(("0", "1", "-1", "", "x", "1 1", str(len(ask.body) + 1), "9" * 19)))


def path_of_request(dice: Dice, web: Web, route: Route, ask: Ask) -> Ask:
    """Replaces a variable in the path, or bytes of the path."""
    if route.variables and dice.random() < 0.7:
        variable = dice.choice(route.variables)
        text = dice.choice((*SEGMENTS.values(), *(quote(one, safe="") for one in TEXTS)))
        return replace(ask, target=web.target(route, **{variable: text}))
    at = dice.randrange(len(ask.target) + 1)
    middle = dice.choice(
        ("%", "%00", "/", "//", "..", "?", "#", "%2f", "\x01", " ", "\xff", chr(dice.randrange(1, 256)))
    )
    return replace(ask, target=ask.target[:at] + middle + ask.target[at:])


def query_of_request(dice: Dice, web: Web, route: Route, ask: Ask) -> Ask:
    names = (*web.catalog.routes[route].query, "limit", "cursor", "a", "%00", "")
    pairs = [f"{dice.choice(names)}={dice.choice(tuple(QUERY_VALUES.values()))}" for _ in range(dice.randint(1, 4))]
    return ask.with_query(dice.choice("&;").join(pairs))


def headers_of_request(dice: Dice, web: Web, route: Route, ask: Ask) -> Ask:
    text = dice.choice((*TEXTS, *MEDIA_TYPES)).encode("utf-8", "replace").decode("latin-1")
    name = dice.choice(("idempotency-key", "content-type", "accept", "host", "cookie", "origin", "transfer-encoding"))
    return ask.with_headers(dice.choice((*HEADERS.values(), {name: text})))


def method_of_request(dice: Dice, web: Web, route: Route, ask: Ask) -> Ask:
    return replace(ask, method=dice.choice((*METHODS, "BREW", "", "\xe9")))


MUTATIONS: Sequence[Mutation] = (
    *(value_in_body, value_in_body, bytes_in_body, length_of_body, path_of_request),
    *(query_of_request, headers_of_request, method_of_request),
)


@pytest.mark.parametrize("key", ROUTES)
def test_what_is_nearly_right_is_answered_all_the_same(web: Web, key: str) -> None:
    dice, route = Dice(f"{SEED} {key}"), ROUTES[key]
    web.furnish()
    found = [fault for _ in range(TRIES) for fault in faults_in(web, mutated(dice, web, route))]
    assert not found, "\n" + "\n".join(found[:20])


def mutated(dice: Dice, web: Web, route: Route) -> Ask:
    ask = web.valid(route)
    for mutate in dice.choices(MUTATIONS, k=dice.randint(1, 3)):
        ask = mutate(dice, web, route, ask)
    return ask


def faults_in(web: Web, ask: Ask) -> Iterator[str]:
    answer = web.ask(ask)
    request = f"{str(ask)[:600]} -> {answer.status}"
    if answer.status >= 500:
        yield f"{request}: {answer.body[:200]!r}"
    if answer.seconds > SLOWEST_SECONDS:
        yield f"{request}: took {answer.seconds:.1f} s"
    yield from (f"{request}: {fault}" for fault in split_headers(answer))
    if answer.status >= 400 and answer.header("content-type") != "text/html; charset=utf-8":
        yield from (f"{request}: {fault}" for fault in faults_of(answer, is_head=ask.method == "HEAD"))


def _json(text: bytes) -> Json:
    """The JSON of a body. After an earlier mutation the body may not be JSON."""
    try:
        return json.loads(text or b"{}")
    except ValueError:
        return {}
