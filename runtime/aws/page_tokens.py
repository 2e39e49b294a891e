"""Seals the cursor of a listing in a ``nextToken``, valid for a day and for the same input only.

AWS: "Keep all other arguments unchanged. Each pagination token expires after 24 hours." Anything else is InvalidToken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from stepwell.functions.contract import Json
from stepwell.functions.errors.step_functions import InvalidToken
from stepwell.runtime.engine.values import jsontext

GOOD_FOR_MS = 24 * 3600 * 1000
_NOT_SEALED = ("nextToken", "maxResults")


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
        fits = digest == _digest(operation, given) and 0 <= now_ms - issued_ms < GOOD_FOR_MS and isinstance(cursor, str)
    except (binascii.Error, ValueError, TypeError):
        fits = False
    if not fits:
        raise InvalidToken(f"Invalid Token: '{token}'")
    return {**given, "nextToken": cursor}


def _digest(operation: str, given: dict[str, Json]) -> str:
    sealed = sorted((name, value) for name, value in given.items() if name not in _NOT_SEALED)
    return hashlib.sha256(json.dumps([operation, sealed]).encode()).hexdigest()[:32]
