"""The rows of stored functions. Every change of a function locks its own row first."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peewee import SQL, IntegrityError, fn

from stepwell.db.database import database, for_update, locked, transaction
from stepwell.db.function_models import (
    EventConfig,
    FunctionAlias,
    FunctionCode,
    FunctionPermission,
    FunctionVersion,
    StoredFunction,
)
from stepwell.db.queries import clock_sql
from stepwell.functions.contract import Json
from stepwell.functions.contract.function_names import LATEST, FunctionReference
from stepwell.functions.contract.lambda_ import FoundFunction, FunctionConfiguration
from stepwell.functions.errors.lambda_ import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
)
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.ids import new_id
from stepwell.runtime.lambdas.references import unknown

Change = Callable[[dict[str, Json]], Mapping[str, Json]]

STALE = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)


@dataclass(frozen=True)
class Package:
    """A checked zip."""

    content: bytes

    @property
    def sha256(self) -> str:
        return base64.b64encode(hashlib.sha256(self.content).digest()).decode()


def create(
    name: str, options: Mapping[str, Json], package: Package, tags: Mapping[str, str], *, publish: bool = False
) -> FunctionConfiguration:
    """Store a new function. Raises ResourceConflictException."""
    text = jsontext.write(dict(tags))
    try:
        with database.connection_context(), transaction():
            StoredFunction.insert(name=name, tags=text, created_at=clock_sql()).execute()
            _forget_file(name)
            _keep(package)
            _write(name, 0, options, package.sha256)
            return _shown(name, _published(name) if publish else None)
    except IntegrityError:
        raise ResourceConflictException(f"Function already exist: {name}") from None


def change(
    function: FunctionReference,
    revision: str | None,
    options: Change | None = None,
    package: Package | None = None,
    *,
    publish: bool = False,
) -> FunctionConfiguration:
    """Give $LATEST other options, other code or both, and publish it if wanted, with no other change in between.

    Raises PreconditionFailedException, ResourceNotFoundException.
    """
    with changing(function) as latest:
        check_revision(revision, latest.revision)
        chosen = json.loads(latest.options)
        if package is not None:
            _keep(package)
        code = latest.code if package is None else package.sha256
        _rewrite(function.name, chosen if options is None else options(chosen), code)
        _forget(latest.code)
        return _shown(function.name, _published(function.name) if publish else None)


def publish(
    function: FunctionReference, sha256: str | None, description: str | None, revision: str | None
) -> FunctionConfiguration:
    """Publish $LATEST. If nothing has changed since the last version, that one is returned."""
    with changing(function) as latest:
        check_revision(revision, latest.revision)
        if sha256 is not None and sha256 != latest.code:
            raise InvalidParameterValueException(
                f"CodeSHA256 ({sha256}) is different from current CodeSHA256 in $LATEST ({latest.code}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        return _shown(function.name, _published(function.name, description))


def delete(function: FunctionReference) -> None:
    """Delete a function with all that belongs to it. Raises ResourceNotFoundException."""
    with changing(function):
        mine = FunctionVersion.select(FunctionVersion.code).where(FunctionVersion.name == function.name)
        codes = {row.code for row in mine}
        for model in (StoredFunction, FunctionVersion, FunctionAlias, EventConfig, FunctionPermission):
            model.delete().where(model.name == function.name).execute()
        for code in codes:
            _forget(code)


def delete_version(function: FunctionReference) -> None:
    """Delete one published version. Raises ResourceNotFoundException, ResourceConflictException."""
    with changing(function):
        row = _version(function.name, function.qualifier or LATEST)
        if row is None:
            raise unknown(function)
        named = FunctionAlias.select().where(FunctionAlias.name == function.name)
        using = [one.alias for one in named if str(row.number) in (one.version, *json.loads(one.weights))]
        if using:
            raise ResourceConflictException(
                f"Unable to delete version because the following aliases reference it: [{', '.join(sorted(using))}]"
            )
        row.delete_instance()
        forget_qualifier(function.name, str(row.number))
        _forget(row.code)


def reserve(function: FunctionReference, reserved: int | None) -> None:
    """Limit a function's concurrent invocations. Raises ResourceNotFoundException."""
    with changing(function):
        StoredFunction.update(reserved=reserved).where(StoredFunction.name == function.name).execute()


def tag(function: FunctionReference, change: Callable[[dict[str, str]], Mapping[str, str]]) -> None:
    """Change a function's tags. Raises ResourceNotFoundException."""
    with changing(function):
        stored = StoredFunction.get_by_id(function.name)
        stored.tags = jsontext.write(dict(change(json.loads(stored.tags))))
        stored.save(only=[StoredFunction.tags])


def exists(name: str) -> bool:
    """Whether there is a stored function of this name."""
    with database.connection_context():
        return StoredFunction.select().where(StoredFunction.name == name).exists()


def named() -> list[str]:
    """The names of the stored functions, sorted."""
    query = StoredFunction.select(StoredFunction.name)
    with database.connection_context():
        return sorted(row.name for row in query)


def usage() -> tuple[int, int, int]:
    """The number of stored functions, the bytes of their zips, and the number of reserved invocations."""
    with database.connection_context():
        count, reserved = StoredFunction.select(fn.COUNT(SQL("*")), fn.SUM(StoredFunction.reserved)).scalar(
            as_tuple=True
        )
        return count, int(FunctionCode.select(fn.SUM(FunctionCode.size)).scalar() or 0), int(reserved or 0)


def find(function: FunctionReference, draw: float = 1.0) -> FoundFunction | None:
    """One version of a function, by its number or by an alias; None if it does not exist.

    ``draw``, from 0 to 1, chooses between the two versions of a weighted alias; 1 chooses its main version.
    """
    with database.connection_context():
        stored = StoredFunction.get_or_none(StoredFunction.name == function.name)
        version = None if stored is None else _version(function.name, _meant(function, draw))
    if stored is None or version is None:
        return None
    return FoundFunction(_view(version, function.qualifier), json.loads(stored.tags), stored.reserved)


def versions(name: str) -> list[FunctionConfiguration]:
    """All versions of a function, $LATEST first."""
    query = _described().where(FunctionVersion.name == name).order_by(FunctionVersion.number)
    with database.connection_context():
        return [_view(row, LATEST if row.number == 0 else str(row.number)) for row in query]


def latest() -> list[FunctionConfiguration]:
    """The $LATEST of every function, sorted by name."""
    query = _described().where(FunctionVersion.number == 0).order_by(FunctionVersion.name)
    with database.connection_context():
        return [_view(row, None) for row in query]


def kept(codes: Iterable[str]) -> set[str]:
    """Those of these zips that still exist."""
    with database.connection_context():
        query = FunctionCode.select(FunctionCode.sha256).where(FunctionCode.sha256.in_(list(codes)))
        return {row.sha256 for row in query}


def code(sha256: str) -> bytes | None:
    """A zip; None if it is gone."""
    with database.connection_context():
        kept = FunctionCode.get_or_none(FunctionCode.sha256 == sha256)
    return None if kept is None else bytes(kept.content)


def _forget_file(name: str) -> None:
    """Delete the rules and policies of a function in a file that had this name: they are not for the new function."""
    for model in (EventConfig, FunctionPermission):
        model.delete().where(model.name == name).execute()


def forget_qualifier(name: str, qualifier: str) -> None:
    """Delete the rules and policies of a version or an alias, so that a new one of its name has none."""
    for model in (EventConfig, FunctionPermission):
        model.delete().where(model.name == name, model.qualifier == qualifier).execute()


@contextmanager
def changing(function: FunctionReference) -> Iterator[FunctionVersion]:
    """Hold a function's row locked in a transaction; yields its $LATEST. Raises ResourceNotFoundException."""
    with database.connection_context(), transaction():
        if locked(StoredFunction, StoredFunction.name == function.name) is None:
            raise unknown(function)
        yield _known_version(function.name, LATEST)


def check_revision(wanted: str | None, found: str) -> None:
    """Raises PreconditionFailedException unless the caller's revision is the present one."""
    if wanted is not None and wanted != found:
        raise PreconditionFailedException(STALE)


def _published(name: str, description: str | None = None) -> str:
    """Publish $LATEST; returns the number of the version. The transaction holds the function's row."""
    stored, latest = StoredFunction.get_by_id(name), _known_version(name, LATEST)
    before = _version(name, str(stored.published)) if stored.published else None
    if before is not None and _is_same(before, latest):
        return str(before.number)
    options = json.loads(latest.options)
    options |= {} if description is None else {"Description": description}
    _write(name, stored.published + 1, options, latest.code)
    StoredFunction.update(published=stored.published + 1).where(StoredFunction.name == name).execute()
    return str(stored.published + 1)


def _shown(name: str, version: str | None) -> FunctionConfiguration:
    """A version that was just written, as a view. None means the function itself."""
    return _view(_known_version(name, version or LATEST), version)


def _meant(function: FunctionReference, draw: float) -> str:
    """The version in a reference; "" for an alias that does not exist."""
    qualifier = function.qualifier or LATEST
    if qualifier == LATEST or qualifier.isdigit():
        return qualifier
    found = FunctionAlias.get_or_none(FunctionAlias.name == function.name, FunctionAlias.alias == qualifier)
    return "" if found is None else _drawn(found, draw)


def _drawn(alias: FunctionAlias, draw: float) -> str:
    for version, weight in json.loads(alias.weights).items():
        draw -= weight
        if draw < 0:
            return str(version)
    return str(alias.version)


def _version(name: str, version: str) -> FunctionVersion | None:
    number = "0" if version == LATEST else version
    if not (number.isascii() and number.isdigit() and len(number) < 10) or (number == "0" and version != LATEST):
        return None
    found: FunctionVersion | None = (
        _described().where(FunctionVersion.name == name, FunctionVersion.number == int(number)).first()
    )
    return found


def _known_version(name: str, version: str) -> FunctionVersion:
    """A version that must exist: the transaction holds the row of its function."""
    found = _version(name, version)
    assert found is not None
    return found


def _described() -> Any:
    joined = FunctionVersion.code == FunctionCode.sha256
    return FunctionVersion.select(FunctionVersion, FunctionCode.size).join(FunctionCode, on=joined, attr="zip")


def _view(row: Any, qualifier: str | None) -> FunctionConfiguration:
    return FunctionConfiguration(
        arn=arns.function(row.name, qualifier),
        name=row.name,
        version=LATEST if row.number == 0 else str(row.number),
        options=json.loads(row.options),
        code_size=row.zip.size,
        code_sha256=row.code,
        modified_at=row.modified_at,
        revision=row.revision,
    )


def _is_same(before: FunctionVersion, latest: FunctionVersion) -> bool:
    """Whether two versions differ in their descriptions at most: each version has its own."""
    one, other = ({**json.loads(row.options), "Description": ""} for row in (before, latest))
    return before.code == latest.code and one == other


def _write(name: str, number: int, options: Mapping[str, Json], sha256: str) -> None:
    FunctionVersion.insert(
        name=name,
        number=number,
        options=jsontext.write(dict(options)),
        code=sha256,
        revision=new_id(),
        modified_at=clock_sql(),
    ).execute()


def _rewrite(name: str, options: Mapping[str, Json], sha256: str) -> None:
    FunctionVersion.update(
        options=jsontext.write(dict(options)), code=sha256, revision=new_id(), modified_at=clock_sql()
    ).where(FunctionVersion.name == name, FunctionVersion.number == 0).execute()


def _keep(package: Package) -> None:
    """Store a zip, or lock the existing row of it until the transaction ends, so that ``_forget`` cannot delete it."""
    made = FunctionCode.insert(sha256=package.sha256, size=len(package.content), content=package.content)
    held = {FunctionCode.size: FunctionCode.size}
    made.on_conflict(conflict_target=[FunctionCode.sha256], update=held).execute()


def _forget(sha256: str) -> None:
    """Delete a zip that no version uses.

    The row is locked before the versions are counted: ``_keep`` of another transaction waits for the lock, or is seen.
    """
    kept = FunctionCode.select(FunctionCode.sha256).where(FunctionCode.sha256 == sha256)
    for_update(kept).first()
    if not FunctionVersion.select().where(FunctionVersion.code == sha256).exists():
        FunctionCode.delete().where(FunctionCode.sha256 == sha256).execute()
