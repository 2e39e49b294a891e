"""An execution as a value: its status and its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import Status

FOR_TASK, FOR_RETRY, FOR_TIMER, FOR_CHILDREN, FOR_TURN = "task", "retry", "timer", "children", "turn"
FOR_RUN, FOR_ENTRY, FOR_WORK, ENDED = "run", "entry", "work", "ended"
"""What a frame waits for. FOR_ENTRY and FOR_WORK last beyond a transition only where that transition ended the
execution."""

NOT_LOADED: Json = object()
"""The output of a frame that has ended, where the outputs that a state would join are too large together."""


@dataclass(frozen=True)
class Frame:
    """One place of an execution: the root, a branch of a Parallel, or an item of a Map.

    ``path`` names the place: "" is the root, "5.0" is branch 0 of the Parallel that was entered at history id 5,
    "5.0/9.2" is branch 2 of a Parallel inside that branch. ``entry`` names the visit of ``state``: the history id of
    the entry, and in higher bits the number of its last redrive (see ``values/entries.py``). ``entered_at`` is in
    milliseconds since the epoch.
    """

    path: str
    state: str
    input: Json
    entry: int = 0
    entered_at: int = 0
    waiting: str = FOR_WORK
    attempt: int = 0
    """The attempt whose result counts. It comes from the task's row when the frame is loaded."""
    retries: tuple[int, ...] = ()
    """How often each retrier has granted a retry in this visit."""
    open: int = 0
    """How many children have not ended."""
    begun: int = 0
    """How many children have begun. The others, items of a Map, wait for their turn."""
    children: int = 0
    """How many children there are."""
    output: Json = None
    variables: Mapping[str, Json] = field(default_factory=dict)
    """The variables assigned in this frame. Expressions see those of its ancestors as well."""
    visits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """How often the frame has entered each state in a loop, and when last: see ``core/visits.py``."""
    item: Json = None
    """The item itself where the frame is an item of a Map; ``$$.Map.Item.Value`` shows it."""


@dataclass(frozen=True)
class Execution:
    """One run of a state machine. Times are in milliseconds since the epoch.

    ``frames`` holds at least the event's frame, its ancestors, and all children of each ancestor that has one open
    child left. A transition that needs more of them raises FramesMissing.
    """

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
    context: Mapping[str, Json] | None = None
    """The whole context object, in place of the execution's own. Only TestState gives one."""


@dataclass(frozen=True)
class HistoryEvent:
    """One line of history. Its id is its position: the execution's ``history_count`` before it, plus one."""

    type: str
    frame: str = ""
    step: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


def parent_of(path: str) -> str:
    """The path of the frame in which a branch was opened."""
    return path.rpartition("/")[0]


def branch_of(path: str) -> int:
    """The number of a frame among its parent's children."""
    return int(path.rpartition(".")[2])


def child_path(path: str, entry: int, branch: int) -> str:
    """The path of a branch of the Parallel that ``path`` entered at ``entry``."""
    return f"{path}/{entry}.{branch}" if path else f"{entry}.{branch}"


def is_below(path: str, ancestor: str) -> bool:
    """True if a frame lies inside another one, at any depth."""
    return path != ancestor and (ancestor == "" or path.startswith(ancestor + "/"))
