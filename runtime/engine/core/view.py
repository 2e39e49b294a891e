"""Where a transition stands: the frames, whose state each is in, and what the expressions of a state see from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any

from stepwell.runtime.engine.core.events import Event
from stepwell.runtime.engine.core.execution import Execution, Frame, HistoryEvent, branch_of, parent_of
from stepwell.runtime.engine.core.retry import TOO_LARGE
from stepwell.runtime.engine.definition.model import MapState, ParallelState, State, StateMachine, WorkState
from stepwell.runtime.engine.language import aws_messages
from stepwell.runtime.engine.language.fields import Field, Jsonata, NoStep
from stepwell.runtime.engine.language.intrinsics import IntrinsicFault
from stepwell.runtime.engine.language.jsonata.expressions import JsonataFault
from stepwell.runtime.engine.language.paths import Path, PathMissing, parse
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.language.templates import NoValue
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.dice import Chance
from stepwell.runtime.engine.values.limits import EngineLimits

Json = Any


class QuotaExceeded(Exception):
    """A bound of the execution as a whole is reached; the message says which."""


class FramesMissing(Exception):
    """The move needs more of the children of a frame than it was given: load more of them, and decide again."""


class StateFault(Exception):
    """A state cannot do what its definition says: an error name and a cause, to which the state's name is added."""

    def __init__(self, error: str, cause: str) -> None:
        self.error = error
        self.cause = cause
        super().__init__(f"{error}: {cause}")

    @property
    def is_terminal(self) -> bool:
        """Whether only its own name takes it."""
        return self.error == TOO_LARGE

    def cause_in(self, frame: Frame) -> str:
        """The cause as it is told of the frame's state."""
        return self.cause if self.is_terminal else aws_messages.in_state(frame.state, frame.entry, self.cause)


class Standing:
    """What is known of an execution while a transition of it is worked out, and its ledger."""

    def __init__(self, machine: StateMachine, before: Execution, event: Event, limits: EngineLimits) -> None:
        self.machine = machine
        self.before = before
        self.event = event
        self.limits = limits
        self.frames = dict(before.frames)
        self.count = before.history_count
        self.written = 0
        self._evaluated = 0
        self.history: list[HistoryEvent] = []

    def put(self, frame: Frame, **changes: Any) -> Frame:
        """Store a frame as changed."""
        frame = replace(frame, **changes) if changes else frame
        self.frames[frame.path] = frame
        return frame

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
        return self.machine_of(frame.path).states[frame.state]

    def lineage(self, path: str) -> Iterator[Frame]:
        """A frame and its ancestors, the innermost first."""
        while path:
            yield self.frames[path]
            path = parent_of(path)
        yield self.frames[""]

    # The ledger

    def record(self, type: str, frame: Frame | None = None, **details: Json) -> None:
        """Write a line of history. Raises QuotaExceeded when only the line that ends the execution has room left."""
        if self.count >= self.limits.history - 1:
            raise QuotaExceeded(f"The execution reached the maximum number of history events ({self.limits.history}).")
        self.write(type, frame, details)

    def write(self, type: str, frame: Frame | None, details: dict[str, Json]) -> None:
        """Write a line of history, whatever room is left."""
        self.count += 1
        path, step = (frame.path, frame.state) if frame is not None else ("", None)
        said = {name: value for name, value in details.items() if value is not None or name in ("input", "output")}
        self.history.append(HistoryEvent(type, path, step, said))

    # Expressions

    def context(self, frame: Frame) -> dict[str, Json]:
        """The context object, ``$$``."""
        state: dict[str, Json] = {"Name": frame.state, "EnteredTime": timestamp(frame.entered_at)}
        if isinstance(self.state_of(frame), WorkState):
            state["RetryCount"] = sum(frame.retries)
        context: dict[str, Json] = {**self._about_all, "State": state}
        item = self._item_of(frame) if frame.path else None
        if item is not None:
            context["Map"] = {"Item": {"Index": branch_of(item.path), "Value": item.item}}
        return {**context, **self._told(context)} if self.before.told else context

    @cached_property
    def _about_all(self) -> dict[str, Json]:
        """What the context object of each state says. In a step list, ``Execution.Id`` is the execution's own id."""
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

    def _told(self, context: Mapping[str, Json]) -> dict[str, Json]:
        """The members of the context object of which something was told, with what is known besides."""
        return {name: {**context.get(name, {}), **of} for name, of in self.before.told.items()}

    def scope(self, frame: Frame, document: Json, **states: Json) -> Scope:
        """What an expression of a frame's state sees: ``document`` is ``$``, ``states`` are members of ``$states``."""
        variables: dict[str, Json] = {}
        for one in self.lineage(frame.path):
            variables = {**one.variables, **variables} if one.variables else variables
        return Scope(
            document=document,
            around=lambda: self.context(frame),
            variables=variables,
            at=self.event.at,
            chance=self._chance(),
            states={"input": frame.input, **states},
        )

    def _chance(self) -> Chance:
        """What one field draws from; the next one draws from another."""
        self._evaluated += 1
        return Chance(self.event.seed, f"{self.count}/{self._evaluated}")

    def evaluate(self, field: Field, frame: Frame, scope: Scope, kind: str | None = None) -> Json:
        """The value of a field; in JSONata it must be of this kind. Raises StateFault."""
        with self.evaluating(frame, field.name):
            value = field.value(scope)
            return field.expected(kind, value) if kind is not None and isinstance(field, Jsonata) else value

    @contextmanager
    def evaluating(self, frame: Frame, field: str) -> Iterator[None]:
        """What goes wrong with an expression inside is a fault of this field."""
        try:
            yield
        except (NoValue, IntrinsicFault) as fault:  # AWS was never seen to name it States.IntrinsicFailure
            raise StateFault("States.Runtime", str(fault)) from None
        except NoStep as fault:
            raise StateFault("States.ReferencePathConflict", str(fault)) from None
        except PathMissing as fault:
            raise StateFault("States.Runtime", aws_messages.no_results(parse(fault.path), fault.reached)) from None
        except JsonataFault as fault:
            error, location = "States.QueryEvaluationError", fault.location(field)
            cause = aws_messages.in_state(frame.state, frame.entry, fault.cause(field))
            self.record("EvaluationFailed", frame, error=error, cause=cause, location=location, state=frame.state)
            raise StateFault(error, fault.cause(field)) from None

    def taken(self, path: Path | None, frame: Frame, document: Json, field: str) -> Json:
        """The part of a document that InputPath or OutputPath takes; an empty object when it is null."""
        if path is None:
            return {}
        if path.text == "$":
            return document
        if document is None and path.is_of_input:
            raise StateFault("States.Runtime", aws_messages.NO_INPUT)
        with self.evaluating(frame, field):
            return self.scope(frame, document).at_path(path)

    def placed(self, path: Path, document: Json, value: Json) -> Json:
        """A document with a value at ResultPath."""
        try:
            return path.put(document, value)
        except PathMissing:
            raise StateFault("States.ResultPathMatchFailure", aws_messages.no_step(path, document)) from None

    def token(self, frame: Frame, number: int) -> str:
        """A task token: which task it answers, and a secret of this try's own."""
        salt = f"{self.event.seed}/{frame.path}/{frame.entry}/{sum(frame.retries)}/token"
        return f"{self.before.id}.{number}.{blake2b(salt.encode(), digest_size=16).hexdigest()}"

    def check_size(self, value: Json, frame: Frame, copies: int = 1) -> None:
        """Refuse what is larger than a payload may be, as AWS does; and what could not be stored.

        ``copies`` is how often it will be written. Raises QuotaExceeded when one move would write without bound.
        """
        if not isinstance(value, dict | list | str):
            return
        if jsontext.is_longer_than(value, self.limits.payload):
            raise self.too_large(frame)
        try:
            text = jsontext.write(value)
            jsontext.check_depth(text, self.limits.depth)
        except jsontext.NotJson as fault:
            raise StateFault("States.Runtime", f"The state/task '{frame.state}' returned no JSON: {fault}") from None
        size = jsontext.size(text)
        if size > self.limits.payload:
            raise self.too_large(frame)
        self.written += size * copies
        if self.written > self.limits.move:
            raise QuotaExceeded(f"One move of the execution would write more than {self.limits.move} bytes.")

    def check_variables(self, frame: Frame) -> None:
        """Refuse more variables than may be held, as AWS does; those of frames beside this one do not count."""
        held = sum(jsontext.size(jsontext.write(dict(one.variables))) for one in self.lineage(frame.path))
        if held > self.limits.variables:
            raise StateFault(
                TOO_LARGE,
                f"The variables of the state/task '{frame.state}' and those before it exceed the maximum number of "
                f"bytes service limit ({self.limits.variables}).",
            )

    def too_large(self, frame: Frame) -> StateFault:
        """What it is that a result has more bytes than a payload may have."""
        return StateFault(TOO_LARGE, aws_messages.too_large(frame.state))

    def _item_of(self, frame: Frame) -> Frame | None:
        """The innermost item of a Map that a frame is, or is inside of."""
        for one in self.lineage(frame.path):
            if one.path and isinstance(self.state_of(self.frames[parent_of(one.path)]), MapState):
                return one
        return None


def timestamp(at: int) -> str:
    """Milliseconds since the epoch as AWS writes them: 2026-11-24T03:00:00.000Z."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
