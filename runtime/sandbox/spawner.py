"""Starts children, all from one thread that lives as long as they may.

Linux sends a child its parent-death signal when the *thread* that started it ends, and a worker's threads come and go.
Children are started by exec: a fork of a process with threads may copy a held lock, and the copy is never released.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stepwell.runtime.sandbox.process import ChildProcess

SCRIPT = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class Workspace:
    """A child's working directory, the folders that it imports from, and its additional environment variables.

    Two functions of one directory that must not share a child differ in ``owner``.
    """

    root: Path
    roots: tuple[Path, ...]
    environment: tuple[tuple[str, str], ...] = ()
    owner: str = ""


class Spawner:
    """Starts children with exactly this environment, and Lambda's names that hold for all of them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**lambda_environment(), **environment}
        self._owner = os.getpid()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-spawner")

    def start(self, workspace: Workspace) -> ChildProcess:
        """A fresh child in this workspace. Raises OSError."""
        if os.getpid() != self._owner:
            raise RuntimeError("a sandbox does not survive a fork: make it in the process that uses it")
        return self._thread.submit(self._start, workspace).result()

    def close(self) -> None:
        """End the thread, and with it any child that still lives."""
        self._thread.shutdown()

    def _start(self, workspace: Workspace) -> ChildProcess:
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            requests_end, requests = _pipe(theirs, ours)
            answers, answers_end = _pipe(ours, theirs)
            output, output_end = _pipe(ours, theirs)
            process = subprocess.Popen(
                self._command(requests_end, answers_end, workspace),
                stdin=subprocess.DEVNULL,
                stdout=output_end,
                stderr=output_end,
                pass_fds=(requests_end, answers_end),
                env={**self._environment, **dict(workspace.environment), "LAMBDA_TASK_ROOT": str(workspace.root)},
                cwd=workspace.root,
                start_new_session=True,
            )
            ours.pop_all()
            return ChildProcess(process, requests, answers, output)

    def _command(self, requests: int, answers: int, workspace: Workspace) -> list[str]:
        roots = [workspace.root, *(other for other in workspace.roots if other != workspace.root)]
        # -B: Python compares the times of byte code and source in whole seconds, and an edit may be quicker than that
        return [sys.executable, "-B", str(SCRIPT), str(os.getpid()), str(requests), str(answers), *map(str, roots)]


def lambda_environment() -> dict[str, str]:
    """The variables that every function finds on Lambda, for those that the user has not set."""
    region = "us-east-1"
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "TZ": ":UTC",
    }


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe. The two files close its ends."""
    read, write = os.pipe()
    reader.callback(os.close, read)
    writer.callback(os.close, write)
    return read, write
