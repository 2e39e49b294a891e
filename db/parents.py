"""The column ``execution.parent``: the one to notify when an execution ends. No other file knows how it is written.

A child of a Map Run has ``run:<the run's id>:<the child's place>``. A child of a Task state has the token of the task
that its end answers. Null means that no waiter exists.
"""

from __future__ import annotations

from dataclasses import dataclass

_PREFIX, _ID_CHARS = "run:", 36

RUN = f"substr(parent, 1, {len(_PREFIX) + _ID_CHARS})"
"""The SQL expression that ``text_of`` a Map Run equals in all of its children. An index has it, to the letter."""
PLACE = f"CAST(substr(parent, {len(_PREFIX) + _ID_CHARS + 2}) AS INTEGER)"
"""The SQL expression for the place of a Map Run's child."""


def is_wanted(execution: str, as_id: str = "{}", otherwise: str = "TRUE") -> str:
    """The SQL condition that an execution belongs to a Map Run that goes on, or to none.

    ``execution`` is the execution's name in the statement, ``as_id`` turns text into the type of an id. A Map Run that
    was cancelled or failed has ended long before the last of its children is stopped. ``otherwise`` is the condition
    for an execution that belongs to none.
    """
    own = as_id.format(f"substr({execution}.parent, {len(_PREFIX) + 1}, {_ID_CHARS})")
    # CASE: the parent of any other execution is no id, and the look-up is not even begun.
    return (
        f"CASE WHEN substr({execution}.parent, 1, {len(_PREFIX)}) = '{_PREFIX}' "
        f"THEN EXISTS (SELECT 1 FROM map_run r WHERE r.id = {own} AND r.status = 'RUNNING') ELSE {otherwise} END"
    )


def is_awaited(execution: str, as_id: str = "{}") -> str:
    """The SQL condition that the task or the Map Run that began this execution waits for its end."""
    # A token begins with the id of its execution, so an index finds its task.
    own = as_id.format(f"substr({execution}.parent, 1, {_ID_CHARS})")
    task = (
        f"EXISTS (SELECT 1 FROM task t WHERE t.execution_id = {own} AND t.token = {execution}.parent "
        "AND t.status IN ('QUEUED', 'IN_PROGRESS'))"
    )
    return is_wanted(execution, as_id, task)


@dataclass(frozen=True)
class Parent:
    """A Map Run and the child's ``place`` in it, or the ``token`` of a task, or neither."""

    token: str | None = None
    run: str | None = None
    place: int = 0

    def encode(self) -> str | None:
        """The column's text."""
        return self.token if self.run is None else f"{text_of(self.run)}:{self.place}"

    @classmethod
    def decode(cls, text: str | None) -> Parent:
        """The value of a column's text."""
        if text is None or not text.startswith(_PREFIX):
            return cls(token=text)
        _, run, place = text.split(":")
        return cls(run=run, place=int(place))


def text_of(run: str) -> str:
    """The beginning of the column in all children of a Map Run."""
    return f"{_PREFIX}{run}"
