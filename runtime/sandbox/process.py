"""The parent's end of one child: its pipes, its death."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Any

from stepwell.runtime.sandbox.output import Output

PULSE_SECONDS = 0.1
ANSWER_BYTES = 64 << 20
"""An answer is a result of at most 6 MB, escaped once more. A longer one is refused."""

_CHUNK = 1 << 16
_DRAIN_BYTES = 1 << 20
_LENGTH = struct.Struct(">I")


class Overdue(Exception):
    """The deadline passed before the child had answered."""


class Gone(Exception):
    """The child has ended, or closed or spoiled the pipe by which it answers."""


class ChildProcess:
    """One child process. One thread uses it at a time. Between invocations its output is not read.

    Only :meth:`kill` may be called by any thread at any time. The process is reaped in :meth:`end` alone, and after
    its group has been killed, so that a group's id cannot have become another one's when the signal is sent.
    """

    def __init__(self, process: subprocess.Popen[bytes], requests: int, answers: int, output: int) -> None:
        self._process = process
        self._requests, self._answers, self._output = requests, answers, output
        for fd in (requests, answers, output):
            os.set_blocking(fd, False)
        self._poller = select.poll()
        self._poller.register(answers, select.POLLIN)
        self._poller.register(output, select.POLLIN)
        self._unsent = memoryview(b"")
        self._received = bytearray()
        self._reaping = threading.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self) -> bool:
        """True if it lives and waits. Drops the output since its last answer."""
        self.drain(Output(0))
        return self._read_answers() is None

    def exchange(self, request: Mapping[str, Any], deadline: float, output: Output) -> dict[str, Any]:
        """Send a request, and return its answer by ``time.monotonic() == deadline``.

        Raises Overdue or Gone: end the child then.
        """
        body = json.dumps(request, ensure_ascii=False).encode()
        self._received.clear()
        self._unsent = memoryview(_LENGTH.pack(len(body)) + body)
        self._send()
        if self._unsent:
            self._poller.register(self._requests, select.POLLOUT)
        pulse = time.monotonic() + PULSE_SECONDS
        while (answer := self._answer()) is None:
            now = time.monotonic()
            if now >= deadline:
                raise Overdue
            if now >= pulse:
                pulse = now + PULSE_SECONDS
                self._check_alive()
            self._wait(min(deadline, pulse) - now, output)
        self.drain(output)
        return answer

    def drain(self, output: Output) -> None:
        """Read the output so far: all that was printed before the child answered."""
        left = _DRAIN_BYTES  # a pipe holds no more; without a bound, a flood from a grandchild would keep us here
        with contextlib.suppress(BlockingIOError):
            while left > 0 and (data := os.read(self._output, _CHUNK)):
                output.add(data)
                left -= len(data)

    def kill(self) -> None:
        """Kill the child and all that it has started, unless it was reaped already."""
        with self._reaping:
            if self._process.returncode is None:
                self._kill_group()

    def end(self, output: Output) -> str | None:
        """Kill and reap the child, take its last words and close its pipes. Returns how it ended, in Lambda's words."""
        with self._reaping:
            self._kill_group()
            self._process.wait()
        self.drain(output)
        for fd in (self._requests, self._answers, self._output):
            os.close(fd)
        return describe_exit(self._process.returncode)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM where all are zombies
            os.killpg(self._process.pid, signal.SIGKILL)

    def _check_alive(self) -> None:
        """Raises Gone for a child that has died although a grandchild still holds its pipes open."""
        if not hasattr(os, "waitid"):
            return  # macOS before Python 3.13: then the deadline finds it
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            raise Gone

    def _wait(self, seconds: float, output: Output) -> None:
        for fd, _ in self._poller.poll(seconds * 1000):
            if fd == self._requests:
                self._send_rest()
            elif fd == self._answers:
                self._receive()
            else:
                self._take(output)

    def _send(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
        except BlockingIOError:
            pass  # the pipe is full: go on when the poller reports space
        except BrokenPipeError:
            raise Gone from None

    def _send_rest(self) -> None:
        self._send()
        if not self._unsent:
            self._poller.unregister(self._requests)

    def _receive(self) -> None:
        data = self._read_answers()
        if data == b"":
            raise Gone
        self._received += data or b""

    def _read_answers(self) -> bytes | None:
        """The bytes in the answer pipe: None when there are none yet, empty at its end."""
        try:
            return os.read(self._answers, _CHUNK)
        except BlockingIOError:
            return None

    def _take(self, output: Output) -> None:
        data = os.read(self._output, _CHUNK)
        output.add(data)
        if not data:
            self._poller.unregister(self._output)

    def _answer(self) -> dict[str, Any] | None:
        """The answer once all of it is there. Raises Gone for bytes that cannot be one, like an answer and more."""
        if len(self._received) < _LENGTH.size:
            return None
        whole = _LENGTH.size + _LENGTH.unpack_from(self._received)[0]
        if whole > ANSWER_BYTES:
            raise Gone
        if len(self._received) < whole:
            return None
        body = bytes(self._received[_LENGTH.size :])
        self._received.clear()
        return _decode(body)


def _decode(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise Gone from None
    if not isinstance(answer, dict):
        raise Gone
    return answer


def describe_exit(returncode: int) -> str | None:
    """``exit status 9`` or ``signal: killed``; None for 0, for which Lambda gives no reason."""
    if returncode < 0:
        name = signal.strsignal(-returncode) or str(-returncode)
        return f"signal: {name.partition(':')[0].lower()}"  # macOS adds the number: "Killed: 9"
    return f"exit status {returncode}" if returncode else None
