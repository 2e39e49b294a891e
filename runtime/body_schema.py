"""A request body against its handler's BODY schema: what is wrong, where, and what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import fastjsonschema

from functions.errors import InvalidRequest

Json = Any

_PLAIN = re.compile(r"[A-Za-z_]\w*")


class BodySchema:
    """A JSON Schema, compiled once."""

    def __init__(self, schema: Mapping[str, Json], components: Mapping[str, Json]) -> None:
        """``components`` are what ``#/components/schemas/...`` refers to."""
        document = {**schema, "components": {"schemas": components}}
        self._validate = fastjsonschema.compile(document, use_default=False)

    def check(self, body: Json) -> None:
        """Raises InvalidRequest with the path of the first fault. An absent body counts as null."""
        try:
            self._validate(body)
        except fastjsonschema.JsonSchemaValueException as fault:
            raise _refusal(fault, body) from None


def json_path(names: Iterable[str]) -> str:
    """The JSONPath of the value that a list of member names and indexes leads to."""
    return "$" + "".join(_step(name) for name in names)


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """A hint for a name that was probably meant to be one of those known."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{found[0]}'?" if found else None


def _step(name: str) -> str:
    if name.isdecimal():
        return f"[{name}]"
    return f".{name}" if _PLAIN.fullmatch(name) else f"[{name!r}]"


def _refusal(fault: fastjsonschema.JsonSchemaValueException, body: Json) -> InvalidRequest:
    where = fault.path[1:]
    if body is None:
        return InvalidRequest("A body is required.", path="$")
    known = fault.definition.get("properties", {})
    if fault.rule == "additionalProperties":
        extra = next(name for name in fault.value if name not in known)
        return _refuse(f"{_shown(extra)} is not known here", [*where, extra], near_miss(extra, known))
    if fault.rule == "required":
        missing = next(name for name in fault.rule_definition if name not in fault.value)
        given = difflib.get_close_matches(missing, [name for name in fault.value if name not in known], n=1)
        hint = f"did you mean '{missing}' by '{given[0]}'?" if given else None
        return _refuse(f"'{missing}' is required", [*where, missing], hint)
    return _refuse(fault.message.removeprefix(fault.name).strip(), where, None)


def _refuse(message: str, where: Iterable[str], hint: str | None) -> InvalidRequest:
    path = json_path(where)
    return InvalidRequest(f"{path}: {message}", path=path, hint=hint)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:80] + "...")
