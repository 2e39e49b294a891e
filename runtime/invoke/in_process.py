"""Runs handlers in this very process, for unit tests."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.invoke.outcome import Outcome, exited, read_answer, time_limit
from stepwell.runtime.invoke.target import Invocation
from stepwell.runtime.sandbox import invocation as sandbox
from stepwell.runtime.sandbox.process import describe_exit
from stepwell.runtime.settings import Settings


class InProcessInvoker:
    """The outcomes of ``Invoker`` without its protection: no time-out, and a handler that dies ends this process.

    A handler's output is caught by replacing ``sys.stdout`` meanwhile, so one invocation at a time.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()

    def run(self, invocation: Invocation) -> Outcome:
        """Run a handler to its end. Its context has the time limit, which is not enforced."""
        limit, _ = time_limit(invocation, self._settings.function_timeout_seconds)
        target = invocation.target
        request = {
            "module": target.module,
            "path": str(target.path),
            "handler": target.handler,
            "event": invocation.event,
            "context": {**invocation.context(), "log_stream_name": "", "remaining_ms": limit * 1000},
        }
        started, output = time.monotonic(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), _imported_anew(target.module):
            outcome = self._perform(request, invocation)
        return replace(outcome, logs=output.getvalue(), seconds=time.monotonic() - started)

    def kill(self, key: str) -> bool:
        """False: nothing can be stopped here."""
        return False

    def keep_warm(self, slots: int) -> None:
        """Do nothing: there are no children."""

    def close(self) -> None:
        """Do nothing: there is nothing to end."""

    def _perform(self, request: Mapping[str, Json], invocation: Invocation) -> Outcome:
        target = invocation.target
        root = str(target.workspace.root if target.workspace else target.path.parent)
        try:
            answer = sandbox.perform(sandbox.Handlers(sandbox.SourceWatch(())), request, root)
        except SystemExit as fault:
            return exited(invocation.request_id, describe_exit(sandbox.exit_status(fault.code)))
        return read_answer(answer, invocation, self._settings.limits.payload)


@contextmanager
def _imported_anew(module: str) -> Iterator[None]:
    """Import from the source, and forget it afterwards unless it was there before: the name may become another's."""
    known, writes_no_code = module in sys.modules, sys.dont_write_bytecode
    # Byte code would outlive the file: a test may write another file of this name within the same second.
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_no_code
        if not known:
            sys.modules.pop(module, None)
