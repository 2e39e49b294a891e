"""Resource policies of functions. They are stored and shown as they were given, but never enforced."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from peewee import IntegrityError

from stepwell.db.database import database
from stepwell.db.function_models import FunctionPermission
from stepwell.db.queries import clock_sql
from stepwell.functions.contract import Json
from stepwell.functions.contract.function_names import FunctionReference
from stepwell.functions.contract.lambda_ import Policy
from stepwell.functions.errors.lambda_ import (
    PolicyLengthExceededException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.lambdas import store
from stepwell.runtime.lambdas.operations import LambdaOperations
from stepwell.runtime.lambdas.references import arn_of

MOST_BYTES = 20_480
"""The most bytes of a policy. Source: Lambda developer guide, "Viewing resource-based IAM policies in Lambda"."""
_NAMES = uuid.UUID("8f7bb3a2-52c1-4c4f-9c0a-6f6c2b0f8d11")
"""The name space of revisions. Policies with equal statements have equal revisions."""


class LambdaPolicies:
    """The policies that ``functions.contract.lambda_`` promises."""

    def __init__(self, lambdas: LambdaOperations) -> None:
        self._lambdas = lambdas

    def add(self, function: FunctionReference, statement: Json, revision: str | None) -> Json:
        self._lambdas.get(function)
        whole = _with_resource(statement, arn_of(function))
        own = {"name": function.name, "qualifier": function.qualifier or "", "sid": statement["Sid"]}
        text = jsontext.write(whole)
        try:
            with self._lambdas.holding(function):
                FunctionPermission.insert(**own, statement=text, created_at=clock_sql()).execute()
                found = _statements(function)
                store.check_revision(revision, _revision([one for one in found if one["Sid"] != own["sid"]]))
                _check_size(found)
        except IntegrityError:
            raise ResourceConflictException(
                f"The statement id ({own['sid']}) provided already exists. "
                "Please provide a new statement id, or remove the existing statement."
            ) from None
        return whole

    def get(self, function: FunctionReference) -> Policy:
        self._lambdas.get(function)
        with database.connection_context():
            found = _statements(function)
        if not found:
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return Policy(_text(found), _revision(found))

    def remove(self, function: FunctionReference, statement_id: str, revision: str | None) -> None:
        self._lambdas.get(function)
        with self._lambdas.holding(function):
            store.check_revision(revision, _revision(_statements(function)))
            gone = FunctionPermission.delete().where(*_is(function), FunctionPermission.sid == statement_id)
            if not gone.execute():
                raise ResourceNotFoundException(f"Statement {statement_id} is not found in resource policy.")


def _with_resource(statement: Json, arn: str) -> Json:
    """The statement with its members in AWS's order: the Resource comes before the Condition."""
    conditions = {name: one for name, one in statement.items() if name == "Condition"}
    return {name: one for name, one in statement.items() if name != "Condition"} | {"Resource": arn} | conditions


def _statements(function: FunctionReference) -> list[Json]:
    rows = FunctionPermission.select().where(*_is(function))
    return [json.loads(one.statement) for one in rows.order_by(FunctionPermission.created_at, FunctionPermission.sid)]


def _is(function: FunctionReference) -> tuple[Any, ...]:
    return FunctionPermission.name == function.name, FunctionPermission.qualifier == (function.qualifier or "")


def _revision(statements: Sequence[Json]) -> str:
    return str(uuid.uuid5(_NAMES, _text(statements)))


def _check_size(statements: Sequence[Json]) -> None:
    size = len(_text(statements).encode())
    if size > MOST_BYTES:
        raise PolicyLengthExceededException(f"The final policy size ({size}) is bigger than the limit ({MOST_BYTES}).")


def _text(statements: Sequence[Json]) -> str:
    """The policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": list(statements)}, separators=(",", ":"))
