"""Shows, changes and invokes functions, in files and stored, for the handlers of AWS Lambda's operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain

from stepwell.db.database import database, transaction
from stepwell.functions.contract import Page, page_of
from stepwell.functions.contract.function_names import LATEST, FunctionReference
from stepwell.functions.contract.lambda_ import (
    Ended,
    FoundFunction,
    FunctionConfiguration,
    LambdaCall,
    NewFunction,
    Update,
    Usage,
)
from stepwell.functions.errors.lambda_ import (
    InvalidParameterValueException,
    ResourceConflictException,
    ServiceException,
    TooManyRequestsException,
)
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation, Target, Terms
from stepwell.runtime.lambdas import archive, calls, files, store
from stepwell.runtime.lambdas.functions import Functions
from stepwell.runtime.lambdas.references import unknown
from stepwell.runtime.lambdas.store import Package
from stepwell.runtime.settings import Settings


class LambdaOperations:
    """The functions that ``functions.contract.lambda_`` promises."""

    def __init__(
        self,
        catalog: Catalog,
        functions: Functions,
        invoker: Invoker | InProcessInvoker,
        settings: Settings,
        waiting: WaitingLimit,
    ) -> None:
        self._files = files.callable_files(catalog)
        self._functions = functions
        self._invoker = invoker
        self._settings = settings
        self._waiting = waiting

    def get(self, function: FunctionReference) -> FoundFunction:
        found = self._in_file(function) or store.find(function)
        if found is None:
            raise unknown(function)
        return found

    def list(self, *, all_versions: bool, limit: int, cursor: str | None) -> Page[FunctionConfiguration]:
        names = sorted(name for name in [*self._files, *store.named()] if cursor is None or name > cursor)
        shown = names[:limit]
        found = tuple(chain.from_iterable(self._listed(name, all_versions) for name in shown))
        return Page(found, shown[-1] if len(names) > limit else None)

    def versions(self, function: FunctionReference, *, limit: int, cursor: str | None) -> Page[FunctionConfiguration]:
        found = self._versions(function)
        if cursor is not None:
            found = [one for one in found if one.version != LATEST and int(one.version) > _number(cursor)]
        return page_of(found, limit, lambda one: one.version.replace(LATEST, "0"))

    def create(self, wanted: NewFunction) -> FunctionConfiguration:
        name = wanted.name
        if name in self._files:
            raise ResourceConflictException(f"Function already exist: {name}")
        return store.create(name, wanted.options, _package(wanted.code), wanted.tags, publish=wanted.publish)

    def update(self, function: FunctionReference, change: Update) -> FunctionConfiguration:
        self._refuse_file(function)
        package = None if change.code is None else _package(change.code)
        if change.dry_run:
            return self.get(FunctionReference(function.name)).function
        return store.change(function, change.revision, change.options, package, publish=change.publish)

    def publish(
        self,
        function: FunctionReference,
        sha256: str | None = None,
        description: str | None = None,
        revision: str | None = None,
    ) -> FunctionConfiguration:
        self._refuse_file(function)
        return store.publish(function, sha256, description, revision)

    def delete(self, function: FunctionReference) -> None:
        self._refuse_file(function)
        if function.qualifier is None:
            return store.delete(function)
        if function.qualifier == LATEST:
            raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
        return store.delete_version(function)

    def reserve(self, function: FunctionReference, reserved: int | None) -> None:
        self._refuse_file(function)
        store.reserve(function, reserved)

    def tag(self, function: FunctionReference, added: Mapping[str, str], removed: Iterable[str] = ()) -> None:
        self._refuse_file(function)
        gone = set(removed)
        store.tag(function, lambda tags: {name: tag for name, tag in {**tags, **added}.items() if name not in gone})

    @contextmanager
    def holding(self, function: FunctionReference) -> Iterator[None]:
        """A transaction in which nobody else changes the function. Raises ResourceNotFoundException.

        A function in a file has no row to lock, and nobody can delete it over the wire.
        """
        if self._in_file(function):
            with database.connection_context(), transaction():
                yield
        else:
            with store.changing(function):
                yield

    def usage(self) -> Usage:
        stored, code_bytes, reserved = store.usage()
        return Usage(len(self._files) + stored, code_bytes, reserved)

    def invoke(self, function: FunctionReference, call: LambdaCall) -> Ended:
        target = self._target(function)
        with self._waiting.place(TooManyRequestsException(Reason="ConcurrentInvocationLimitExceeded")):
            outcome = self._run(target, call)
        if outcome.throttled:
            raise TooManyRequestsException(Reason="ReservedFunctionConcurrentInvocationLimitExceeded")
        return calls.ended(outcome, target, call, datetime.now(UTC))

    def _run(self, target: Target, call: LambdaCall) -> Outcome:
        terms = Terms(call.client_context)
        return self._invoker.run(
            Invocation(target, call.payload, key=call.request_id, request_id=call.request_id, terms=terms)
        )

    def _target(self, function: FunctionReference) -> Target:
        if self._in_file(function):
            return files.target(self._files[function.name], function.qualifier)
        found = self._functions.stored(function)
        if found is None:
            raise unknown(function)
        if isinstance(found, Outcome):
            raise ServiceException(found.cause)
        return found

    def _in_file(self, function: FunctionReference) -> FoundFunction | None:
        file = self._files.get(function.name)
        if file is None or function.qualifier not in (None, LATEST):
            return None
        return FoundFunction(files.view(file, self._settings.function_timeout_seconds, function.qualifier))

    def _refuse_file(self, function: FunctionReference) -> None:
        """A function in a file can only be changed there. Raises ResourceConflictException."""
        if function.name in self._files:
            raise ResourceConflictException(f"{function.name} is a file of this installation: change the file.")

    def _listed(self, name: str, all_versions: bool) -> Iterable[FunctionConfiguration]:
        if all_versions:
            return self._versions(FunctionReference(name))
        found = self._in_file(FunctionReference(name)) or store.find(FunctionReference(name))
        return [] if found is None else [found.function]

    def _versions(self, function: FunctionReference) -> Sequence[FunctionConfiguration]:
        found = self._in_file(FunctionReference(function.name, LATEST))
        versions = [found.function] if found else store.versions(function.name)
        if not versions:
            raise unknown(function)
        return versions


def _number(cursor: str) -> int:
    """The version number in a marker. Raises InvalidParameterValueException."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise InvalidParameterValueException("The marker does not come from this listing.")
    return int(cursor)


def _package(code: bytes) -> Package:
    """The zip as a checked package. Raises InvalidParameterValueException."""
    try:
        archive.check(code)
    except archive.BadArchive as fault:
        raise InvalidParameterValueException(str(fault)) from None
    return Package(code)
