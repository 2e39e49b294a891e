"""The plays: workflows for the crash tests, and the steering of each from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from tests.runtime.stage import machine, steps, task

Json = Any


class Scene(Protocol):
    """One execution, seen from outside, to be steered."""

    def until(self, holds: Callable[[], object], what: str) -> None: ...

    def is_seen(self) -> bool:
        """True once a gated handler has begun."""
        ...

    def open_gate(self) -> None: ...

    def statuses(self) -> list[str]:
        """The statuses of its tasks."""
        ...

    def is_submitted(self) -> bool:
        """True once the handler with the task token has returned."""
        ...

    def answer(self, output: Json) -> None:
        """Answer its task token."""
        ...

    def steer(self, verb: str) -> None:
        """Pause, resume or cancel it."""
        ...


@dataclass(frozen=True)
class Play:
    definition: Json
    steer: Callable[[Scene], None] = lambda scene: None


def _open(scene: Scene) -> None:
    scene.until(scene.is_seen, "the handler runs")
    scene.open_gate()


def _pause_and_resume(scene: Scene) -> None:
    scene.until(scene.is_seen, "the handler runs")
    scene.steer("pause")
    scene.open_gate()
    scene.until(lambda: scene.statuses()[0] != "IN_PROGRESS", "nobody works on the paused execution")
    scene.steer("resume")


def _cancel(scene: Scene) -> None:
    scene.until(scene.is_seen, "the handler runs")
    scene.steer("cancel")


def _answer(scene: Scene) -> None:
    scene.until(scene.is_submitted, "the task waits for its answer")
    scene.answer({"yes": True})


ASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "step1", "Payload": {"data": {"token.$": "$$.Task.Token"}}},
}
FLAKY = {"taskName": "flaky", "data": {"failures": 1}, "retry": {"maxAttempts": 2, "intervalSeconds": 0.1}}


def _at_once(*names: str) -> Json:
    return {"parallel": steps(*names)["steps"]}


def _map(**fields: Json) -> Json:
    """A Map in distributed mode over five items, two at a time."""
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    processor = machine(one=task("step1", Parameters={"data.$": "$"}))
    state = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemProcessor": processor | config}
    return machine(items={"Type": "Pass", "Result": {"items": [1, 2, 3, 4, 5]}}, all={**state, **fields})


WRITER = {
    "Resource": "arn:aws:states:::s3:putObject",
    "Parameters": {"Bucket": "b", "Prefix": "results"},
    "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"},
}

PLAYS = {
    "three": Play(steps("step1", "step2", "step1")),
    "retry": Play({"steps": [FLAKY, *steps("step1")["steps"]]}),
    "fan": Play({"steps": [_at_once("step1", "step2", "step1"), *steps("step2")["steps"]]}),
    "wait": Play(machine(Wait={"Type": "Wait", "Seconds": 0}, Do=task("step1"))),
    "ask": Play(machine(Ask=ASK, Do=task("step1")), _answer),
    "map": Play(_map()),
    "files": Play(_map(ResultWriter=WRITER)),
    "gate": Play(steps("gated", "step1"), _open),
    "gates": Play({"steps": [_at_once("gated", "gated"), *steps("step1")["steps"]]}, _open),
    "pause": Play(steps("gated", "step1"), _pause_and_resume),
    "cancel": Play(steps("gated", "step1"), _cancel),
}
