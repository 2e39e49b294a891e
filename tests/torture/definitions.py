"""Makes random definitions from a seed: step lists, state machines and flows' trees of the handlers beside this file.

Each has a certain end, whatever is lost and repeated meanwhile: results depend on data and input alone, and no Cause,
which may name processes, reaches an output. Nothing waits long on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

Json = Any

LONGEST_PAUSE = 1.5
"""Seconds: the longest Wait, delay and back-off, and the longest nap of most handlers."""

LONG_NAP = 7.0
"""Seconds of a few naps: longer than the default lease of a run, so that these handlers need their heartbeat."""

FUNCTIONS = {"append": 50, "nap": 14, "fails": 12, "exits": 5, "big": 4, "breaks": 1}
"""The weight of each in a draw."""

WITH_TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"
"""The resource of a state that passes a task token to its handler and waits for the token's answer."""

BLOCKS = {"task": 12, "ask": 3, "pass": 2, "wait": 3, "choice": 3, "parallel": 4, "map": 2}
"""The weight of each in a draw. The last three contain other blocks, so the deepest level cannot have them."""

NUMBER = {"Variable": "$.last", "IsNumeric": True}


class Maker:
    """Makes random definitions: equal ones from equal dice."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self._begin()

    def _begin(self) -> None:
        self.names = self.nodes = self.big = 0

    def definition(self) -> Json:
        """Make a step list or a state machine."""
        self._begin()
        make = self.dice.choices((self.step_list, self.machine, self.overdue_machine), (10, 9, 1))[0]
        return make()

    # Step lists

    def step_list(self) -> Json:
        return {"steps": [self._item(2) for _ in range(self.dice.randint(1, 8))]}

    def _item(self, depth: int) -> Json:
        if depth and self._likely(0.2):
            return {"parallel": [self._item(depth - 1) for _ in range(self.dice.randint(2, 3))]}
        if self._likely(0.01):
            return {"taskName": "hangs", "name": self._name(), "data": self._data("hangs"), "timeoutSeconds": 0.5}
        function = self._function()
        step = {"taskName": function, "name": self._name(), "data": self._data(function)}
        if self._likely(0.9 if function == "exits" else 0.4):
            step["retry"] = {"maxAttempts": self.dice.randint(2, 4), **self._back_off()}
        if self._likely(0.2):
            step["timeoutSeconds"] = 120
        return step

    def _back_off(self) -> Json:
        return {"intervalSeconds": self.dice.choice((0, 0.1, 0.3)), "backoffRate": self.dice.choice((1, 2))}

    # Flows

    def tree(self, depth: int = 2) -> Json:
        if depth == 2:
            self._begin()
        function = self._function()
        node = {"name": function, "data": self._data(function)}
        if self._likely(0.9 if function == "exits" else 0.4):
            node["opts"] = self._options()
        if depth and self._likely(0.75):
            node["children"] = [self.tree(depth - 1) for _ in range(self.dice.randint(1, 3))]
        return node

    def _options(self) -> Json:
        backoff = {"type": self.dice.choice(("fixed", "exponential")), "delay": self.dice.choice((0, 100, 250))}
        delay = {"delay": self.dice.randint(1, 800)} if self._likely(0.3) else {}
        return {"attempts": self.dice.randint(2, 4), "backoff": backoff, **delay}

    # State machines

    def machine(self) -> Json:
        begin = {"Begin": {"Type": "Pass", "Parameters": {"last.$": "$.value", "text.$": "$.text"}}}
        fails = {"Type": "Fail", "Error": "AsAskedFor", "Cause": "it was asked for"}
        return _chained([begin, *self._blocks(2), {"Done": fails if self._likely(0.05) else {"Type": "Succeed"}}])

    def overdue_machine(self) -> Json:
        """A machine that ends by its own time-out."""
        begin = {"Begin": {"Type": "Pass", "Parameters": {"last.$": "$.value"}}}
        states = [
            begin,
            self._task("append"),
            {"Endless": {"Type": "Wait", "Seconds": 300}},
            {"Done": {"Type": "Succeed"}},
        ]
        return {**_chained(states), "TimeoutSeconds": self.dice.choice((1, 1.5))}

    def _blocks(self, depth: int) -> list[Json]:
        return [self._block(depth) for _ in range(self.dice.randint(1, 5 if depth == 2 else 2))]

    def _block(self, depth: int) -> Json:
        """A few states. The block begins with the first one; its exits are left open."""
        kinds = list(BLOCKS) if depth else list(BLOCKS)[:4]
        match self.dice.choices(kinds, [BLOCKS[kind] for kind in kinds])[0]:
            case "ask":
                return self._task("asks")
            case "pass":
                return {self._name(): {"Type": "Pass", "Result": self.dice.randrange(100), "ResultPath": "$.last"}}
            case "wait":
                return {self._name(): {"Type": "Wait", "Seconds": self.dice.choice((0, 0.2, 1, LONGEST_PAUSE))}}
            case "choice":
                return self._choice()
            case "parallel":
                branches = [self._branch(depth - 1) for _ in range(self.dice.randint(2, 3))]
                return self._forked({"Type": "Parallel", "Branches": branches})
            case "map":
                return self._map(depth)
        return self._task(self._function())

    def _task(self, function: str) -> Json:
        parameters = {
            "data": self._data(function),
            "input.$": "$$.Execution.Input",
            "results": {"last.$": "$.last"},
            "step": {
                "retry.$": "$$.State.RetryCount",
                "idempotencyKey.$": "States.Format('{}/{}', $$.Execution.Name, $$.State.Name)",
            },
        }
        state: Json = {"Type": "Task", "Resource": function, "Parameters": parameters, "ResultPath": "$.last"}
        if function == "asks":
            payload = {**parameters, "token.$": "$$.Task.Token"}
            state |= {"Resource": WITH_TOKEN, "Parameters": {"FunctionName": function, "Payload": payload}}
        if self._likely(0.8):
            errors = self.dice.choice((["States.ALL"], ["NotYet", "Runtime.ExitError"], ["States.TaskFailed"]))
            state["Retry"] = [self._retrier(errors)]
        if not self._likely(0.5):
            return {self._name(): state}
        rescue = self._name()
        state["Catch"] = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": rescue}]
        saved: Json = {"last": self.dice.randrange(100), "error.$": "$.caught.Error"}
        return {self._name(): state, rescue: {"Type": "Pass", "Parameters": saved}}

    def _choice(self) -> Json:
        """A Choice between blocks. All of them lead on to the next block."""
        ways = [self._block(0) for _ in range(self.dice.randint(2, 3))]
        entries = [next(iter(way)) for way in ways]
        state = {"Type": "Choice", "Choices": [{**self._rule(), "Next": entry} for entry in entries]}
        if self._likely(0.95):
            state["Default"] = self.dice.choice(entries)
        return {self._name(): state} | {name: made for way in ways for name, made in way.items()}

    def _rule(self) -> Json:
        small = {"Variable": "$.last", "NumericLessThan": self.dice.choice((50, 500, 500_000))}
        is_small, is_none = {"And": [NUMBER, small]}, {"Not": NUMBER}
        return self.dice.choice((is_small, is_none, {"Or": [is_none, is_small]}, {"Not": is_small}))

    def _map(self, depth: int) -> Json:
        """Two states: the first gives the items, the second is a Map over them."""
        items = [self.dice.randrange(1000) for _ in range(self.dice.randint(0, 4))]
        give = {"Type": "Pass", "Result": items, "ResultPath": "$.items"}
        state = {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {"last.$": "$$.Map.Item.Value"},
            "ItemProcessor": self._branch(depth - 1),
            "MaxConcurrency": self.dice.randint(0, 2),
        }
        forked, name = self._forked(state), self._name()
        return {name: {**give, "Next": next(iter(forked))}} | forked

    def _forked(self, state: Json) -> Json:
        """Give a state with branches perhaps a Retry, and perhaps a Catch with its target state."""
        state = {**state, "ResultPath": "$.last"}
        if self._likely(0.3):
            state["Retry"] = [self._retrier(["States.ALL"], most=1)]
        if not self._likely(0.5):
            return {self._name(): state}
        rescue = self._name()
        state["Catch"] = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": rescue}]
        return {self._name(): state, rescue: {"Type": "Pass", "Result": self.dice.randrange(9), "ResultPath": "$.last"}}

    def _branch(self, depth: int) -> Json:
        give = {self._name(): {"Type": "Pass", "OutputPath": "$.last", "End": True}}
        return _chained([*self._blocks(depth), give])

    def _retrier(self, errors: list[str], most: int = 3) -> Json:
        longest = self.dice.choice((0.01, 0.1, 0.3))  # a retry of a second would make the run last for hours
        return {"ErrorEquals": errors, "MaxAttempts": self.dice.randint(1, most), "MaxDelaySeconds": longest}

    # Both

    def _function(self) -> str:
        name = self.dice.choices(list(FUNCTIONS), list(FUNCTIONS.values()))[0]
        self.big += name == "big"
        return "append" if name == "big" and self.big > 2 else name  # more would break the limit of a payload

    def _data(self, function: str) -> Json:
        """A step's own data; ``node`` is the number of the step in its definition."""
        self.nodes += 1
        data: Json = {"value": self.dice.randrange(1000), "node": self.nodes}
        if function == "nap":
            data["seconds"] = LONG_NAP if self._likely(0.04) else round(self.dice.uniform(0, LONGEST_PAUSE), 2)
        if function == "fails":
            data["failures"] = self.dice.choices((1, 2, 3), (6, 3, 1))[0]
        if function == "asks":
            data["failures"] = self.dice.choices((0, 1, 2), (6, 3, 1))[0]
        return data

    def _name(self) -> str:
        self.names += 1
        return f"S{self.names}"

    def _likely(self, chance: float) -> bool:
        return self.dice.random() < chance


def _chained(blocks: Sequence[Json]) -> Json:
    """Join blocks into one machine: each exit of a block leads to the first state of the next."""
    for block, following in pairwise(blocks):
        for state in block.values():
            if state["Type"] != "Choice":
                state.setdefault("Next", next(iter(following)))
    states = {name: state for block in blocks for name, state in block.items()}
    return {"StartAt": next(iter(states)), "States": states}
