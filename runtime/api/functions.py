"""Lists the functions for the REST endpoints, and invokes step functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from stepwell.functions.contract import Json
from stepwell.functions.contract.function_names import FunctionReference
from stepwell.functions.contract.rest import (
    FunctionView,
)
from stepwell.functions.errors import NotFound, TooManyRequests, Unavailable
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.catalog.openapi import document
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.ids import new_id
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation, Target
from stepwell.runtime.lambdas import files, functions
from stepwell.runtime.lambdas.functions import Functions

INVOCATION_SECONDS = 30.0


class FunctionsApi:
    """The functions as ``functions.contract.rest`` promises them.

    An invocation waits for the function's end, so it takes one of the places for requests that wait.
    """

    def __init__(
        self, catalog: Catalog, functions: Functions, invoker: Invoker | InProcessInvoker, waiting: WaitingLimit
    ) -> None:
        self._catalog = catalog
        self._functions = functions
        self._invoker = invoker
        self._waiting = waiting

    def list(self) -> Sequence[FunctionView]:
        return [*(function.view() for function in self._catalog.functions), *functions.views()]

    def invoke(self, name: str, event: Json) -> Mapping[str, Json]:
        target = self._target(name)
        outcome = target if isinstance(target, Outcome) else self._run(target, event)
        if outcome.away:
            raise Unavailable()
        ended = {"logs": outcome.logs, "seconds": outcome.seconds}
        if outcome.error is not None:
            return {"error": outcome.error, "cause": outcome.cause, **ended}
        return {"result": json.loads(outcome.result or "null"), **ended}

    def _target(self, name: str) -> Target | Outcome:
        """The step type, or the function created over Lambda's API. Raises NotFound."""
        step = self._catalog.steps.get(name)
        found = self._functions.stored(FunctionReference(name)) if step is None else files.target(step)
        if found is None:
            raise NotFound(f"There is no step function {name[:80]!r}.")
        return found

    def _run(self, target: Target, event: Json) -> Outcome:
        identity, text = new_id(), jsontext.write(event)
        with self._waiting.place(TooManyRequests()):
            return self._invoker.run(Invocation(target, text, identity, identity, INVOCATION_SECONDS))

    def openapi(self) -> Mapping[str, Json]:
        return document(self._catalog)
