"""A state machine as values: ``load`` makes it from an Amazon States Language document that ``validate`` has passed.

It is loaded once per workflow version, shared by all executions of the version, and never written to. The fields of a
state are those of the specification. A field that may hold an expression, in either query language, is a
:class:`Field`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stepwell.runtime.engine.definition.resources import ACTIVITY, FUNCTION, Resource
from stepwell.runtime.engine.language.choice_rules import Rule
from stepwell.runtime.engine.language.fields import Field
from stepwell.runtime.engine.language.paths import Path, parse
from stepwell.runtime.engine.values.arns import NOWHERE, Deployment
from stepwell.runtime.engine.values.jsontext import Json

ROOT = parse("$")
NO_FUNCTION = Resource(FUNCTION, "")


@dataclass(frozen=True)
class Retrier:
    """One entry of ``Retry``. The defaults are the specification's, and written here alone."""

    error_equals: tuple[str, ...]
    interval_seconds: float = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: float | None = None
    full_jitter: bool = False


@dataclass(frozen=True)
class Catcher:
    """One entry of ``Catch``: the errors, the target, and the fields for the error output.

    JSONPath places the error output in the input at ``result_path`` (None: nowhere). JSONata evaluates ``output``.
    """

    error_equals: tuple[str, ...]
    next: str
    result_path: Path | None = ROOT
    output: Field | None = None
    assign: Field | None = None


@dataclass(frozen=True)
class State:
    """The fields of all states. ``next`` is None for a state that ends its machine. ``output`` is JSONata's Output."""

    name: str
    next: str | None = None
    is_jsonata: bool = False
    input_path: Path | None = ROOT
    output_path: Path | None = ROOT
    output: Field | None = None
    assign: Field | None = None


@dataclass(frozen=True)
class PassState(State):
    parameters: Field | None = None
    result: Json = None
    has_result: bool = False
    result_path: Path | None = ROOT


@dataclass(frozen=True)
class ChoiceState(State):
    rules: tuple[Rule, ...] = ()
    default: str | None = None


@dataclass(frozen=True)
class WaitState(State):
    seconds: Field | None = None
    timestamp: Field | None = None


@dataclass(frozen=True)
class SucceedState(State):
    pass


@dataclass(frozen=True)
class FailState(State):
    error: Field | None = None
    cause: Field | None = None


@dataclass(frozen=True)
class WorkState(State):
    """The fields of Task, Parallel and Map: the states with a result, which may be retried and caught.

    ``parameters`` is JSONPath's Parameters or JSONata's Arguments.
    """

    parameters: Field | None = None
    result_selector: Field | None = None
    result_path: Path | None = ROOT
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()


@dataclass(frozen=True)
class TaskState(WorkState):
    resource: str = ""
    call: Resource = NO_FUNCTION
    aliases: Mapping[str, str] = field(default_factory=dict, compare=False)
    timeout_seconds: Field | None = None
    heartbeat_seconds: Field | None = None
    credentials: Field | None = None
    may_send: bool = False
    """True if a call of ``lambda:invoke`` may have the InvocationType Event: no state waits for its result."""
    names_by_data: bool = False
    """True if a call of ``lambda:invoke`` gets the function's name from data: it was not looked up before."""
    number: int | None = None
    """The number of the planned task; None when each visit makes a task of its own."""

    @property
    def is_answered(self) -> bool:
        """True if an answer with a task token ends the task."""
        return self.call.waits_for_token or self.call.kind == ACTIVITY


@dataclass(frozen=True)
class ParallelState(WorkState):
    branches: tuple[StateMachine, ...] = ()


@dataclass(frozen=True)
class Distribution:
    """The fields of a Map in distributed mode: its reader and writer, and its batches.

    ``reader`` and ``writer`` give the arguments of the calls; their configurations hold no expressions.
    """

    label: str
    lists_objects: bool = False
    reader: Field | None = None
    reader_config: Mapping[str, Json] = field(default_factory=dict)
    most_items: Field | None = None
    writer: Field | None = None
    writer_config: Mapping[str, Json] = field(default_factory=dict)
    batch_items: Field | None = None
    batch_bytes: Field | None = None
    batch_input: Field | None = None
    is_batched: bool = False


@dataclass(frozen=True)
class MapState(WorkState):
    """``items`` gives the list, ``selector`` an item's input, ``concurrency`` how many run at a time (0: no limit).

    The tolerated failures have an effect in distributed mode alone; AWS takes them in an inline Map, too.
    """

    items: Field | None = None
    selector: Field | None = None
    concurrency: Field | None = None
    processor: StateMachine | None = None
    tolerated_count: Field | None = None
    tolerated_percentage: Field | None = None
    distribution: Distribution | None = None


@dataclass(frozen=True)
class PlannedTask:
    """A task that is known before the execution begins. A step list has one for each step, numbered in order from 1."""

    number: int
    step: str
    function: str
    data: Json


@dataclass(frozen=True)
class StateMachine:
    start_at: str
    states: Mapping[str, State]
    timeout_seconds: float | None = None
    loops: frozenset[str] = field(default=frozenset(), compare=False)
    """The Tasks, Parallels and Maps that a frame may enter more than once."""
    activities: frozenset[str] = field(default=frozenset(), compare=False)
    """The names of the activities of its Tasks."""
    absent: frozenset[str] = field(default=frozenset(), compare=False)
    """Those that were not there when the caller looked."""

    def all_states(self) -> Iterator[State]:
        """The states of this machine and of those inside it."""
        waiting = [self]
        while waiting:
            for state in waiting.pop().states.values():
                yield state
                waiting += state.branches if isinstance(state, ParallelState) else ()
                waiting += [state.processor] if isinstance(state, MapState) and state.processor is not None else ()

    def find(self, name: str) -> State | None:
        """The state of this name, in this machine or in those inside it. Names are unique."""
        return next((state for state in self.all_states() if state.name == name), None)

    plan: tuple[PlannedTask, ...] = field(default=(), compare=False)
    deployment: Deployment = field(default=NOWHERE, compare=False)
