"""Reads the schema and the hot statements of a release, as stored by ``write.py``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RELEASES = sorted(path.name for path in HERE.iterdir() if path.name[0].isdigit())


def schema(release: str, dialect: str) -> str:
    """The statements that create a release's tables and record its migrations. ``dialect``: sqlite, postgresql."""
    return (HERE / release / f"schema.{dialect}.sql").read_text(encoding="utf-8")


def statements(release: str, dialect: str) -> dict[str, str]:
    """The hot statements of a release by name."""
    text = (HERE / release / f"statements.{dialect}.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- (\w+) --\n", text, flags=re.MULTILINE)[1:]
    return {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def calls(release: str, dialect: str) -> tuple[list[tuple[str, list[Any]]], list[list[Any]]]:
    """The statements that a release sends while executions run, and (id, status, history's lines) of each of them."""
    lines = (HERE / release / f"calls.{dialect}.jsonl").read_text(encoding="utf-8").splitlines()
    *sent, rows = map(json.loads, lines)
    return [(sql, values) for sql, values in sent], rows
