"""The hot path: an execution with no frame but the root moves in one statement when its task succeeds plainly.

*Plainly*: the next thing is the next task, at once, or the end. :func:`decide` runs the core on the values that came
with the claim, without a query; the guards in ``queries.finish`` refuse the move if those are true no more.
Its rows must equal those of the general path (``save``): ``test_hot_path`` plays each move both ways.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from stepwell.db.parents import Parent
from stepwell.db.values import Claimed, Finish, Finished, HistoryLine, NextTask, Root
from stepwell.runtime.engine.core import commands, events
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.transition import Alarm, Transition, transition
from stepwell.runtime.engine.values import jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.ids import task_id
from stepwell.runtime.moves import completion, history, load, save


@dataclass(frozen=True)
class Moment:
    """The time of an event by the database's clock, and the seed of its randomness."""

    at: int
    seed: int


@dataclass(frozen=True)
class Move:
    """A plain move: the claim that it ends, the transition, and the following task as if it were claimed already."""

    claim: Claimed
    transition: Transition
    root: Root
    following: Claimed | None
    is_planned: bool


def decide(
    claim: Claimed,
    output: Json,
    machine: StateMachine,
    moment: Moment,
    limits: EngineLimits,
    alarm: Alarm | None = None,
) -> Move | None:
    """Decide the plain move that this success makes. None if the move is not plain. Raises MoveTookTooLong."""
    # A token may be answered at any time, and a frame below the root joins others: both need rows that the claim lacks.
    if claim.frame != "" or claim.token is not None:
        return None
    before = load.of_claim(claim)
    event = events.TaskSucceeded(moment.at, moment.seed, claim.frame, claim.entry, claim.attempt, output)
    made = transition(machine, before, event, limits, alarm)
    # An unchanged execution means that the event fits nothing any more; the general path finds that out under the lock.
    if made.execution is before or not _is_plain(machine, claim, made):
        return None
    dispatch = next((one for one in made.commands if isinstance(one, commands.DispatchTask)), None)
    root = save.root_of(made.execution)
    following = None if dispatch is None else _following(claim, root, dispatch)
    return Move(claim, made, root, following, bool(machine.plan))


def finish(move: Move, result: str, logs: str, may_go_on: Callable[[Claimed], bool], lease_ms: int) -> Finish:
    """The values for the one statement. ``may_go_on`` decides whether this worker may claim the following task."""
    claim, after = move.claim, move.transition.execution
    # The line TaskStarted is written only with the claim: a queued task gets it from the worker that claims it.
    claims = move.following is not None and may_go_on(move.following)
    return Finish(
        execution_id=claim.execution_id,
        revision=claim.revision,
        history_count=claim.history_count,
        task_id=claim.id,
        attempt=claim.attempt,
        owner=claim.owner,
        result=result,
        logs=logs,
        status=after.status,
        output=jsontext.write(after.output) if after.status == Status.COMPLETED else None,
        lease_ms=lease_ms,
        run_id=Parent.decode(claim.parent).run,
        root=move.root,
        lines=[*history.lines_of(move.transition), *(_started(move.following) if claims else ())],
        next=None if move.following is None else NextTask(move.following, not move.is_planned, claims),
        wakes=None if after.status == Status.IN_PROGRESS else completion.run_wake_up(claim.parent),
    )


def next_claim(written: Finish, move: Move, done: Finished) -> Claimed | None:
    """The claim that came with the move. None if no task follows, or if it was queued for any worker."""
    if move.following is None or done.attempt is None:
        return None
    # The next claim continues this count, so its own move needs no look at the execution.
    count = written.history_count + len(written.lines)
    return replace(move.following, attempt=done.attempt, now=done.now, history_count=count)


def _is_plain(machine: StateMachine, claim: Claimed, made: Transition) -> bool:
    settled, *following = made.commands
    if not isinstance(settled, commands.CompleteTask) or set(made.execution.frames) != {""}:
        return False
    if made.execution.status == Status.COMPLETED:
        # The statement can wake a Map Run; a task that waits for this execution is notified by the general path.
        can_notify = claim.parent is None or completion.run_wake_up(claim.parent) is not None
        return not following and machine.timeout_seconds is None and can_notify
    if len(following) != 1 or not isinstance(following[0], commands.DispatchTask):
        return False
    # A retry has to reset a row that an earlier try left, and a token has to be stored: FINISH does neither.
    return following[0].retry == 0 and following[0].token is None


def _following(claim: Claimed, root: Root, dispatch: commands.DispatchTask) -> Claimed:
    return replace(
        claim,
        id=task_id(claim.execution_id, dispatch.number),
        number=dispatch.number,
        entry=dispatch.entry,
        step=dispatch.step,
        function=dispatch.function,
        attempt=1,
        retries=0,
        losses=0,
        timeout_seconds=dispatch.timeout_seconds,
        visit=dispatch.visit,
        input=jsontext.write(dispatch.input),
        revision=claim.revision + 1,
        root=root,
    )


def _started(following: Claimed | None) -> list[HistoryLine]:
    if following is None:
        return []
    details = jsontext.write({"task": following.number, "attempt": following.attempt})
    return [HistoryLine("TaskStarted", "", following.step, details)]
