"""An execution as its states see it: the frames, the context object, the variables, and the limits of payloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from hashlib import blake2b

from stepwell.runtime.engine.core import visits
from stepwell.runtime.engine.core.events import Event
from stepwell.runtime.engine.core.execution import Execution, Frame, branch_of, child_path, parent_of
from stepwell.runtime.engine.core.faults import FramesMissing, QuotaExceeded, StateFault, too_large
from stepwell.runtime.engine.core.ledger import Ledger
from stepwell.runtime.engine.core.retry import TOO_LARGE
from stepwell.runtime.engine.definition.model import MapState, ParallelState, State, StateMachine, WorkState
from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.budget import Alarm, Budget, BudgetExceeded, TooLarge
from stepwell.runtime.engine.language.context_object import ContextObject
from stepwell.runtime.engine.language.fields import Field, Jsonata, NoStep
from stepwell.runtime.engine.language.intrinsics import IntrinsicFault
from stepwell.runtime.engine.language.jsonata.expressions import JsonataFault
from stepwell.runtime.engine.language.paths import Path, PathMissing, parse
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.language.templates import NoValue
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.dice import Dice
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.times import timestamp

_FAULTS = (PathMissing, IntrinsicFault, JsonataFault, TooLarge, BudgetExceeded)
"""The faults of expressions. NoValue and NoStep are kinds of PathMissing."""


class View:
    """Answers the questions of states: which state a frame is in, what an expression gives, whether a value fits.

    ``before`` is the execution as the transition found it. ``frames`` are the frames as they are now, by path; the view
    looks at them and never changes them. ``ledger`` takes the line that AWS writes when an expression fails,
    and ``budget`` is charged with all that the move's expressions take.
    """

    def __init__(
        self,
        machine: StateMachine,
        before: Execution,
        event: Event,
        limits: EngineLimits,
        alarm: Alarm | None = None,
    ) -> None:
        self.machine = machine
        self.before = before
        self.event = event
        self.limits = limits
        self.frames = dict(before.frames)
        self.ledger = Ledger(before.history_count, limits.history)
        self.budget = Budget(limits, alarm)
        self._written = 0
        self._checked: Json = None
        self._checked_size = 0
        self._sizes: dict[int, tuple[Json, int]] = {}
        self._evaluated = 0

    # Frames

    def machine_of(self, path: str) -> StateMachine:
        """The state machine that a frame runs: the whole one, or the branch or processor it was opened for."""
        if path == "":
            return self.machine
        parent = self.frames[parent_of(path)]
        state = self.machine_of(parent.path).states[parent.state]
        if isinstance(state, MapState) and state.processor is not None:
            return state.processor
        assert isinstance(state, ParallelState), f"{parent.path} is in {parent.state}, which has nothing inside"
        return state.branches[branch_of(path)]

    def state_of(self, frame: Frame) -> State:
        """The state that a frame is in."""
        return self.machine_of(frame.path).states[frame.state]

    def lineage(self, path: str) -> Iterator[Frame]:
        """A frame and its ancestors, the innermost first."""
        while path:
            yield self.frames[path]
            path = parent_of(path)
        yield self.frames[""]

    def child(self, parent: Frame, number: int) -> Frame:
        """The child of this number, from 0. Raises FramesMissing when it was not loaded."""
        path = child_path(parent.path, parent.entry, number)
        if path not in self.frames:
            raise FramesMissing(path)
        return self.frames[path]

    def visit(self, frame: Frame) -> str:
        """The name of a frame's visit of its state."""
        return visits.name_of((self.machine_of(one.path), one) for one in self.lineage(frame.path))

    # Expressions

    def context(self, frame: Frame) -> dict[str, Json]:
        """The context object, ``$$``. That of a Task, a Parallel or a Map has an idempotency key."""
        is_work = isinstance(self.state_of(frame), WorkState)
        context = self._own_context(frame, is_work) if self.before.context is None else dict(self.before.context)
        if not is_work or "State" not in context:
            return context
        return ContextObject(context, lambda: visits.key_of(self.before.id, self.visit(frame)))

    def _own_context(self, frame: Frame, is_work: bool) -> dict[str, Json]:
        state: dict[str, Json] = {"Name": frame.state, "EnteredTime": timestamp(frame.entered_at)}
        if is_work:
            state["RetryCount"] = sum(frame.retries)
        context: dict[str, Json] = {**self._of_execution, "State": state}
        item = self._item_of(frame) if frame.path else None
        if item is not None:
            context["Map"] = {"Item": {"Index": branch_of(item.path), "Value": item.item}}
        return context

    @cached_property
    def _of_execution(self) -> dict[str, Json]:
        """The part of the context object that is the same for all states.

        In a step list, ``Execution.Id`` is the execution's own id and no ARN.
        """
        before, deployment = self.before, self.machine.deployment
        own = before.id if self.machine.plan else deployment.execution(before.workflow, before.name, before.id)
        about: dict[str, Json] = {
            "Id": own,
            "Input": before.input,
            "StartTime": timestamp(before.started_at),
            "Name": before.name,
            "RoleArn": deployment.role,
            "RedriveCount": before.redrives,
        }
        if before.redriven_at is not None:
            about["RedriveTime"] = timestamp(before.redriven_at)
        machine = {"Id": deployment.machine(before.workflow), "Name": before.workflow}
        return {"Execution": about, "StateMachine": machine}

    def scope(self, frame: Frame, document: Json, **states: Json) -> Scope:
        """The scope of an expression of a frame's state.

        ``document`` is ``$``, ``states`` are members of ``$states``.
        """
        variables: dict[str, Json] = {}
        for one in self.lineage(frame.path):
            variables = {**one.variables, **variables} if one.variables else variables
        return Scope(
            document=document,
            make_context=lambda: self.context(frame),
            variables=variables,
            at=self.event.at,
            dice=self._dice(),
            budget=self.budget,
            states={"input": frame.input, **states},
        )

    def _dice(self) -> Dice:
        """New dice for each scope: the number of lines and of scopes so far is their salt."""
        self._evaluated += 1
        return Dice(self.event.seed, f"{self.ledger.count}/{self._evaluated}")

    def evaluate(self, field: Field, frame: Frame, scope: Scope, kind: str | None = None) -> Json:
        """The value of a field; in JSONata it must be of this kind. Raises StateFault."""
        try:
            value = field.value(scope)
            return field.expected(kind, value) if kind is not None and isinstance(field, Jsonata) else value
        except _FAULTS as fault:  # not by evaluating(): this is called for each field, and a context manager costs
            raise self._state_fault(fault, frame, field.name) from None

    @contextmanager
    def evaluating(self, frame: Frame, field: str) -> Iterator[None]:
        """Turn the faults of expressions inside into StateFault, in AWS's words for this field."""
        try:
            yield
        except _FAULTS as fault:
            raise self._state_fault(fault, frame, field) from None

    def _state_fault(self, fault: Exception, frame: Frame, field: str) -> StateFault:
        """The fault in AWS's words. Raises BudgetExceeded if the move has met its bound before."""
        if isinstance(fault, BudgetExceeded) and fault.is_final:
            raise fault
        if isinstance(fault, TooLarge):
            return too_large(frame)
        if isinstance(fault, JsonataFault):
            return self.evaluation_failed(frame, fault.cause(field), fault.location(field))
        if isinstance(fault, NoStep):
            return StateFault("States.ReferencePathConflict", str(fault))
        if isinstance(fault, PathMissing) and not isinstance(fault, NoValue):
            return StateFault("States.Runtime", aws_messages.no_results(parse(fault.path), fault.reached))
        return StateFault("States.Runtime", str(fault))  # AWS was never seen to name it States.IntrinsicFailure

    def evaluation_failed(self, frame: Frame, cause: str, location: str | None = None) -> StateFault:
        """The fault of a state in JSONata that cannot use a value. Its own line of history is written.

        ``location`` is the field with the value, None if no field has it.
        """
        error = "States.QueryEvaluationError"
        shown = aws_messages.in_state(frame.state, frame.entry, cause)
        self.ledger.record("EvaluationFailed", frame, error=error, cause=shown, location=location, state=frame.state)
        return StateFault(error, cause)

    def select(self, path: Path | None, frame: Frame, document: Json, field: str) -> Json:
        """The part of a document that InputPath or OutputPath selects; an empty object when the field is null."""
        if path is None:
            return {}
        if path.text == "$":
            return document
        if document is None and path.is_of_input:
            raise StateFault("States.Runtime", aws_messages.NO_INPUT)
        with self.evaluating(frame, field):
            return self.scope(frame, document).at_path(path)

    # Limits

    def check_size(self, value: Json, frame: Frame, copies: int = 1) -> None:
        """Refuse a value that is larger than a payload may be, as AWS does, or that cannot be stored.

        ``copies`` is how often the value will be written. Raises StateFault; QuotaExceeded when this transition would
        write more bytes than one may.
        """
        if not isinstance(value, dict | list | str):
            return
        if value is self._checked:  # a state that passes its input on: nothing is new but the lines of history
            return self._count_written(self._checked_size * copies)
        if jsontext.is_longer_than(value, self.limits.payload):
            raise too_large(frame)
        try:
            text = jsontext.write(value)
            jsontext.check_depth(text, self.limits.depth)
        except jsontext.NotJson as fault:
            raise StateFault("States.Runtime", f"The state/task '{frame.state}' returned no JSON: {fault}") from None
        size = jsontext.size(text)
        if size > self.limits.payload:
            raise too_large(frame)
        self._checked, self._checked_size = value, size
        self._count_written(size * copies)

    def _count_written(self, size: int) -> None:
        self._written += size
        if self._written > self.limits.move:
            raise QuotaExceeded(f"One move of the execution would write more than {self.limits.move} bytes.")

    def check_variables(self, frame: Frame) -> None:
        """Refuse more bytes of variables than a frame and its ancestors may hold, as AWS does. Raises StateFault.

        The variables of other branches and items do not count.
        """
        held = sum(self._size_of(one.variables) for one in self.lineage(frame.path))
        if held > self.limits.variables:
            raise StateFault(
                TOO_LARGE,
                f"The variables of the state/task '{frame.state}' and those before it exceed the maximum number of "
                f"bytes service limit ({self.limits.variables}).",
            )

    def _size_of(self, variables: Mapping[str, Json]) -> int:
        """The bytes of the JSON text of some variables. Each is written once a move: most are not assigned anew."""
        size = 2 + max(len(variables) - 1, 0)
        for name, value in variables.items():
            _, own = self._sizes.get(id(value)) or (None, jsontext.size(jsontext.write(value)))
            self._sizes[id(value)] = (value, own)  # the value is kept, so that its id stays its own
            size += len(jsontext.write(name)) + 1 + own
        return size

    def token(self, frame: Frame, number: int) -> str:
        """A task token: the execution, the task's number, and a secret that differs with each retry."""
        salt = f"{self.event.seed}/{frame.path}/{frame.entry}/{sum(frame.retries)}/token"
        return f"{self.before.id}.{number}.{blake2b(salt.encode(), digest_size=16).hexdigest()}"

    def _item_of(self, frame: Frame) -> Frame | None:
        """The innermost item of a Map that the frame is, or lies in."""
        for one in self.lineage(frame.path):
            if one.path and isinstance(self.state_of(self.frames[parent_of(one.path)]), MapState):
                return one
        return None
