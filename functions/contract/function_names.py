"""Parses the names of functions on AWS's wire: ``name``, ``name:qualifier``, ``account:function:name`` or an ARN."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.functions.contract import Json
from stepwell.functions.errors.lambda_ import InvalidParameterValueException

LATEST = "$LATEST"
_NAMED = re.compile(
    r"(?:arn:[^:]+:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True)
class FunctionReference:
    """A function as a caller names it. Any account and region is accepted, since there is one of each here."""

    name: str
    qualifier: str | None = None


def referred(text: str, qualifier: str | None = None) -> FunctionReference:
    """The function with this name or ARN.

    Raises InvalidParameterValueException for a malformed name, and for two qualifiers that differ.
    """
    found = _NAMED.fullmatch(text)
    if found is None:
        raise InvalidParameterValueException(f"The function name {text[:80]!r} is not valid.")
    own = found["qualifier"]
    if own and qualifier and own != qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionReference(found["name"], own or qualifier)


def reference(given: Mapping[str, Json]) -> FunctionReference:
    """The function that an operation's input names, with its qualifier."""
    return referred(given["FunctionName"], given.get("Qualifier"))
