"""``python -m emulator``: web, workers and loops in one process. The state in STEPWELL_HOME survives restarts."""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
import threading
from collections.abc import Sequence

from peewee import PeeweeException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from stepwell.db.database import connect
from stepwell.db.migrate import migrate
from stepwell.emulator.clients import exports
from stepwell.functions.errors import InvalidRequest
from stepwell.runtime import logs
from stepwell.runtime.app import create_app
from stepwell.runtime.assembly import PRIVATE, Runtime, build
from stepwell.runtime.catalog.catalog import CatalogError
from stepwell.runtime.sandbox import parent
from stepwell.runtime.settings import Settings, SettingsError, read_settings
from stepwell.runtime.worker import EmbeddedConsumer, StepwellConsumer, StepwellHuey

GRACE_SECONDS = 10
SIGNAL_SECONDS = 0.5

WELCOME = """
  Stepwell is running at {url}   (dashboard: {url}/queues, state: {home}, Ctrl-C ends it)

  Try it:
    curl -X POST {url}/workflows -H "Content-Type: application/json" \\
         -d '{{"name":"hello_world","definition":{{"steps":[{{"taskName":"step1","data":{{}}}}]}}}}'
    curl -X POST {url}/workflows/hello_world/execute

"""


class QuietHandler(WSGIRequestHandler):
    """Answers requests without logging them, and speaks HTTP/1.1, so that clients keep their connections."""

    protocol_version = "HTTP/1.1"

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that never reaches the gateway in our error form, and with a status line."""
        fault = InvalidRequest(message or explain)
        body = json.dumps(fault.to_dict()).encode()
        self.close_connection = True
        self.request_version = "HTTP/1.1"
        self.send_response(code, message)
        for name, value in (("content-type", "application/json"), ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


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
    serving = threading.Thread(target=server.serve_forever, name="stepwell-web", daemon=True)
    serving.start()
    url = f"http://localhost:{server.port}"
    sys.stdout.write(WELCOME.format(url=url, home=settings.home))
    sys.stdout.flush()
    while not ended.wait(SIGNAL_SECONDS):
        pass  # a signal that comes while the event's lock is taken is handled at the next turn
    sys.stdout.write("\n  Finishing what runs ...\n")
    server.shutdown()
    serving.join()
    server.server_close()
    consumer.stop(graceful=True)
    return 0


class Unusable(Exception):
    """The emulator cannot use a port, a directory or a database. The message says which, and names its setting."""


def listen(port: int) -> socket.socket:
    """Listen on 127.0.0.1. Raises Unusable; Werkzeug would end the process instead."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as fault:
        listening.close()
        raise Unusable(f"port {port} cannot be used ({fault.strerror}); set PORT to another one") from None
    listening.listen(128)
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


def open_all(settings: Settings, listening: socket.socket) -> tuple[BaseWSGIServer, StepwellConsumer]:
    """Put everything together, and start the worker. Returns the web server, not serving yet, and the worker."""
    runtime: Runtime = build(settings)
    app = create_app(settings, runtime)
    server = make_server(
        "127.0.0.1", settings.port, app, threaded=True, request_handler=QuietHandler, fd=listening.fileno()
    )
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
