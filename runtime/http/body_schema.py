"""Checks a request body against its handler's BODY schema. A fault names the problem, its place and a hint."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import fastjsonschema

from stepwell.functions.errors import InvalidRequest
from stepwell.runtime.engine.definition.field_kinds import MOST_KNOWN, cut, did_you_mean, shown
from stepwell.runtime.engine.values.jsontext import Json

MOST_COMPILED = 200
_PLAIN = re.compile(r"[A-Za-z_]\w*")


class BodySchema:
    """A JSON Schema, compiled once a process: the catalog checks it, and the gateway then checks bodies by it."""

    def __init__(self, schema: Mapping[str, Json], components: Mapping[str, Json]) -> None:
        """``components`` are the targets of ``#/components/schemas/...``. Raises ValueError for an invalid schema."""
        try:
            self._validate = _compiled(json.dumps(schema), _Components(components))
        # For a malformed schema the library raises whatever it meets: KeyError, re.error, SyntaxError.
        except Exception as fault:
            raise ValueError(f"is no JSON Schema that can be checked: {cut(str(fault))}") from None

    def check(self, body: Json) -> None:
        """Raises InvalidRequest with the path of the first fault. An absent body counts as null."""
        try:
            self._validate(body)
        except fastjsonschema.JsonSchemaValueException as fault:
            raise _refusal(fault, body) from None


@dataclass(frozen=True, eq=False)
class _Components:
    """Schemas by name. They are equal only to themselves, since comparing their contents would dominate a start."""

    schemas: Mapping[str, Json]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Components) and other.schemas is self.schemas

    def __hash__(self) -> int:
        return id(self.schemas)


@lru_cache(maxsize=MOST_COMPILED)
def _compiled(schema: str, components: _Components) -> Callable[[Json], Json]:
    document = {**json.loads(schema), "components": {"schemas": components.schemas}}
    return fastjsonschema.compile(document, use_default=False)


def json_path(names: Iterable[str]) -> str:
    """The JSONPath of the value that a list of member names and indexes leads to."""
    return "$" + "".join(_step(name) for name in names)


def _step(name: str) -> str:
    if name.isdecimal():
        return f"[{name}]"
    return f".{cut(name)}" if _PLAIN.fullmatch(name) else f"[{shown(name)}]"


def _refusal(fault: fastjsonschema.JsonSchemaValueException, body: Json) -> InvalidRequest:
    where = fault.path[1:]
    if body is None:
        return InvalidRequest("A body is required.", path="$")
    known = fault.definition.get("properties", {})
    if fault.rule == "additionalProperties":
        extra = next(name for name in fault.value if name not in known)
        return _refuse(f"{shown(extra)} is not known here", [*where, extra], did_you_mean(extra, known))
    if fault.rule == "required":
        missing = next(name for name in fault.rule_definition if name not in fault.value)
        return _refuse(f"{missing!r} is required", where, _misspelt(missing, fault.value, known))
    return _refuse(fault.message.removeprefix(fault.name or "").strip(), where, None)


def _refuse(message: str, where: Iterable[str], hint: str | None) -> InvalidRequest:
    return InvalidRequest(message, path=json_path(where), hint=hint)


def _misspelt(missing: str, given: Mapping[str, Json], known: Mapping[str, Json]) -> str | None:
    """A hint if a missing member seems to be there under a misspelt name."""
    if len(given) > MOST_KNOWN:
        return None
    near = [name for name in given if name not in known and did_you_mean(name, [missing])]
    return f"did you mean {missing!r} by {shown(near[0])}?" if near else None
