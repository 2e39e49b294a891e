"""How gunicorn serves the web process.

The environment has a say in where it listens (``BIND``, ``PORT``) and in how many processes (``WEB_CONCURRENCY``);
gunicorn's own options on the command line come before this file.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from stepwell.functions.errors import InvalidRequest, StepwellError
from stepwell.runtime.http.access_keys import check_address
from stepwell.runtime.settings import read_settings


class JsonWorker(ThreadWorker):
    """Gunicorn's worker of many threads; what it refuses before our gateway sees it is refused in our error form."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        super().handle_error(req, Refusal(client, exc), addr, exc)


class Refusal:
    """A client's socket for gunicorn to write its HTML page to: the status stays, the body becomes JSON."""

    def __init__(self, client: socket.socket, reason: Exception) -> None:
        self._client = client
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def sendall(self, page: bytes) -> None:
        status_line = page.partition(b"\r\n")[0]
        is_ours = status_line.split()[1] == b"500"
        error = StepwellError() if is_ours else InvalidRequest(str(self._reason))
        body = json.dumps(error.to_dict()).encode()
        headers = f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._client.sendall(status_line + b"\r\n" + headers.encode() + body)


def on_starting(server: Any) -> None:
    """Whatever said where to listen: others are let in by their keys alone. A socket that we are handed is as it is."""
    try:
        keys = dict(read_settings().access_keys)
        for address in server.cfg.address:
            if not isinstance(address, int):
                check_address(address if isinstance(address, str) else address[0], keys)
    except ValueError as fault:
        sys.exit(f"Stepwell does not start: {fault}")


bind = f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '3000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8
worker_class = JsonWorker
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a container's disk can stall the heartbeat
preload_app = False  # each worker opens its own database, queue and sandbox; none of them outlives a fork
graceful_timeout = 4  # honcho kills what is left 5 s after SIGTERM
limit_request_line = 8190
control_socket_disable = True


def post_worker_init(worker: object) -> None:
    """What is loaded by now stays for good: collecting garbage need not look through it in the middle of a request."""
    gc.collect()
    gc.freeze()
