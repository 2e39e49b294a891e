"""Configures gunicorn for the web process.

The environment sets the address (``BIND``, ``PORT``; of a container also ``PUBLISH``) and the number of processes
(``WEB_CONCURRENCY``). Gunicorn's own options on the command line take precedence over this file.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from stepwell.db.pooler import SharedSession, refuse_shared_sessions
from stepwell.runtime.http.access_keys import check_address
from stepwell.runtime.sandbox.parent import hide
from stepwell.runtime.server.capacity import LONGEST_LINE
from stepwell.runtime.settings import read_server_settings


def on_starting(server: Any) -> None:
    """Refuse a database whose sessions are not ours, and to listen for other machines without access keys.

    The latter holds however the address was set. A socket that gunicorn inherits is not checked. A container has to
    listen on all of its addresses, and what counts is where its port is published: who starts it says so in PUBLISH.
    """
    hide()  # here, too: gunicorn's first process has the environment of those that it forks, and outlives them
    try:
        settings = read_server_settings()
        refuse_shared_sessions(settings.database_url)
        keys = dict(settings.access_keys)
        published = os.environ.get("PUBLISH")
        addresses = [one if isinstance(one, str | int) else one[0] for one in server.cfg.address]
        for address in [published] if published else addresses:
            if not isinstance(address, int):
                check_address(address, keys)
    except (ValueError, SharedSession) as fault:
        sys.exit(f"Stepwell does not start: {fault}")


bind = f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '3000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8
worker_class = "stepwell.runtime.server.gunicorn_worker.ParkingWorker"
worker_connections = 2000
keepalive = 75  # a connection that waits costs no thread
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a container's disk can stall the heartbeat
preload_app = False  # each worker opens its own database, queue and sandbox; none of them outlives a fork
graceful_timeout = 4  # honcho kills the processes left 5 s after SIGTERM
limit_request_line = LONGEST_LINE
control_socket_disable = True


def post_worker_init(worker: object) -> None:
    """Exclude all that is loaded by now from garbage collection, which would look through it during requests."""
    gc.collect()
    gc.freeze()
