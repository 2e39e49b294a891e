"""Finds every function that can be called: in a file of this machine, or stored in the database.

Each call looks a stored function up anew, so a worker runs a function that was created a moment ago, with its newest
code. ``unpacked.py`` holds the unpacked code.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from stepwell.functions.contract.function_names import FunctionReference
from stepwell.functions.contract.lambda_ import FoundFunction
from stepwell.functions.contract.rest import FunctionView
from stepwell.runtime.engine.core.invocations import refused
from stepwell.runtime.engine.definition.resources import LATEST, QUALIFIED_BY
from stepwell.runtime.engine.definition.steplist import FunctionDefaults
from stepwell.runtime.engine.values import arns
from stepwell.runtime.ids import new_id
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Target
from stepwell.runtime.lambdas import store
from stepwell.runtime.lambdas.references import unknown
from stepwell.runtime.lambdas.unpacked import Unpacked
from stepwell.runtime.sandbox.spawner import Workspace


class Functions:
    """The functions of this process. ``files`` are those in files, by name; ``directory`` holds unpacked zips."""

    def __init__(self, files: Mapping[str, Target], directory: Path) -> None:
        self.files = files
        self._unpacked = Unpacked(directory)
        self.prune = self._unpacked.prune

    def find(self, called: str) -> Target | Outcome:
        """The target for a Task's function, ``name`` or ``name::qualifier``, or the outcome if it cannot be called."""
        name, _, qualifier = called.partition(QUALIFIED_BY)
        if name in self.files:
            return self.files[name]
        function = FunctionReference(name, qualifier or None)
        found = self.stored(function)
        if found is None:
            fault = unknown(function)
            message = f"Function not found: {arns.function(name, qualifier or LATEST)}"
            cause = refused(message, "AWSLambda", fault.status, type(fault).__name__, new_id())
            return Outcome(error=f"Lambda.{type(fault).__name__}", cause=cause)
        return found

    def stored(self, function: FunctionReference) -> Target | Outcome | None:
        """A stored function, ready to run; None if it does not exist; an Outcome if its code cannot be unpacked."""
        found = store.find(function, draw=random.random())
        if found is None:
            return None
        try:
            root = self._unpacked.root(found.function.code_sha256)
        except OSError as fault:
            cause = f"The function's code could not be unpacked: {fault}"
            return Outcome(error="Lambda.ServiceException", cause=cause, not_run=True)
        return _target(found, function.qualifier, root) if root is not None else None


def views() -> list[FunctionView]:
    """The stored functions as REST shows them. Their source is their ARN."""
    return [
        FunctionView(
            name=one.name,
            kind="stored",
            source=one.arn,
            summary=one.options["Description"],
            route=None,
            timeout_seconds=one.options["Timeout"],
            retry=None,
        )
        for one in store.latest()
    ]


class KnownFunctions(Mapping[str, FunctionDefaults]):
    """The functions that a definition may call, with the retry and the time-out in their files."""

    def __init__(self, files: Mapping[str, FunctionDefaults]) -> None:
        self._files = files

    def __getitem__(self, called: str) -> FunctionDefaults:
        if called in self:
            return self._files.get(called.partition(QUALIFIED_BY)[0], FunctionDefaults())
        raise KeyError(called)

    def __contains__(self, called: object) -> bool:
        return isinstance(called, str) and (called.partition(QUALIFIED_BY)[0] in self._files or _is_stored(called))

    def __iter__(self) -> Iterator[str]:
        return iter([*self._files, *store.named()])

    def __len__(self) -> int:
        return len(self._files) + len(store.named())


def _is_stored(called: str) -> bool:
    name, _, qualifier = called.partition(QUALIFIED_BY)
    return store.find(FunctionReference(name, qualifier or None)) is not None


def _target(found: FoundFunction, qualifier: str | None, root: Path) -> Target:
    function, options = found.function, found.function.options
    module, _, handler = options["Handler"].rpartition(".")
    module = module.replace("/", ".")
    variables = options.get("Environment", {}).get("Variables", {})
    owner = f"{function.name}:{function.version}:{function.revision}"
    return Target(
        name=function.name,
        path=_file_of(root, module),
        module=module,
        timeout_seconds=options["Timeout"],
        handler=handler,
        version=function.version,
        qualifier=qualifier,
        memory_mb=options["MemorySize"],
        workspace=Workspace(root, (root,), tuple(sorted(variables.items())), owner),
        reserved=found.reserved,
    )


def _file_of(root: Path, module: str) -> Path:
    path = root.joinpath(*module.split("."))
    package = path / "__init__.py"
    return package if package.is_file() else path.with_name(f"{path.name}.py")
