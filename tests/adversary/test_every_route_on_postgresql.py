"""Ids, numbers and characters that SQLite takes but PostgreSQL refuses, sent to every route on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adversary.test_every_route import ROUTES, on_paths, on_queries
from tests.adversary.web import Web, breaches, web_on

TELLING = (
    *(
        "NUL",
        "UTF-8",
        "emoji",
        "surrogate",
        "5,000",
        "SQL",
        "wildcard",
        "the nil id",
        "the last id",
        "an id",
        "a token",
    ),
    *("a number", "zero", "huge", "the last integer", "one more", "more than", "nothing", "other digits"),
)


@pytest.fixture(scope="module")
def web(postgres_for_a_file: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web_on(postgres_for_a_file, Path(tmp_path_factory.mktemp("web"))) as made:
        yield made


@pytest.mark.parametrize("key", ROUTES)
def test_the_door_holds_on_postgresql(web: Web, key: str) -> None:
    web.furnish()
    attacks = [*on_paths(web, ROUTES[key]), *on_queries(web, ROUTES[key])]
    chosen = [attack for attack in attacks if any(word in attack[0] for word in TELLING)]
    found = [breach for attack in chosen for breach in breaches(web, *attack)]
    assert not found, "\n" + "\n".join(found[:40])
