"""Reads the constants and the docstring of a handler's file from its text. A user's file is never imported here."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stepwell.functions.contract import Json

CONSTANTS = frozenset(
    {"ROUTE", "TARGET", "CHANGES", "QUERY", "BODY", "BODY_LIMIT", "ANSWERS", "RETRY", "TIMEOUT_SECONDS"}
)
MOST_REMEMBERED = 1_000


class CatalogError(ValueError):
    """A handler's file cannot be served. The message names the file, the line and the fault."""

    def __init__(self, path: Path, line: int, fault: str) -> None:
        super().__init__(f"{path}:{line}: {fault}")


@dataclass(frozen=True)
class FileConstant:
    """A constant's value and its line."""

    value: Json
    line: int


@dataclass(frozen=True)
class Source:
    """One handler's file: its literal constants, and its docstring as first line and rest."""

    path: Path
    literals: Mapping[str, FileConstant]
    summary: str
    description: str


def read_source(path: Path) -> Source:
    """Read a handler's file. Raises CatalogError if it is not Python or has no ``handler``."""
    try:
        return _source(path, path.read_bytes())
    except OSError as fault:
        raise CatalogError(path, 1, f"cannot be read: {fault}") from None


@lru_cache(maxsize=MOST_REMEMBERED)
def _source(path: Path, content: bytes) -> Source:
    """The source of a file with this content. It is parsed once a process; an edited file has another content."""
    tree = _parse(path, content)
    if not any(name == "handler" for statement in tree.body for name in _names(statement)):
        raise CatalogError(path, 1, "defines no handler(event, context)")
    summary, _, description = (ast.get_docstring(tree) or "").partition("\n")
    return Source(path, _literals(path, tree), summary.strip(), description.strip())


def _parse(path: Path, content: bytes) -> ast.Module:
    try:
        return ast.parse(content, filename=str(path))
    except SyntaxError as fault:
        raise CatalogError(path, fault.lineno or 1, f"is not Python: {fault.msg}") from None
    except (ValueError, RecursionError, MemoryError) as fault:
        raise CatalogError(path, 1, f"cannot be read: {fault}") from None


def _literals(path: Path, tree: ast.Module) -> dict[str, FileConstant]:
    found: dict[str, FileConstant] = {}
    for statement in tree.body:
        for name in CONSTANTS.intersection(_names(statement)):
            found[name] = FileConstant(_value(path, name, statement), statement.lineno)
    return found


def _value(path: Path, name: str, statement: ast.stmt) -> Json:
    try:
        return ast.literal_eval(statement.value)  # type: ignore[attr-defined]
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise CatalogError(path, statement.lineno, f"{name} is not a literal") from None


def _names(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of a module binds."""
    match statement:
        case ast.FunctionDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            yield name
        case ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)
