"""The functions that lie in files, as AWS Lambda's API shows them: the step types, and users' own endpoints."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from stepwell.functions.contract import ROLE
from stepwell.functions.contract.function_names import LATEST
from stepwell.functions.contract.lambda_ import Function
from stepwell.functions.lambda_api import _options
from stepwell.runtime.catalog import catalog
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.invoke.target import Target

Json = Any

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
_NAME = re.compile(r"[a-zA-Z0-9-_.]{1,140}")


def callable_files(found: Catalog) -> dict[str, catalog.Function]:
    """The handlers that may be invoked as functions, by name: a step type goes before an endpoint of the same name.

    Our own endpoints are none: they are handed a context of ours. Nor is what a client of AWS cannot name.
    """
    endpoints = (one for one in found.functions if one.kind == "api" and not one.builtin)
    named = {one.name: one for one in endpoints} | dict(found.steps)
    return {name: one for name, one in sorted(named.items()) if _NAME.fullmatch(name)}


def target(function: catalog.Function, qualifier: str | None = None) -> Target:
    """A handler in a file as the sandbox wants it."""
    return Target(function.name, function.path, function.imported_as, function.timeout_seconds, qualifier=qualifier)


def view(function: catalog.Function, default_seconds: float, qualifier: str | None = None) -> Function:
    """A handler in a file as Lambda's API shows it, as the file stands now."""
    code = function.path.read_bytes()
    digest = hashlib.sha256(code).digest()
    return Function(
        name=function.name,
        version=LATEST,
        options=_described(function, default_seconds),
        code_size=len(code),
        code_sha256=base64.b64encode(digest).decode(),
        modified_at=round(function.path.stat().st_mtime * 1000),
        revision=str(uuid.UUID(bytes=digest[:16], version=4)),
        qualifier=qualifier,
    )


def _described(function: catalog.Function, default_seconds: float) -> Mapping[str, Json]:
    return {
        **_options.DEFAULTS,
        "Runtime": RUNTIME,
        "Role": ROLE,
        "Handler": f"{function.module}.handler",
        "Description": function.summary,
        "Timeout": max(1, round(function.timeout_seconds or default_seconds)),
    }
