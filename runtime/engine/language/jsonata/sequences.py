"""The parts of the library's interpreter that make sequences, made again so that what they make is counted first.

The library checks no sizes: a step over a thousand items that gives a list of a thousand each makes a
million, and it copies a growing list for each item that it appends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jsonata import Jsonata, Utils  # type: ignore[import-untyped]

from stepwell.runtime.engine.language.budget import Budget
from stepwell.runtime.engine.language.jsonata.values import LARGEST, OutOfMemory, Value, elements_of, looked_at

_ELEMENTS_A_TUPLE = 5
_ELEMENTS_A_CLOSURE = 40


class Sequences(Jsonata):  # type: ignore[misc]
    """An interpreter whose sequences are charged to ``budget`` before they are made.

    All methods raise BudgetExceeded, OutOfMemory and what an expression raises.
    """

    budget: Budget

    def evaluate_step(self, step: Any, given: Value, frame: Any, is_last: bool) -> Value:
        if step.type == "sort":
            return super().evaluate_step(step, given, frame, is_last)
        found = []
        for one in given:
            result = self.eval(step, one, frame)
            for stage in step.stages or ():
                result = self.evaluate_filter(stage.expr, result, frame)
            if result is not None:
                found.append(result)
        if is_last and len(found) == 1 and isinstance(found[0], list) and not Utils.is_sequence(found[0]):
            return found[0]
        return self._flat(found)

    def _flat(self, found: Sequence[Value]) -> Value:
        """One sequence of all results: those that are lists are flattened into it, unless an expression made them."""
        sequence = Utils.create_sequence()
        for one in found:
            if isinstance(one, list) and not (isinstance(one, Utils.JList) and one.cons):
                self._extend(sequence, one)
            else:
                sequence.append(one)
        self.budget.element(elements_of(sequence))
        return sequence

    def _extend(self, sequence: list[Value], more: list[Value]) -> None:
        count = len(more) - isinstance(more, Utils.RangeList)  # whose own length is one too many
        if len(sequence) + count > LARGEST:
            raise OutOfMemory
        self.budget.element(count >> 3)
        sequence.extend(more)

    def evaluate_tuple_step(self, step: Any, given: Value, tuples: Sequence[Mapping[str, Value]], frame: Any) -> Value:
        if step.type == "sort":
            return super().evaluate_tuple_step(step, given, tuples, frame)
        found = Utils.create_sequence()
        found.tuple_stream = True
        for one in [{"@": item} for item in given] if tuples is None else tuples:
            result = self.eval(step, one["@"], self.create_frame_from_tuple(frame, one))
            if result is None:
                continue
            results = result if isinstance(result, list) else [result]
            if len(found) + len(results) > LARGEST:
                raise OutOfMemory
            self.budget.element((_ELEMENTS_A_TUPLE + len(one)) * len(results))
            found.extend(_tuples(step, one, results))
        return found if step.stages is None else self.evaluate_stages(step.stages, found, frame)

    def evaluate_unary(self, tree: Any, context: Value, frame: Any) -> Value:
        if tree.value != "[":
            return super().evaluate_unary(tree, context, frame)
        made = Utils.JList()
        for index, node in enumerate(tree.expressions):
            frame.is_parallel_call = index > 0
            value = self.eval(node, context, frame)
            if isinstance(value, list) and str(node.value) != "[":
                self._extend(made, value)
            elif value is not None:
                made.append(value)
        if tree.consarray:
            made.cons = True
        self.budget.element(elements_of(made))
        return made

    def evaluate_wildcard(self, tree: Any, context: Value) -> Value:
        found = Utils.create_sequence()
        if isinstance(context, Utils.JList) and context.outer_wrapper and context:
            context = context[0]
        for one in context.values() if isinstance(context, dict) else context if isinstance(context, list) else ():
            if isinstance(one, list):
                self._extend(found, self.flatten(one, None))
                found.sequence = False  # as the library's own copy of it
            else:
                found.append(one)
        self.budget.element(elements_of(found))
        return found

    def evaluate_binary(self, tree: Any, context: Value, frame: Any) -> Value:
        if tree.value not in ("and", "or"):
            return super().evaluate_binary(tree, context, frame)
        left = self.boolize(self.eval(tree.lhs, context, frame))
        return left if left is (tree.value == "or") else self.boolize(self.eval(tree.rhs, context, frame))

    def evaluate_equality_expression(self, left: Value, right: Value, sign: str) -> bool:
        if isinstance(left, list | dict) and isinstance(right, list | dict):
            self.budget.step(looked_at(left))
        return bool(super().evaluate_equality_expression(left, right, sign))

    def evaluate_lambda(self, tree: Any, context: Value, frame: Any) -> Value:
        self.budget.element(_ELEMENTS_A_CLOSURE)
        return super().evaluate_lambda(tree, context, frame)


def _tuples(step: Any, one: Mapping[str, Value], results: list[Value]) -> list[dict[str, Value]]:
    """The tuples that a step makes of one tuple and the results for it."""
    is_stream = isinstance(results, Utils.JList) and results.tuple_stream
    made = []
    for index, item in enumerate(results):
        own = {**one, **item} if is_stream else {**one, (step.focus or "@"): item}
        if not is_stream and step.index is not None:
            own[step.index] = index
        if not is_stream and step.ancestor is not None:
            own[step.ancestor.label] = one["@"]
        made.append(own)
    return made
