"""A bench: handlers written by a test, called through a real pool. Also waits for conditions."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from stepwell.runtime.sandbox.pool import Call, Ending, Pool

ENOUGH_SECONDS = 30.0
"""Far longer than anything here; only a fault waits this long."""

CONTEXT = {
    "aws_request_id": "7f1c9d1e",
    "function_name": "send",
    "function_version": "$LATEST",
    "memory_limit_in_mb": "128",
    "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:send",
    "log_group_name": "/aws/lambda/send",
}


@dataclass
class Bench:
    root: Path
    pool: Pool

    def write(self, name: str, source: str) -> Path:
        """Put a module into ``steps``."""
        path = self.root / "steps" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return path

    def call(self, name: str, event: Any = None, *, timeout: float = ENOUGH_SECONDS, key: str = "key") -> Ending:
        """Call a module's handler by its file."""
        path = self.root / "steps" / f"{name}.py"
        return self.pool.call(Call(f"steps.{name}", path, json.dumps(event), CONTEXT), key=key, timeout_seconds=timeout)

    def result(self, name: str, event: Any = None) -> Any:
        """What a handler returned."""
        return json.loads(answer(self.call(name, event))["result"])

    def run(self, source: str, event: Any = None, **options: Any) -> Ending:
        """Call a handler given as the body of ``handler(event, context)``."""
        self.write("inline", "def handler(event, context):\n" + textwrap.indent(textwrap.dedent(source), "    "))
        return self.call("inline", event, **options)


@contextmanager
def open_bench(root: Path, *more_roots: Path, **options: Any) -> Iterator[Bench]:
    """A bench over one root, with a pool of its own; the pool may have more roots."""
    pool = Pool({"PATH": "/usr/bin:/bin", "GIVEN": "yes"}, [root, *more_roots], 1 << 16, **options)
    try:
        yield Bench(root, pool)
    finally:
        pool.close()


def answer(ending: Ending) -> dict[str, Any]:
    """The answer of a call. It must have one."""
    assert ending.answer is not None, ending
    return dict(ending.answer)


def wait_until(condition: Callable[[], Any]) -> Any:
    """Wait for the first true value of a condition, and return it. Fails after ENOUGH_SECONDS."""
    end = time.monotonic() + ENOUGH_SECONDS
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {ENOUGH_SECONDS} s: {condition}")


def gone(pid: int) -> bool:
    """True if a process has ended; a zombie has."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
