"""What a server answers with, and how much it has at a time."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from gunicorn.http.message import Request

from stepwell.runtime.server.connection import Deadlines

SERVED = "stepwell.server"
"""The name of the extension of a Flask application that is its ``Application``."""
LONGEST_LINE = 8190
"""The longest first line of a request."""
OTHER_FILES = 256
"""The files that a process may open beside its clients' sockets."""
_LEAST = 32


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Application:
    """A WSGI application, and what the server asks of it besides.

    ``body_limit`` is asked of a request before a large body comes: the most bytes that it may have, 0 if the
    application refuses the request without its body. Each of the paths in ``own_threads`` is answered by a thread of
    its own, and so never waits for other requests. ``stopping`` is called when the server begins to stop.
    """

    wsgi: Callable[..., Any]
    body_limit: Callable[[Request], int]
    own_threads: tuple[str, ...] = ()
    deadlines: Deadlines = field(default_factory=Deadlines)
    stopping: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Capacity:
    """The most that one server has at a time: threads at work, connections, bytes of bodies that are on their way, and
    bytes of answers that clients have not taken."""

    threads: int = 8
    connections: int = 2000
    body_bytes: int = 1 << 30
    answer_bytes: int = 256 << 20


def within_files(capacity: Capacity) -> Capacity:
    """The capacity, with no more connections than this process may open files. Raises the soft limit for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = capacity.connections + OTHER_FILES
    if resource.RLIM_INFINITY not in (soft, hard) and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return capacity
    return replace(capacity, connections=min(capacity.connections, max(_LEAST, soft - OTHER_FILES)))
