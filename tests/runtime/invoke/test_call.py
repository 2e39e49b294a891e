"""A function is called by its name: by Stepwell itself, by a handler, or not at all."""

from __future__ import annotations

from pathlib import Path

from stepwell.runtime.invoke.call import Caller, TaskCall
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation, Target, Terms

SEND = Target("send", Path("send.py"), "send")
UNKNOWN = Outcome(error="Lambda.ResourceNotFoundException")


class Noting:
    """An invoker that records its calls and its kills."""

    def __init__(self) -> None:
        self.run_: list[Invocation] = []
        self.killed: list[str] = []

    def run(self, invocation: Invocation) -> Outcome:
        self.run_.append(invocation)
        return Outcome(result="1")

    def kill(self, key: str) -> bool:
        self.killed.append(key)
        return True


def caller(invoker: Noting) -> Caller:
    def find(call: TaskCall) -> Target | Outcome:
        return SEND if call.function == "send" else UNKNOWN

    return Caller(invoker, find, {"start": lambda call: Outcome(result=call.event)})  # type: ignore[arg-type]


def test_a_handler_is_handed_all_of_the_call():
    invoker, terms = Noting(), Terms()
    outcome = caller(invoker).run(TaskCall("send", "[1]", "task/1", "0f9e", 2.5, terms))
    assert outcome.result == "1"
    assert invoker.run_ == [Invocation(SEND, "[1]", "task/1", "0f9e", 2.5, terms)]


def test_what_stepwell_does_itself_needs_no_handler():
    invoker = Noting()
    assert caller(invoker).run(TaskCall("start", "[2]", "task/1", "0f9e")).result == "[2]"
    assert invoker.run_ == []


def test_a_function_that_is_not_found_is_not_run():
    invoker = Noting()
    assert caller(invoker).run(TaskCall("nowhere", "[3]", "task/1", "0f9e")) is UNKNOWN
    assert invoker.run_ == []


def test_a_handler_is_stopped_by_its_key():
    invoker = Noting()
    assert caller(invoker).kill("task/1") and invoker.killed == ["task/1"]
