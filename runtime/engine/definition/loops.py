"""Loops: the states that one frame may enter more than once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from stepwell.runtime.engine.definition.model import ChoiceState, State, WorkState

Graph = Mapping[str, Collection[str]]


def in_loops(states: Mapping[str, State]) -> frozenset[str]:
    """The names of the Tasks, Parallels and Maps that lie in a loop, or between two loops.

    No frame enters any other one twice.
    """
    onward = {name: frozenset(_following(state)) for name, state in states.items()}
    back: dict[str, set[str]] = {name: set() for name in states}
    for name, targets in onward.items():
        for target in targets:
            back[target].add(name)
    within = _not_reached_first(onward, back) & _not_reached_first(back, onward)
    return frozenset(name for name in within if isinstance(states[name], WorkState))


def _following(state: State) -> Iterator[str]:
    """The states that may follow a state."""
    if state.next is not None:
        yield state.next
    if isinstance(state, ChoiceState):
        yield from (rule.next for rule in state.rules)
        yield from [] if state.default is None else [state.default]
    if isinstance(state, WorkState):
        yield from (catcher.next for catcher in state.catchers)


def _not_reached_first(onward: Graph, back: Graph) -> set[str]:
    """What is left when each state goes that has none before it: the loops, and all behind them."""
    before = {name: len(sources) for name, sources in back.items()}
    free = [name for name, count in before.items() if not count]
    while free:
        name = free.pop()
        del before[name]
        for target in onward[name]:
            before[target] -= 1
            if not before[target]:
                free.append(target)
    return set(before)
