"""Random definitions, inputs and answers from a seed: all valid, many odd."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from stepwell.runtime.engine.core.commands import DispatchTask
from tests.runtime.engine.driver import Answer

Json = Any

FUNCTIONS = ("step1", "step2", "fetch", "flaky", "send")
ERRORS = ("E1", "E2", "States.Timeout", "States.Runtime", "States.TaskFailed", "ValueError")
LEAVES = (None, True, False, 0, 1, -1.5, 10**15, "", "text", "it's", '"', "\\", "{}", "\\{", "$.x", "é日😀", "a\nb")
KEYS = ("a", "b.$", "it's", "x y", "", "é", "$", "\\", "States.ALL")
TEMPLATES = (
    {"a.$": "$"},
    {"b": 1, "c.$": "$$.State.Name"},
    {"x.$": "$.nope"},
    {"id.$": "States.UUID()", "again.$": "States.UUID()"},
    {"item.$": "$$.Map.Item.Index"},
)


class Maker:
    """Makes random things: the same ones from the same seed."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.names = 0

    def value(self, depth: int = 3) -> Json:
        kind = self.dice.random()
        if depth and kind < 0.25:
            return {self.dice.choice(KEYS): self.value(depth - 1) for _ in range(self.dice.randrange(4))}
        if depth and kind < 0.4:
            return [self.value(depth - 1) for _ in range(self.dice.randrange(4))]
        return self.dice.choice(LEAVES)

    def likely(self, chance: float) -> bool:
        return self.dice.random() < chance

    # State machines

    def machine(self, depth: int = 3) -> Json:
        """A chain of states, now and then with one that only a catcher leads to."""
        names = [self.name() for _ in range(self.dice.randint(1, 4))]
        states = {name: self.state(depth) for name in names}
        for name, following in pairwise(names):
            states[name]["Next"] = following
        if states[names[-1]]["Type"] not in ("Succeed", "Fail"):
            states[names[-1]]["End"] = True
        if self.likely(0.4):
            states[names[-1]] = {"Type": self.dice.choice(("Succeed", "Fail"))}
        self._catch(states, names)
        return {"StartAt": names[0], "States": states}

    def name(self) -> str:
        self.names += 1
        return f"S{self.names}"

    def state(self, depth: int) -> Json:
        kind = self.dice.choice(("Pass", "Task", "Task", "Wait", *(("Parallel", "Map") if depth else ("Task",))))
        state = {"Type": kind, **(self._map(depth) if kind == "Map" else self._data(kind))}
        if kind == "Wait":
            state["Seconds"] = self.dice.choice((0, 1, 2.5))
        if kind == "Task":
            state["Resource"] = self.dice.choice(FUNCTIONS)
        if kind == "Parallel":
            state["Branches"] = [self.machine(depth - 1) for _ in range(self.dice.randint(1, 3))]
        if self.likely(0.2):
            state["Assign"] = {self.name(): self.dice.choice(LEAVES), "S": 1} if depth == 3 else {self.name(): 2}
        if kind in ("Task", "Parallel", "Map") and self.likely(0.4):
            state["Retry"] = [self._retrier() for _ in range(self.dice.randint(1, 2))]
        return state

    def _map(self, depth: int) -> Json:
        """A Map in JSONata with given items. The states inside it are in JSONPath, like all others."""
        state = {
            "QueryLanguage": "JSONata",
            "Items": [self.value(1) for _ in range(self.dice.choice((0, 1, 2, 3, 5)))],
            "ItemProcessor": self.machine(depth - 1),
            "MaxConcurrency": self.dice.randrange(4),
        }
        if self.likely(0.3):
            state["ItemSelector"] = {"item": "{% $states.context.Map.Item.Value %}", "id": "{% $uuid() %}"}
        if self.likely(0.2):
            state["Output"] = self.dice.choice(("{% $count($states.result) %}", "{% $states.result[7] %}", 1))
        return state

    def crowd(self, depth: int = 2) -> Json:
        """A Map of many items. Some end at once, some after a task; a few fail."""
        names = [self.name() for _ in range(5)]
        inside = self.crowd(depth - 1)["States"].popitem()[1] if depth and self.likely(0.3) else {"Type": "Pass"}
        leaves = [
            {"Type": "Task", "Resource": "step1", "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 4}]},
            {**inside, "Assign": {self.name(): {"id.$": "States.UUID()"}}} if inside["Type"] == "Pass" else inside,
            {"Type": "Wait", "Seconds": self.dice.choice((0, 1))},
            {"Type": "Fail", "Error": "E1"},
        ]
        states = dict(zip(names[1:], leaves, strict=True))
        for state in states.values():
            if state["Type"] != "Fail":
                state["End"] = True
        rules = [{"Variable": "$", "NumericEquals": number, "Next": name} for number, name in enumerate(states)]
        states[names[0]] = {"Type": "Choice", "Choices": rules, "Default": names[2]}
        fan = {
            "Type": "Map",
            "QueryLanguage": "JSONata",
            "Items": self.dice.choices(range(4), (3, 6, 1, 0.3), k=self.dice.randrange(12)),
            "MaxConcurrency": self.dice.randrange(4),
            "ItemProcessor": {"StartAt": names[0], "States": states},
            "End": True,
        }
        if self.likely(0.5):
            fan["Retry"] = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]
        outer = self.name()
        return {"StartAt": outer, "States": {outer: fan}}

    def _data(self, kind: str) -> Json:
        data: dict[str, Json] = {}
        if self.likely(0.1):
            data["InputPath"] = self.dice.choice((None, "$", "$.a", "$$.Execution.Input"))
        if kind != "Wait" and self.likely(0.3):
            data["ResultPath"] = self.dice.choice((None, "$", "$.a", "$.b.c"))
        if kind != "Wait" and self.likely(0.2):
            data["Parameters"] = self.dice.choice(TEMPLATES)
        return data

    def _retrier(self) -> Json:
        retrier: dict[str, Json] = {"ErrorEquals": [self.dice.choice(ERRORS)], "MaxAttempts": self.dice.randrange(3)}
        if self.likely(0.3):
            retrier["JitterStrategy"] = "FULL"
        return retrier

    def _catch(self, states: dict[str, Json], names: list[str]) -> None:
        """Give some states catchers, which lead anywhere, even back."""
        for state in [state for state in states.values() if state["Type"] in ("Task", "Parallel", "Map")]:
            if self.likely(0.4):
                rescue = self.name()
                states[rescue] = {"Type": "Pass", "Next": self.dice.choice(names)}
                catcher = {"ErrorEquals": ["States.ALL"], "Next": rescue}
                place = {} if state["Type"] == "Map" else {"ResultPath": self.dice.choice((None, "$", "$.e"))}
                state["Catch"] = [{**catcher, **place, "Assign": {self.name(): 1}}]

    # Step lists and flows

    def step_list(self) -> Json:
        return {"steps": [self.step_or_group(2) for _ in range(self.dice.randint(1, 5))]}

    def step_or_group(self, depth: int) -> Json:
        if depth and self.likely(0.3):
            return {"parallel": [self.step_or_group(depth - 1) for _ in range(self.dice.randint(1, 3))]}
        return self.step()

    def step(self) -> Json:
        step: dict[str, Json] = {"taskName": self.dice.choice(FUNCTIONS)}
        if self.likely(0.6):
            step["data"] = self.value()
        if self.likely(0.3):
            step["name"] = self.dice.choice((f"it's.{self.name()}", f"{step['taskName']}-{self._number()}", "日本"))
        if self.likely(0.4):
            step["retry"] = {"maxAttempts": self.dice.randint(1, 3), "intervalSeconds": self.dice.choice((0, 0.5, 3))}
        if self.likely(0.2):
            step["timeoutSeconds"] = self.dice.choice((0.5, 30))
        return step

    def _number(self) -> int:
        return self.dice.randint(2, 4)

    def flow(self, depth: int = 3) -> Json:
        node: dict[str, Json] = {"name": self.dice.choice(FUNCTIONS)}
        if self.likely(0.6):
            node["data"] = self.value()
        if self.likely(0.4):
            node["opts"] = {"attempts": self.dice.randint(1, 3), "delay": self.dice.choice((0, 1, 1500.5))}
        if depth and self.likely(0.8):
            node["children"] = [self.flow(depth - 1) for _ in range(self.dice.randrange(4))]
        return node

    # Answers

    def answer(self, task: DispatchTask) -> Answer:
        after = self.dice.choice((0, 0, 1, 2, 5))
        if self.likely(0.3):
            return Answer(error=self.dice.choice(ERRORS), cause=self.dice.choice((None, "why")), after=after)
        return Answer(result=self.value(), after=after)


def unnamed_twice(definition: Json) -> bool:
    """True if no two steps have the same name."""
    names = [step["name"] for step in steps_of(definition["steps"]) if "name" in step]
    return len(names) == len(set(names))


def steps_of(items: list[Json]) -> list[Json]:
    """All steps of a step list in order, also those inside groups."""
    return [step for item in items for step in (steps_of(item["parallel"]) if "parallel" in item else [item])]
