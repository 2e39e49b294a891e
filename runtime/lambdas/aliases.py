"""Aliases of functions. A change of an alias locks the row of its function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stepwell.db.database import database
from stepwell.db.function_models import FunctionAlias, FunctionVersion
from stepwell.functions.contract import Json, Page, page_of
from stepwell.functions.contract.function_names import LATEST, FunctionReference
from stepwell.functions.contract.lambda_ import AliasConfiguration
from stepwell.functions.errors.lambda_ import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.ids import new_id
from stepwell.runtime.lambdas import store
from stepwell.runtime.lambdas.references import unknown


class LambdaAliases:
    """The aliases that ``functions.contract.lambda_`` promises."""

    def create(self, function: FunctionReference, wanted: AliasConfiguration) -> AliasConfiguration:
        with store.changing(function):
            if _found(function.name, wanted.alias) is not None:
                raise ResourceConflictException(f"Alias already exists: {arns.function(function.name, wanted.alias)}")
            _check(function, wanted)
            FunctionAlias.insert(
                **_columns(wanted), name=function.name, alias=wanted.alias, revision=new_id()
            ).execute()
            return _view(_found(function.name, wanted.alias))

    def get(self, function: FunctionReference, alias: str) -> AliasConfiguration:
        with database.connection_context():
            found = _found(function.name, alias)
        if found is None:
            raise ResourceNotFoundException(f"Cannot find alias arn: {arns.function(function.name, alias)}")
        return _view(found)

    def update(
        self, function: FunctionReference, alias: str, changes: Mapping[str, Json], revision: str | None
    ) -> AliasConfiguration:
        with store.changing(function):
            before = self.get(function, alias)
            store.check_revision(revision, before.revision)
            after = AliasConfiguration(**{**vars(before), **changes})
            _check(function, after)
            mine = (FunctionAlias.name == function.name, FunctionAlias.alias == alias)
            FunctionAlias.update(**_columns(after), revision=new_id()).where(*mine).execute()
            return self.get(function, alias)

    def delete(self, function: FunctionReference, alias: str) -> None:
        """Deleting an alias that does not exist succeeds."""
        mine = (FunctionAlias.name == function.name, FunctionAlias.alias == alias)
        with store.changing(function):
            FunctionAlias.delete().where(*mine).execute()
            store.forget_qualifier(function.name, alias)

    def list(
        self, function: FunctionReference, *, version: str | None, limit: int, cursor: str | None
    ) -> Page[AliasConfiguration]:
        if not store.exists(function.name):
            raise unknown(function)
        query = FunctionAlias.select().where(FunctionAlias.name == function.name, FunctionAlias.alias > (cursor or ""))
        if version is not None:
            query = query.where(FunctionAlias.version == version)
        with database.connection_context():
            found = list(query.order_by(FunctionAlias.alias).limit(limit + 1))
        return page_of(found, limit, lambda one: one.alias, _view)


def _check(function: FunctionReference, wanted: AliasConfiguration) -> None:
    """Raises ResourceNotFoundException, InvalidParameterValueException."""
    for version in (wanted.version, *wanted.weights):
        number = 0 if version == LATEST else int(version)
        if not FunctionVersion.select().where(_numbered(function, number)).exists():
            raise unknown(FunctionReference(function.name, version))
    if len(wanted.weights) > 1 or not all(0 <= weight <= 1 for weight in wanted.weights.values()):
        raise InvalidParameterValueException("An alias has one additional version, with a weight from 0.0 to 1.0.")
    if wanted.weights and (wanted.version == LATEST or wanted.version in wanted.weights):
        raise InvalidParameterValueException("A weighted alias needs two different published versions.")


def _numbered(function: FunctionReference, number: int) -> Any:
    return (FunctionVersion.name == function.name) & (FunctionVersion.number == number)


def _found(name: str, alias: str) -> FunctionAlias | None:
    return FunctionAlias.get_or_none(FunctionAlias.name == name, FunctionAlias.alias == alias)


def _columns(wanted: AliasConfiguration) -> dict[str, str]:
    weights = jsontext.write(dict(wanted.weights))
    return {"version": wanted.version, "weights": weights, "description": wanted.description}


def _view(row: Any) -> AliasConfiguration:
    arn = arns.function(row.name, row.alias)
    return AliasConfiguration(row.alias, row.version, json.loads(row.weights), row.description, arn, row.revision)
