"""What Lambda answers with: views as its API words them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from functions.lambda_api import _names
from functions.lambda_api._rooms import Function

Json = Any

PAGE = 50
"""The most that AWS puts on a page, whatever is asked for."""


def modified(at: int) -> str:
    """A time as LastModified has it: ``2026-11-24T00:00:00.000+0000``."""
    text = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "+0000")


def configuration(view: Function) -> dict[str, Json]:
    """A FunctionConfiguration. What is stored can be called at once, so it is Active from the first answer on."""
    return {
        **view.options,
        "FunctionName": view.name,
        "FunctionArn": _names.arn(view.name, view.qualifier),
        "CodeSize": view.code_size,
        "CodeSha256": view.code_sha256,
        "LastModified": modified(view.modified_at),
        "Version": view.version,
        "RevisionId": view.revision,
        "PackageType": "Zip",
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
