"""How a statement's text is made of the dataclasses in ``values``: column lists, named parameters and their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from stepwell.db.values import Claimed, ClaimedExecution, ClaimedTask, Finish, Root

# Not behind a second colon: ``::int`` is a cast.
_NAMED = re.compile(r"(?<!:):([a-z_]\w*)")


def names(row: type) -> tuple[str, ...]:
    """The columns of a dataclass, in the order in which ``values_of`` gives their values."""
    return tuple(one.name for one in fields(row))


def values_of(row: Any) -> tuple[Any, ...]:
    """The fields of a dataclass in their order: ``dataclasses.astuple`` without its deep copies."""
    # ``vars`` has the order of the fields, because the generated ``__init__`` sets them in that order.
    return tuple(vars(row).values())


FOLLOWING = ("id", "number", "entry", "step", "function", "input", "timeout_seconds", "visit")
"""The columns of the following task that FINISH writes."""
FINISHED = names(Finish)[: names(Finish).index("root")]
"""The parameters of FINISH that are single values of ``Finish`` itself."""


def columns(*rows: type) -> str:
    """The column list of an INSERT."""
    return ", ".join(name for row in rows for name in names(row))


def parameters(*rows: type) -> str:
    """The named parameters of these columns, for ``numbered``."""
    return ", ".join(f":{name}" for row in rows for name in names(row))


def selected(row: type, table: str, **instead: str) -> str:
    """The select list of a dataclass; ``instead`` gives another expression for a field than its column."""
    return ", ".join(instead.get(name, f"{table}.{name}") for name in names(row))


def assigned(values: Mapping[str, str]) -> str:
    """The assignments of an UPDATE, of columns to expressions."""
    return ", ".join(f"{column} = {value}" for column, value in values.items())


def nulls(empty: Iterable[str]) -> str:
    """The assignments of an UPDATE that empty these columns."""
    return assigned(dict.fromkeys(empty, "NULL"))


def numbered(sql: str, order: Iterable[str], mark: str) -> str:
    """Replace each ``:name`` of a statement by ``mark`` and its place in ``order``, from 1: ``$1`` or ``?1``.

    Raises KeyError for a name that is not in ``order``. A cast (``::int``) is left alone.
    """
    places = {name: f"{mark}{place}" for place, name in enumerate(order, start=1)}
    return _NAMED.sub(lambda found: places[found[1]], sql)


CLAIMED = ", ".join(
    (selected(ClaimedTask, "t"), selected(ClaimedExecution, "e", execution_input="e.input"), selected(Root, "e"))
)
"""The select list of a claim, of a task ``t`` and its execution ``e``; the time comes behind it."""
_ROOT_AT = len(names(ClaimedTask)) + len(names(ClaimedExecution))
_IDS = tuple(place for place, name in enumerate(names(Claimed)) if name == "id" or name.endswith("_id"))


def claimed(row: Sequence[Any]) -> Claimed:
    """The claim of a row that CLAIMED and the time were selected into."""
    # By position and without keywords: this runs once for every claim.
    own = [*row[:_ROOT_AT], Root(*row[_ROOT_AT:-1]), row[-1]]
    for place in _IDS:
        own[place] = str(own[place])
    return Claimed(*own)
