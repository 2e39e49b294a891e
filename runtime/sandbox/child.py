"""The child: a process that runs step handlers, one invocation at a time, until its parent is gone.

Run by path with the standard library alone, so that it starts fast and a handler finds nothing of ours in it::

    python child.py <parent's pid> <requests fd> <answers fd> <root> [<root> ...]

Requests come in on one pipe and answers leave by another, as JSON behind a 4-byte big-endian length. A request is
``{"module", "path", "handler", "event": <JSON text>, "context": {...}}``; an answer is ``{"result": <JSON text>}``,
``{"oversize": <bytes>}``, ``{"unreadable": <bytes>}``, ``{"error": {errorMessage, errorType, requestId,
stackTrace}}`` or ``{"stale": true}``, which
says that code was changed after it was read: nothing was run, a fresh child has to. ``"spent": true`` beside an answer
says that the handler left the process unfit for another. Whatever is printed goes to descriptors 1 and 2 as it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import resource
import signal
import struct
import sys
import threading
import time
import traceback
import types
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from typing import Any, NoReturn, TextIO

from invocation import Handlers, SourceWatch, exit_status, perform  # type: ignore[import-not-found]

del sys.modules["invocation"]  # the neighbour file; a handler may have a module of that name

GROWTH_BYTES = 512 << 20
"""A child that grew by more than this is not used again: a leak ends with the process."""

_LENGTH = struct.Struct(">I")
_PR_SET_PDEATHSIG = 1


class LambdaLog(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes Lambda's line: ``[INFO]<tab>2026-11-24T02:53:26.965Z<tab><request id><tab>message``."""

    request_id = ""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        formatter = logging.Formatter(form, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def format(self, record: logging.LogRecord) -> str:
        record.aws_request_id = self.request_id
        return super().format(record)


class Channel:
    """Length-prefixed JSON over two descriptors, each checked for a replacement before it is written to."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, answers
        for fd in (requests, answers):
            os.set_inheritable(fd, False)
        self._identity = self._look()

    def intact(self) -> bool:
        """True if no handler has closed or replaced a pipe or standard output."""
        try:
            return self._look() == self._identity
        except OSError:
            return False

    def receive(self) -> dict[str, Any] | None:
        """The next request, or None when there will be none."""
        try:
            head = self._read(_LENGTH.size)
            body = self._read(_LENGTH.unpack(head)[0]) if head else b""
        except OSError:
            return None
        return json.loads(body) if body else None

    def send(self, answer: Mapping[str, Any]) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode()
        left = memoryview(_LENGTH.pack(len(body)) + body)
        while left:
            left = left[os.write(self._answers, left) :]

    def _look(self) -> list[tuple[int, int]]:
        return [(found.st_dev, found.st_ino) for found in map(os.fstat, (1, 2, self._requests, self._answers))]

    def _read(self, length: int) -> bytes:
        parts = []
        while length:
            part = os.read(self._requests, min(length, 1 << 16))
            if not part:
                return b""
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


class RequestLoop:
    """Serves the requests of the parent until it closes the channel."""

    def __init__(self, channel: Channel, watch: SourceWatch) -> None:
        self._channel, self._watch = channel, watch
        self._handlers = Handlers(watch)
        self._pid = os.getpid()
        self._streams = sys.stdout, sys.stderr
        self._home = os.getcwd()
        self._environment = dict(os.environ)
        self._stream_name = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{os.urandom(16).hex()}"
        self._log = LambdaLog()
        self._function: str | None = None
        self._size = _peak_bytes()

    def serve(self) -> NoReturn:
        """Answer requests until there are no more, then leave the process. Passes on a handler's SystemExit."""
        logging.basicConfig(level=logging.INFO, handlers=[self._log])
        while (request := self._channel.receive()) is not None:
            if self._watch.changed():
                self._channel.send({"stale": True})
                continue
            self._answer(request)
        leave(0)

    def _answer(self, request: dict[str, Any]) -> None:
        request["context"]["log_stream_name"] = self._stream_name
        self._prepare(request)
        answer = perform(self._handlers, request, self._home)
        if os.getpid() != self._pid:
            leave(0)  # a fork that the handler made and let return: only the original may answer
        self._tidy()
        if not self._channel.intact():
            leave(1)
        self._channel.send({**answer, "spent": True} if self._spent() else answer)

    def _prepare(self, request: Mapping[str, Any]) -> None:
        """A function finds the traces of its own last call, as on Lambda, and of no other function."""
        context = request["context"]
        self._log.request_id = context["aws_request_id"]
        if self._function == request["module"]:
            return
        self._function = request["module"]
        os.environ.clear()
        os.environ.update(self._environment)
        os.environ.update(
            _HANDLER=f"{request['module']}.{request['handler']}",
            AWS_LAMBDA_FUNCTION_NAME=context["function_name"],
            AWS_LAMBDA_FUNCTION_VERSION=context["function_version"],
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE=context["memory_limit_in_mb"],
            AWS_LAMBDA_LOG_GROUP_NAME=context["log_group_name"],
            AWS_LAMBDA_LOG_STREAM_NAME=context["log_stream_name"],
        )
        with contextlib.suppress(OSError):  # gone: then the handler's file is gone too, and the answer reports that
            os.chdir(self._home)

    def _tidy(self) -> None:
        signal.alarm(0)
        for stream in {sys.stdout, sys.stderr, *self._streams}:
            with contextlib.suppress(Exception):
                stream.flush()
        sys.stdout, sys.stderr = self._streams

    def _spent(self) -> bool:
        return _peak_bytes() - self._size > GROWTH_BYTES or any(map(_unusable, self._streams))


def _peak_bytes() -> int:
    """The most memory this process ever held; Linux counts its parent's size at the start in, so compare."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _unusable(stream: TextIO) -> bool:
    try:
        return stream.closed
    except ValueError:
        return True  # detached


def leave(status: int) -> NoReturn:
    """End at once: exit handlers and threads of a handler cannot hold the process."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):
            stream.flush()  # type: ignore[union-attr]
    os._exit(status)


def die_with(parent: int) -> None:
    """Make sure that this process ends when its parent does, however that dies and whatever runs here."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(0)


def _watch_parent(parent: int, every_seconds: float = 1.0) -> NoReturn:
    while os.getppid() == parent:
        time.sleep(every_seconds)
    os._exit(0)


def main(arguments: Sequence[str]) -> NoReturn:
    parent, requests, answers, *roots = arguments
    die_with(int(parent))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [*roots, *(entry for entry in sys.path if entry != here)]
    sys.argv[:] = [""]
    watch = SourceWatch(roots)
    sys.modules["__main__"] = types.ModuleType("__main__")  # multiprocessing must not import this file in its children
    sys.meta_path.insert(sys.meta_path.index(PathFinder), watch)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    try:
        RequestLoop(Channel(int(requests), int(answers)), watch).serve()
    except SystemExit as request:
        leave(exit_status(request.code))
    except BaseException:
        traceback.print_exc()
        leave(1)


if __name__ == "__main__":
    main(sys.argv[1:])
