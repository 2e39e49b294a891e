"""The subject of an invocation: the function, the event, the time limit and the caller's terms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stepwell.runtime.engine.values import arns
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.sandbox.spawner import Workspace


@dataclass(frozen=True)
class Target:
    """A function, ready to run: its name, its file, and the dotted name of its module."""

    name: str
    path: Path
    module: str
    timeout_seconds: float | None = None
    """The function's own time limit; None for the limit of the settings."""
    handler: str = "handler"
    version: str = "$LATEST"
    qualifier: str | None = None
    """The version or alias that it is called by."""
    memory_mb: int = 128
    workspace: Workspace | None = None
    """Where its process runs; None for the root above ``path``."""
    reserved: int | None = None
    """How many of its invocations may run at a time, in all processes together; None for any number."""


@dataclass(frozen=True)
class Terms:
    """Options of a direct Lambda call: the client context. Results may be up to Lambda's limit."""

    client_context: Json = None


@dataclass(frozen=True)
class Invocation:
    """One run of a function's handler. ``event`` is JSON text, ``request_id`` is the handler's ``aws_request_id``."""

    target: Target
    event: str
    key: str
    """The name by which ``kill()`` finds the invocation while it runs."""
    request_id: str
    timeout_seconds: float | None = None
    """The seconds left of the state's own limit; None when the state has none."""
    terms: Terms | None = None
    """Set for a direct Lambda call. None for a state machine's: the limit of its payloads holds."""
    idempotency_key: str | None = None
    """The key of the state's visit, for a state machine's call: the client context has it among its custom values."""

    def context(self) -> dict[str, Json]:
        """Lambda's context object, without the members that only the handler's process knows."""
        target = self.target
        return {
            "aws_request_id": self.request_id,
            "function_name": target.name,
            "function_version": target.version,
            "memory_limit_in_mb": str(target.memory_mb),
            "invoked_function_arn": arns.function(target.name, target.qualifier),
            "log_group_name": f"/aws/lambda/{target.name}",
            "client_context": self._client_context(),
        }

    def _client_context(self) -> Json:
        if self.terms is not None:
            return self.terms.client_context
        return None if self.idempotency_key is None else {"custom": {"idempotencyKey": self.idempotency_key}}
