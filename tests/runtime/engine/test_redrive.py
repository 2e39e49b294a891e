"""Redrive in the core alone: which states of an ended execution go on, and which results are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stepwell.runtime.engine import redrive
from stepwell.runtime.engine.core import events, execution
from stepwell.runtime.engine.core.commands import CancelFrames, DispatchTask, SetTimer
from stepwell.runtime.engine.core.execution import Execution, Frame
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.transition import Transition, transition
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.ids import TASK_BITS
from tests.runtime.stage import machine, parallel, task

Json = Any

RETRIED = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]


class Play:
    """An execution of a definition that a test moves event by event."""

    def __init__(self, definition: Json, given: Json = None) -> None:
        self.machine: StateMachine = load(definition)
        self.execution = Execution("e", "e", "play", given or {}, 0)
        self.dispatched: dict[str, DispatchTask] = {}
        self.move = self.take(events.ExecutionStarted(0, 0))

    def take(self, event: events.Event) -> Transition:
        self.move = transition(self.machine, self.execution, event)
        self.execution = self.move.execution
        self.dispatched |= {one.step: one for one in self.move.commands if isinstance(one, DispatchTask)}
        return self.move

    def fail(self, step: str, error: str = "No") -> Transition:
        return self.take(events.TaskFailed(0, 0, *self._place(step), error, None))

    def succeed(self, step: str, output: Json = None) -> Transition:
        return self.take(events.TaskSucceeded(0, 0, *self._place(step), output))

    def redrive(self, count: int = 1) -> list[str]:
        """Redrive the execution. The steps that are dispatched again."""
        before = replace(self.execution, status=Status.IN_PROGRESS, output=None, error=None, cause=None)
        self.execution = before
        self.take(events.ExecutionRedriven(7, 0, count))
        return [one.step for one in self.move.commands if isinstance(one, DispatchTask)]

    def _place(self, step: str) -> tuple[str, int, int]:
        asked = self.dispatched[step]
        return asked.frame, asked.entry, 0


def fan(*branches: Json, **fields: Json) -> Json:
    return machine(Fan=parallel(*branches, **fields))


TWO_EACH = fan(machine(A1=task("a"), A2=task("a")), machine(B1=task("b"), B2=task("b")))


def test_only_the_branches_that_have_no_end_go_on_each_where_it_stood():
    play = Play(fan(machine(A=task("a")), machine(B1=task("b"), B2=task("b")), machine(C=task("c"))))
    play.succeed("A", 1)
    play.succeed("B1", 2)
    play.fail("C")
    assert play.execution.status == Status.FAILED
    assert play.redrive() == ["B2", "C"]
    play.succeed("C", 3)
    play.succeed("B2", 4)
    assert (play.execution.status, play.execution.output) == (Status.COMPLETED, [1, 4, 3])


@pytest.mark.parametrize("end", [events.ExecutionCancelled(0, 0), events.ExecutionTimedOut(0, 0)])
def test_one_that_was_stopped_goes_on_in_all_its_branches(end: events.Event):
    play = Play(TWO_EACH)
    play.succeed("A1", 1)
    play.take(end)
    assert play.redrive() == ["A2", "B1"]


def test_tasks_have_new_numbers_each_time_and_no_two_the_same():
    play = Play(TWO_EACH)
    numbers = {one.number for one in play.dispatched.values()}
    for count in range(1, 21):
        play.take(events.ExecutionCancelled(0, 0))
        play.redrive(count)
        numbers |= {one.number for one in play.dispatched.values()}
    assert len(numbers) == 42 and max(numbers) < 1 << TASK_BITS


def test_what_came_of_before_is_late():
    play = Play(machine(A=task("a")))
    late = events.TaskSucceeded(0, 0, *play._place("A"), "late")
    play.take(events.ExecutionCancelled(0, 0))
    play.redrive()
    before = play.execution
    assert play.take(late).execution is before
    assert play.succeed("A", "new").execution.output == "new"


def test_a_fault_names_the_event_that_the_state_was_entered_at():
    play = Play(machine(A=task("a", ResultSelector={"x.$": "$.missing"})))
    play.fail("A")
    play.redrive()
    assert "entered at the event id #2)" in str(play.succeed("A", {}).execution.cause)


def test_retries_count_anew():
    play = Play(machine(A=task("a", Retry=RETRIED)))
    play.fail("A")
    timer = next(one for one in play.move.commands if isinstance(one, SetTimer))
    play.take(events.TimerFired(0, 0, timer.frame, timer.entry, timer.number))
    play.fail("A")
    assert play.execution.status == Status.FAILED and play.redrive() == ["A"]
    play.fail("A")
    assert play.execution.status == Status.IN_PROGRESS


def test_one_that_waited_for_its_retry_does_not_wait_again():
    play = Play(machine(A=task("a", Retry=RETRIED)))
    play.fail("A")
    play.take(events.ExecutionCancelled(0, 0))
    assert play.redrive() == ["A"]


def test_of_a_map_items_that_ended_stay_and_no_more_begin_than_may():
    each = {"Type": "Map", "MaxConcurrency": 2, "ItemProcessor": machine(I=task("i"))}
    play = Play(machine(All=each), ["a", "b", "c", "d"])
    begun = [one for one in play.move.commands if isinstance(one, DispatchTask)]
    play.take(events.TaskSucceeded(0, 0, begun[0].frame, begun[0].entry, 0, "A"))
    play.take(events.TaskFailed(0, 0, begun[1].frame, begun[1].entry, 0, "No", None))
    assert play.redrive() == ["I", "I"]
    going = [one for one in play.move.commands if isinstance(one, DispatchTask)]
    assert [one.input for one in going] == ["b", "c"]
    done = {begun[0].frame}
    while going:
        one = going.pop(0)
        assert one.frame not in done
        done.add(one.frame)
        play.take(events.TaskSucceeded(0, 0, one.frame, one.entry, 0, one.input.upper()))
        going += [one for one in play.move.commands if isinstance(one, DispatchTask)]
    assert play.execution.output == ["A", "B", "C", "D"]


def test_an_item_that_could_not_be_begun_is_to_begin_again():
    selector = {"v.$": "$$.Map.Item.Value.x"}
    each = {"Type": "Map", "MaxConcurrency": 1, "ItemSelector": selector, "ItemProcessor": machine(I=task("i"))}
    play = Play(machine(All=each), [{"x": 1}, {}, {"x": 3}])
    play.succeed("I", 1)
    assert (play.execution.status, play.execution.error) == (Status.FAILED, "States.Runtime")
    assert play.redrive() == [] and play.execution.error == "States.Runtime"
    play.machine = load(machine(All=each | {"ItemSelector": {"v": 0}}))
    assert play.redrive(2) == ["I"]
    play.succeed("I", 2)
    play.succeed("I", 3)
    assert play.execution.output == [1, 2, 3]


def test_what_cannot_be_joined_is_done_again_as_a_whole():
    play = Play(fan(machine(A=task("a")), machine(B=task("b")), ResultSelector={"x.$": "$[9]"}))
    play.succeed("A")
    play.succeed("B")
    assert play.execution.status == Status.FAILED and set(play.execution.frames) == {""}
    assert play.redrive() == ["A", "B"]


def test_a_branch_that_was_left_between_two_states_enters_the_second():
    passes = machine(P={"Type": "Pass"}, A=task("a"))
    play = Play(fan(passes, machine(F={"Type": "Fail", "Error": "No"})))
    assert play.execution.status == Status.FAILED
    play.machine = load(fan(passes, machine(F={"Type": "Pass"})))
    assert play.redrive() == ["A"]
    entered = [one.step for one in play.move.history if one.type.endswith("StateEntered")]
    assert entered == ["A"]


def test_branches_of_a_parallel_that_was_caught_do_not_come_back():
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "End"}]
    play = Play(machine(Fan=parallel(machine(A=task("a")), machine(B=task("b")), Catch=caught), End=task("e")))
    play.fail("A")
    assert any(isinstance(one, CancelFrames) for one in play.move.commands)
    play.fail("End")
    assert play.redrive() == ["End"]


def test_a_catch_that_leads_to_a_fail_cancels_what_stood_below():
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Stop"}]
    fan_out = parallel(machine(A=task("a")), machine(B=task("b")), Catch=caught)
    play = Play(machine(Fan=fan_out, Stop={"Type": "Fail", "Error": "No"}))
    play.fail("A")
    assert play.execution.status == Status.FAILED and CancelFrames("") in play.move.commands
    assert set(play.execution.frames) == {""} and play.redrive() == []
    assert play.execution.status == Status.FAILED


def test_parallels_inside_each_other_go_on_in_their_innermost_branches():
    inner = machine(In=parallel(machine(X=task("x")), machine(Y=task("y"))))
    play = Play(fan(inner, machine(Z=task("z"))))
    play.succeed("X", 1)
    play.fail("Z")
    assert play.redrive() == ["Y", "Z"]
    play.succeed("Z", 3)
    play.succeed("Y", 2)
    assert play.execution.output == [[1, 2], 3]


def test_children_of_another_visit_are_not_those_of_this_one():
    root = Frame("", "Fan", None, entry=9, waiting=execution.FOR_CHILDREN, children=1, open=1, begun=1)
    stale, own = (
        Frame("2.0", "A", None, waiting=execution.FOR_TASK),
        Frame("9.0", "B", None, waiting=execution.FOR_TASK),
    )
    assert list(redrive.unfinished({"": root, "2.0": stale, "9.0": own})) == [own]
