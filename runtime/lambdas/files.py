"""Shows functions in files, step types and users' own endpoints, as AWS Lambda's API does."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import uuid
from collections.abc import Mapping

from stepwell.functions.contract import Json
from stepwell.functions.contract.function_names import LATEST
from stepwell.functions.contract.lambda_ import DEFAULT_OPTIONS, FunctionConfiguration
from stepwell.runtime.catalog import catalog
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.engine.values import arns
from stepwell.runtime.invoke.target import Target

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
_NAME = re.compile(r"[a-zA-Z0-9-_.]{1,140}")


def callable_files(found: Catalog) -> dict[str, catalog.Function]:
    """The handlers in files that Lambda's API may invoke, by name. A step type takes precedence over an endpoint.

    Our own endpoints are left out, since they need a context of ours. So are names that an AWS client cannot send.
    """
    endpoints = (one for one in found.functions if one.kind == "api" and not one.builtin)
    named = {one.name: one for one in endpoints} | dict(found.steps)
    return {name: one for name, one in sorted(named.items()) if _NAME.fullmatch(name)}


def target(function: catalog.Function, qualifier: str | None = None) -> Target:
    """A handler in a file as a target for the sandbox."""
    return Target(function.name, function.path, function.imported_as, function.timeout_seconds, qualifier=qualifier)


def view(function: catalog.Function, default_seconds: float, qualifier: str | None = None) -> FunctionConfiguration:
    """A handler in a file as Lambda's API shows it, read from the file as it is now."""
    code = function.path.read_bytes()
    digest = hashlib.sha256(code).digest()
    return FunctionConfiguration(
        arn=arns.function(function.name, qualifier),
        name=function.name,
        version=LATEST,
        options=_described(function, default_seconds),
        code_size=len(code),
        code_sha256=base64.b64encode(digest).decode(),
        modified_at=round(function.path.stat().st_mtime * 1000),
        revision=str(uuid.UUID(bytes=digest[:16], version=4)),
    )


def _described(function: catalog.Function, default_seconds: float) -> Mapping[str, Json]:
    return {
        **DEFAULT_OPTIONS,
        "Runtime": RUNTIME,
        "Role": arns.ROLE,
        "Handler": f"{function.module}.handler",
        "Description": function.summary,
        "Timeout": max(1, round(function.timeout_seconds or default_seconds)),
    }
