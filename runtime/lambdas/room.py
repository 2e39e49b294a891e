"""What the handlers of AWS Lambda's operations are handed: functions in files, described and invoked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from functions.contract import Page
from functions.lambda_api._errors import TooManyRequestsException
from functions.lambda_api._names import LATEST, Reference
from functions.lambda_api._rooms import Call, Ended, Found, Function
from runtime.catalog import Catalog
from runtime.invoke import InProcessInvoker, Invoker, Target, Terms
from runtime.lambdas import calls, files
from runtime.settings import Settings

INVOCATIONS = 4
"""How many run at a time in a web process: each holds one of its threads."""


class LambdaRoom:
    def __init__(self, catalog: Catalog, invoker: Invoker | InProcessInvoker, settings: Settings) -> None:
        self._files = files.callable_files(catalog)
        self._invoker = invoker
        self._settings = settings
        self._free = threading.BoundedSemaphore(INVOCATIONS)

    def get(self, function: Reference) -> Found:
        file = self._files.get(function.name)
        if file is None or function.qualifier not in (None, LATEST):
            raise function.unknown
        return Found(files.view(file, self._settings.function_timeout_seconds))

    def list(self, *, all_versions: bool, limit: int, cursor: str | None) -> Page[Function]:
        names = [name for name in self._files if cursor is None or name > cursor]
        shown = [self.get(Reference(name)).function for name in names[:limit]]
        return Page(shown, names[limit - 1] if len(names) > limit else None)

    def invoke(self, function: Reference, call: Call) -> Ended:
        target = self._target(function)
        if not self._free.acquire(blocking=False):
            raise TooManyRequestsException(Reason="ConcurrentInvocationLimitExceeded")
        try:
            outcome = self._invoker.run(
                target,
                call.payload,
                timeout_seconds=None,
                key=call.request_id,
                request_id=call.request_id,
                terms=Terms(call.client_context),
            )
        finally:
            self._free.release()
        return calls.ended(outcome, target, call, datetime.now(UTC))

    def _target(self, function: Reference) -> Target:
        file = self._files.get(function.name)
        if file is None or function.qualifier not in (None, LATEST):
            raise function.unknown
        return files.target(file, function.qualifier)
