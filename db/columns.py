"""The base of all tables: they are in the process's one database, and each is named after its model."""

from __future__ import annotations

from peewee import Field, Model

from stepwell.db.database import database


class IdField(Field):
    """A UUID, as text with dashes in Python and in SQLite, as ``uuid`` in PostgreSQL."""

    field_type = "UUID"

    def python_value(self, value: object) -> str | None:
        return None if value is None else str(value)


class Table(Model):
    class Meta:
        database = database
        legacy_table_names = False
