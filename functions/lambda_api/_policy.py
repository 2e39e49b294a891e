"""Turns the input of AddPermission into the statement of a resource policy.

Source: Lambda developer guide, "Viewing resource-based IAM policies in Lambda" (the form of a statement).
"""

from __future__ import annotations

import re

from stepwell.functions.contract import Json
from stepwell.functions.contract.function_names import LATEST, FunctionReference
from stepwell.functions.errors.lambda_ import InvalidParameterValueException

_CONDITIONS = {
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}


def statement(function: FunctionReference, given: Json) -> Json:
    """The statement of an input of AddPermission, without its Resource. Raises InvalidParameterValueException."""
    if function.qualifier == LATEST:
        raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
    made = {
        "Sid": given["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(given["Principal"]),
        "Action": given["Action"],
    }
    conditions: dict[str, dict[str, str]] = {}
    for member, (relation, key) in _CONDITIONS.items():
        if member in given:
            conditions.setdefault(relation, {})[key] = _text(given[member])
    return made | ({"Condition": conditions} if conditions else {})


def _principal(name: str) -> Json:
    if name == "*":
        return name
    if re.fullmatch(r"\d{12}", name, re.ASCII):
        return {"AWS": f"arn:aws:iam::{name}:root"}
    return {"AWS": name} if name.startswith("arn:") else {"Service": name}


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
