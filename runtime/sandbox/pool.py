"""The children of this process: the idle ones, the running calls, and how each call ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from stepwell.runtime.sandbox.output import Output
from stepwell.runtime.sandbox.process import ChildProcess, Gone, Overdue
from stepwell.runtime.sandbox.spawner import Spawner, Workspace

IDLE_CHILDREN = 8


@dataclass(frozen=True)
class Call:
    """One invocation of a function. ``event`` is JSON text; ``workspace`` None means the root above ``path``."""

    module: str
    path: Path
    event: str
    context: Mapping[str, Any]
    handler: str = "handler"
    workspace: Workspace | None = None


class How(Enum):
    """How a call ended."""

    ANSWERED = "answered"  #: the child has answered
    EXITED = "exited"  #: the child ended, or can no longer answer
    OVERDUE = "overdue"  #: the time was up; the child is dead
    KILLED = "killed"  #: another thread wanted it so; the child is dead


@dataclass(frozen=True)
class Ending:
    """The end of a call: ``answer`` if it was answered, ``exit`` ("exit status 9") if the child ended."""

    how: How
    logs: str
    seconds: float
    answer: Mapping[str, Any] | None = None
    exit: str | None = None


@dataclass(eq=False)
class _Run:
    key: str
    started: float
    deadline: float
    output: Output
    child: ChildProcess | None = None
    killed: bool = False

    def ending(self, how: How, answer: Mapping[str, Any] | None = None, exit: str | None = None) -> Ending:
        return Ending(how, self.output.text(), time.monotonic() - self.started, answer, exit)


class Pool:
    """Runs calls in warm children, each call alone in its child. Any thread may use it; not across a fork.

    As many calls run as there are callers: the bound is the number of worker slots. A child serves the functions of one
    workspace only, so that two roots may both have a ``steps/_format.py``.
    """

    def __init__(
        self, environment: Mapping[str, str], roots: Sequence[Path], log_limit: int, idle_limit: int = IDLE_CHILDREN
    ) -> None:
        self._roots = tuple(roots)
        self._log_limit = log_limit
        self._idle_limit = idle_limit
        self._spawner = Spawner(environment)
        self._changed = threading.Condition()
        self._idle: list[tuple[Workspace, ChildProcess]] = []
        self._runs: set[_Run] = set()
        self._closed = False

    def call(self, call: Call, *, key: str, timeout_seconds: float) -> Ending:
        """Run a call to its end, or until its time-out. Raises OSError when no child starts."""
        workspace = call.workspace or self._workspace_of(call.path)
        with self._run(key, timeout_seconds) as run:
            ending = None
            while ending is None and not run.killed:
                ending = self._exchange(run, workspace, self._take(workspace), call)
            return ending or run.ending(How.KILLED)

    def keep_idle(self, slots: int) -> None:
        """Let this many children of each root wait for work."""
        self._idle_limit = slots * len(self._roots)

    def kill(self, key: str) -> bool:
        """Kill the calls that run under this key: each ends as KILLED. False when there is none."""
        with self._changed:
            found = [run for run in self._runs if run.key == key]
            _kill(found)
        return bool(found)

    def close(self) -> None:
        """Kill every child, the running ones as well; a call from now on is KILLED before it starts."""
        with self._changed:
            self._closed = True
            _kill(self._runs)
            idle, self._idle = self._idle, []
            self._changed.wait_for(lambda: not self._runs)
        for _, child in idle:
            child.end(Output(0))
        self._spawner.close()

    def _workspace_of(self, path: Path) -> Workspace:
        over = [root for root in self._roots if path.is_relative_to(root)]
        return Workspace(max(over, key=lambda root: len(root.parts), default=path.parent), self._roots)

    @contextmanager
    def _run(self, key: str, timeout_seconds: float) -> Iterator[_Run]:
        now = time.monotonic()
        run = _Run(key, now, now + timeout_seconds, Output(self._log_limit))
        with self._changed:
            run.killed = self._closed
            self._runs.add(run)
        try:
            yield run
        finally:
            with self._changed:
                self._runs.discard(run)
                self._changed.notify_all()

    def _take(self, workspace: Workspace) -> ChildProcess:
        while (child := self._pop_idle(workspace)) is not None:
            if child.ready():
                return child
            child.end(Output(0))
        return self._spawner.start(workspace)

    def _pop_idle(self, workspace: Workspace) -> ChildProcess | None:
        """The child of this workspace that was used last: the others may rest until they are dropped."""
        with self._changed:
            for at in reversed(range(len(self._idle))):
                if self._idle[at][0] == workspace:
                    return self._idle.pop(at)[1]
        return None

    def _exchange(self, run: _Run, workspace: Workspace, child: ChildProcess, call: Call) -> Ending | None:
        """How the call ended in this child, or None when a fresh child has to run it."""
        answer: Mapping[str, Any] = {}
        how, exit = How.ANSWERED, None
        try:
            self._attach(run, child)
            answer = child.exchange(_request(call, run.deadline), run.deadline, run.output)
        except Overdue:
            how = How.OVERDUE
        except Gone:
            how = How.EXITED
        finally:
            killed = self._detach(run)
            if how is How.ANSWERED and answer and not killed and not answer.keys() & {"stale", "spent"}:
                self._give_back(workspace, child)
            else:
                exit = child.end(run.output)
        if killed:
            return run.ending(How.KILLED)
        return None if "stale" in answer else run.ending(how, answer, exit)

    def _attach(self, run: _Run, child: ChildProcess) -> None:
        with self._changed:
            run.child = child
            if run.killed:
                child.kill()

    def _detach(self, run: _Run) -> bool:
        with self._changed:
            run.child = None
            return run.killed

    def _give_back(self, workspace: Workspace, child: ChildProcess) -> None:
        with self._changed:
            self._idle.append((workspace, child))
            surplus = self._idle.pop(0)[1] if len(self._idle) > self._idle_limit else None
        if surplus is not None:
            surplus.end(Output(0))


def _kill(runs: Iterable[_Run]) -> None:
    for run in runs:
        run.killed = True
        if run.child is not None:
            run.child.kill()


def _request(call: Call, deadline: float) -> dict[str, Any]:
    left = max(0.0, deadline - time.monotonic())
    return {
        "module": call.module,
        "path": str(call.path),
        "handler": call.handler,
        "event": call.event,
        "context": {**call.context, "remaining_ms": left * 1000},
    }
