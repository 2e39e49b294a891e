"""Seals the cursor of a listing in a ``nextToken``, valid for a day and for the same input only.

AWS: "Keep all other arguments unchanged. Each pagination token expires after 24 hours." Anything else is InvalidToken.
A token is no secret, so a client can forge one. Its cursor is checked before it reaches a query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from stepwell.functions.contract import Json
from stepwell.functions.errors.step_functions import InvalidToken
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.ids import is_id

GOOD_FOR_MS = 24 * 3600 * 1000
SKEW_MS = 5 * 60 * 1000
"""How far the clocks of web machines may differ: any of them may get the token that another one made."""
_NOT_SEALED = ("nextToken", "maxResults")
_BY_ID = ("ListExecutions", "ListMapRuns")
_BY_NUMBER = ("GetExecutionHistory", "ListStateMachineVersions")
"""The operations with ids and numbers for cursors; the others have names."""


def seal(operation: str, given: dict[str, Json], cursor: str, now_ms: int) -> str:
    """The token for a cursor that this input has led to."""
    text = json.dumps([cursor, now_ms, _digest(operation, given)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def unseal(operation: str, given: dict[str, Json], now_ms: int) -> dict[str, Json]:
    """The input with the cursor in place of its token, if it has one. Raises InvalidToken."""
    token = given.get("nextToken")
    if token is None:
        return given
    try:
        cursor, issued_ms, digest = jsontext.read(base64.urlsafe_b64decode(token.encode()))
        fits = (
            digest == _digest(operation, given)
            and -SKEW_MS <= now_ms - issued_ms < GOOD_FOR_MS
            and isinstance(cursor, str)
        )
    except (binascii.Error, ValueError, TypeError):
        fits = False
    if not (fits and _is_cursor(operation, cursor)):
        raise InvalidToken("Invalid Token: 'Invalid token'")
    return {**given, "nextToken": cursor}


def _is_cursor(operation: str, cursor: str) -> bool:
    """True if this operation could have given this cursor."""
    if operation in _BY_ID:
        return is_id(cursor)
    return operation not in _BY_NUMBER or (cursor.isascii() and cursor.isdigit() and len(cursor) < 10)


def _digest(operation: str, given: dict[str, Json]) -> str:
    sealed = sorted((name, value) for name, value in given.items() if name not in _NOT_SEALED)
    return hashlib.sha256(json.dumps([operation, sealed]).encode()).hexdigest()[:32]
