"""The plans of a torture run, all from the seed: the workflows, and one start after another."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from tests.torture.definitions import Maker
from tests.torture.simulator import Ending, ending

Json = Any

WORKFLOWS = 60
TREES = 20
LONG_TEXT = 20_000


@dataclass(frozen=True)
class Plan:
    """One start. ``number`` is part of its input (for a flow: of its root's data) and so identifies its execution.

    ``repeats``: the client repeats the request until it is answered, under one Idempotency-Key; else it sends it once.
    ``steering``: the verb for the execution, sent ``after`` seconds once the start is acknowledged.
    """

    number: int
    path: str
    body: Json
    key: str | None
    repeats: bool
    steering: str | None
    after: float
    definition: Json
    given: Json

    @property
    def expected(self) -> Ending:
        """Its end if no task loses its worker again and again."""
        return ending(self.definition, self.given)


def workflows(seed: int) -> Mapping[str, Json]:
    """The definitions by name. The client stores them before the first start."""
    maker = Maker(Random(f"{seed}/workflows"))
    return {f"torture-{number}": maker.definition() for number in range(WORKFLOWS)}


def plans(seed: int) -> Iterator[Plan]:
    """An endless sequence of starts."""
    dice = Random(f"{seed}/plans")
    known = workflows(seed)
    maker = Maker(Random(f"{seed}/trees"))
    trees = [maker.tree() for _ in range(TREES)]
    for number in count(1):
        if dice.random() < 0.15:
            yield _flow(dice, number, dice.choice(trees))
        else:
            name = dice.choice(list(known))
            yield _execution(dice, number, name, known[name])


def _execution(dice: Random, number: int, name: str, definition: Json) -> Plan:
    text = "ä€😀" + ("x" * LONG_TEXT if dice.random() < 0.05 else "")
    given = {"plan": number, "value": dice.randrange(1000), "text": text}
    return _plan(dice, number, f"/workflows/{name}/execute", {"input": given}, definition, given)


def _flow(dice: Random, number: int, tree: Json) -> Plan:
    tree = copy.deepcopy(tree)
    tree["data"] |= {"plan": number, "value": dice.randrange(1000)}
    return _plan(dice, number, "/flows", tree, tree, {})


def _plan(dice: Random, number: int, path: str, body: Json, definition: Json, given: Json) -> Plan:
    repeats = dice.random() < 0.9
    return Plan(
        number=number,
        path=path,
        body=body,
        key=f"plan-{number}" if repeats or dice.random() < 0.5 else None,
        repeats=repeats,
        steering=dice.choices((None, "cancel", "pause"), (86, 6, 8))[0],
        after=dice.uniform(0, 2),
        definition=definition,
        given=given,
    )
