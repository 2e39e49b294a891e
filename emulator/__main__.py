"""``python -m emulator``: web, workers and loops in one process. The state in STEPWELL_HOME survives restarts."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Sequence

from gunicorn.config import Config
from peewee import PeeweeException

from stepwell.db.database import connect
from stepwell.db.migrate import migrate
from stepwell.emulator.clients import exports
from stepwell.runtime import logs
from stepwell.runtime.app import create_app
from stepwell.runtime.assembly import PRIVATE, Runtime, build
from stepwell.runtime.catalog.catalog import CatalogError
from stepwell.runtime.sandbox import parent
from stepwell.runtime.server.capacity import LONGEST_LINE, SERVED, Application, Capacity
from stepwell.runtime.server.response import Unobserved
from stepwell.runtime.server.server import Server
from stepwell.runtime.settings import Settings, SettingsError, read_settings
from stepwell.runtime.worker import EmbeddedConsumer, StepwellConsumer, StepwellHuey

GRACE_SECONDS = 10
SIGNAL_SECONDS = 0.5
BACKLOG = 2048
"""Connections that wait to be accepted, as gunicorn has them."""

WELCOME = """
  Stepwell is running at {url}   (dashboard: {url}/queues, state: {home}, Ctrl-C ends it)

  Try it:
    curl -X POST {url}/workflows -H "Content-Type: application/json" \\
         -d '{{"name":"hello_world","definition":{{"steps":[{{"taskName":"step1","data":{{}}}}]}}}}'
    curl -X POST {url}/workflows/hello_world/execute

"""


def main(arguments: Sequence[str] = ()) -> int:
    """Serve until a signal comes, or print the variables for AWS's clients (``env``). Returns the exit status."""
    if list(arguments) == ["env"]:
        return _tell_clients()
    if arguments:
        return _refuse(f"it knows no argument but env, and was given {' '.join(arguments)!r}")
    logs.configure(logging.WARNING)
    logging.getLogger("huey").setLevel(logging.WARNING)
    parent.hide()
    try:
        settings = read_settings()
        listening = listen(settings.port)
        open_state(settings)
        server, consumer = open_all(settings, listening)
    except (SettingsError, CatalogError, Unusable) as fault:
        return _refuse(str(fault))
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    serving = threading.Thread(target=server.run, name="stepwell-web", daemon=True)
    serving.start()
    url = f"http://localhost:{listening.getsockname()[1]}"
    sys.stdout.write(WELCOME.format(url=url, home=settings.home))
    sys.stdout.flush()
    while not ended.wait(SIGNAL_SECONDS):
        pass  # a signal that comes while the event's lock is taken is handled at the next turn
    sys.stdout.write("\n  Finishing what runs ...\n")
    server.stop(GRACE_SECONDS)
    serving.join()
    consumer.stop(graceful=True)
    return 0


class Unusable(Exception):
    """The emulator cannot use a port, a directory or a database. The message says which, and names its setting."""


def listen(port: int) -> socket.socket:
    """Listen on 127.0.0.1. Raises Unusable."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as fault:
        listening.close()
        raise Unusable(f"port {port} cannot be used ({fault.strerror}); set PORT to another one") from None
    listening.listen(BACKLOG)
    return listening


def open_state(settings: Settings) -> None:
    """Make the state's directory and the database's tables, where they are missing. Raises Unusable."""
    try:
        settings.home.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        connect(settings.database_url, synchronous=settings.sqlite_synchronous)
        migrate()
    except OSError as fault:
        raise Unusable(f"{fault.filename} cannot be used ({fault.strerror}); see STEPWELL_HOME") from None
    except PeeweeException as fault:
        reason = str(fault).partition("\n")[0]
        raise Unusable(f"the database cannot be used ({reason}); see DATABASE_URL") from None


def open_all(settings: Settings, listening: socket.socket) -> tuple[Server, StepwellConsumer]:
    """Put everything together, and start the worker. Returns the web server, not serving yet, and the worker."""
    runtime: Runtime = build(settings)
    app: Application = create_app(settings, runtime).extensions[SERVED]
    config = Config()
    config.set("limit_request_line", LONGEST_LINE)
    server = Server(app, [listening], config, Unobserved(), app.deadlines, Capacity())
    huey = StepwellHuey(runtime)
    huey.consumer_class = EmbeddedConsumer
    consumer = huey.create_consumer(workers=settings.workers, shutdown_timeout=GRACE_SECONDS)
    consumer.start()
    return server, consumer


def _refuse(message: str) -> int:
    sys.stderr.write(f"Stepwell does not start: {message}\n")
    return 2


def _tell_clients() -> int:
    try:
        sys.stdout.write(exports(read_settings()))
    except SettingsError as fault:
        return _refuse(str(fault))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
