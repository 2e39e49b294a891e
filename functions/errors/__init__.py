"""The errors that a REST caller may get: one class each, with its HTTP status and its code.

The docstring of a class is its message on the wire unless another one is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class StepwellError(Exception):
    """Something went wrong."""

    status = 500
    code = "InternalError"

    def __init__(self, message: str | None = None, *, path: str | None = None, hint: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.path = path
        self.hint = hint
        super().__init__(self.message)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The one JSON error form: ``{"error": {"code", "message", "path"?, "hint"?}}``."""
        members = {"code": self.code, "message": self.message, "path": self.path, "hint": self.hint}
        return {"error": {name: value for name, value in members.items() if value is not None}}

    @property
    def headers(self) -> dict[str, str]:
        return {}


class InvalidRequest(StepwellError):
    """The request is invalid."""

    status = 400
    code = "InvalidRequest"


class InvalidJson(InvalidRequest):
    """The text is not JSON."""

    code = "InvalidJson"


class InvalidName(InvalidRequest):
    """A name has 1 to 80 characters: no white space, no control characters, none of <>{}[]?*"#%\\^|~`$&,;:/."""

    code = "InvalidName"


class InvalidDefinition(InvalidRequest):
    """The definition is invalid."""

    code = "InvalidDefinition"

    def __init__(
        self,
        message: str | None = None,
        *,
        path: str | None = None,
        hint: str | None = None,
        faults: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """``faults`` lists every fault with its code, message, path and pointer, and with a hint if there is one."""
        self.faults = faults
        super().__init__(message, path=path, hint=hint)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        form = super().to_dict()
        return {"error": {**form["error"], "faults": list(self.faults)}} if self.faults else form


class InvalidCursor(InvalidRequest):
    """The cursor does not come from this listing."""

    code = "InvalidCursor"


class InvalidToken(InvalidRequest):
    """No task has this token."""

    code = "InvalidToken"


class Unauthenticated(StepwellError):
    """Missing Authentication Token"""

    status = 401
    code = "Unauthenticated"

    def __init__(self, message: str | None = None, *, code: str = "MissingAuthenticationTokenException") -> None:
        """``code`` is the code for AWS's clients."""
        self.aws_code = code
        super().__init__(message, hint="send a key of STEPWELL_ACCESS_KEYS: signed, or as Bearer id:secret")

    @property
    def headers(self) -> dict[str, str]:
        return {"www-authenticate": 'Basic realm="Stepwell", charset="UTF-8"'}


class CrossSite(StepwellError):
    """Requests from pages of other sites may change nothing."""

    status = 403
    code = "CrossSite"


class UnknownHost(StepwellError):
    """This server does not answer for that host."""

    status = 421
    code = "UnknownHost"


class NotFound(StepwellError):
    """Nothing exists at this path."""

    status = 404
    code = "NotFound"


class MethodNotAllowed(StepwellError):
    """This path does not answer to that method."""

    status = 405
    code = "MethodNotAllowed"

    def __init__(self, allow: tuple[str, ...]) -> None:
        self.allow = allow
        super().__init__(f"This path answers to {', '.join(allow)}.")

    @property
    def headers(self) -> dict[str, str]:
        return {"allow": ", ".join(self.allow)}


class RequestTimeout(StepwellError):
    """The request did not come in time."""

    status = 408
    code = "RequestTimeout"


class Conflict(StepwellError):
    """The request does not fit the present state."""

    status = 409
    code = "Conflict"


class NameTaken(Conflict):
    """An execution of this workflow has that name already."""

    code = "NameTaken"


class TaskClosed(Conflict):
    """The task has ended already, or timed out."""

    code = "TaskClosed"


class PayloadTooLarge(StepwellError):
    """The payload is larger than the limit."""

    status = 413
    code = "PayloadTooLarge"


class UnsupportedMediaType(StepwellError):
    """The body must be application/json."""

    status = 415
    code = "UnsupportedMediaType"


class KeyReused(StepwellError):
    """This Idempotency-Key was used for another request."""

    status = 422
    code = "IdempotencyKeyReused"


class TooManyRequests(StepwellError):
    """Too many of these requests are under way. Try again."""

    status = 429
    code = "TooManyRequests"

    @property
    def headers(self) -> dict[str, str]:
        return {"retry-after": "1"}


class Unavailable(StepwellError):
    """The database is away for the moment. What was to be changed may have been changed all the same. Try again."""

    status = 503
    code = "Unavailable"

    @property
    def headers(self) -> dict[str, str]:
        return {"retry-after": "1"}
