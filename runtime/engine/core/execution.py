"""Where an execution stands, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepwell.runtime.engine.values.statuses import Status

Json = Any


FOR_TASK, FOR_RETRY, FOR_TIMER, FOR_CHILDREN, FOR_TURN = "task", "retry", "timer", "children", "turn"
FOR_RUN, FOR_ENTRY, FOR_WORK, ENDED = "run", "entry", "work", "ended"
"""What a frame waits for. FOR_ENTRY and FOR_WORK do not outlast a move, but where an execution has ended with it."""


@dataclass(frozen=True)
class Frame:
    """One place where an execution stands: the root, a branch of a Parallel, or an item of a Map.

    ``path`` tells where: "" is the root, "5.0" branch 0 of the Parallel that was entered at history id 5,
    "5.0/9.2" branch 2 of one inside it. ``entry`` tells which time: the history id of the entry into ``state``
    (:func:`entered`), and above it, where that was redriven, a number of the redrive's own.
    """

    path: str
    state: str
    input: Json
    entry: int = 0
    entered_at: int = 0
    waiting: str = FOR_WORK
    attempt: int = 0
    """The claim whose result counts: the task row's, put here by whoever loads the frame."""
    retries: tuple[int, ...] = ()
    """How often each retrier has struck in this visit."""
    open: int = 0
    """How many children have not ended."""
    begun: int = 0
    """How many children have begun: of a Map some may wait for their turn."""
    children: int = 0
    """How many children there are."""
    output: Json = None
    variables: Mapping[str, Json] = field(default_factory=dict)
    """What was assigned in this frame; what its ancestors hold is seen as well."""
    item: Json = None
    """Of an item of a Map: the item itself, which ``$$.Map.Item.Value`` shows."""


@dataclass(frozen=True)
class Execution:
    """One run. ``frames``: at least the event's frame, its ancestors, and the children of those with one left open."""

    id: str
    name: str
    workflow: str
    input: Json
    started_at: int
    status: Status = Status.IN_PROGRESS
    frames: Mapping[str, Frame] = field(default_factory=dict)
    history_count: int = 0
    output: Json = None
    error: str | None = None
    cause: str | None = None
    redrives: int = 0
    redriven_at: int | None = None
    told: Mapping[str, Json] = field(default_factory=dict)
    """What its context object says whatever is known: of a state that is tried, not run."""


@dataclass(frozen=True)
class HistoryEvent:
    """One line of the ledger. Its id is its place: the execution's ``history_count`` when it was written, plus one."""

    type: str
    frame: str = ""
    step: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


def parent_of(path: str) -> str:
    """The path of the frame in which a branch was opened."""
    return path.rpartition("/")[0]


def branch_of(path: str) -> int:
    """Which branch of its parent a frame is."""
    return int(path.rpartition(".")[2])


def child_path(path: str, entry: int, branch: int) -> str:
    """The path of a branch of the Parallel that ``path`` entered at ``entry``."""
    return f"{path}/{entry}.{branch}" if path else f"{entry}.{branch}"


def is_below(path: str, ancestor: str) -> bool:
    """Whether a frame stands inside another one."""
    return path != ancestor and (ancestor == "" or path.startswith(ancestor + "/"))
