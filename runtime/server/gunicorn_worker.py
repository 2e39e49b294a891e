"""Gunicorn's worker class: our server in each of gunicorn's web processes."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from types import FrameType
from typing import Any

from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

from stepwell.runtime.server.capacity import SERVED, Application, Capacity
from stepwell.runtime.server.server import Server


class ParkingWorker(Worker):
    """Serves with ``Server``: gunicorn's own settings count, as far as they concern HTTP/1.1 without TLS."""

    _server: Server | None = None

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        if cfg.is_ssl:
            raise ValueError("Stepwell's web process speaks no TLS: put a proxy that does before it")

    def run(self) -> None:
        app: Application = self.wsgi.extensions[SERVED]
        self._server = Server(
            app,
            [listener.sock for listener in self.sockets],
            self.cfg,
            self,
            replace(app.deadlines, keep_alive=self.cfg.keepalive),
            Capacity(threads=self.cfg.threads, connections=self.cfg.worker_connections),
        )
        self._server.run(self._turn)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._server is not None:
            self._server.stop(self.cfg.graceful_timeout)

    def _turn(self) -> None:
        self.notify()
        if self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False
        if not self.alive and self._server is not None:
            self._server.stop(self.cfg.graceful_timeout)

    # The server's Observer

    def begins(self, request: Request) -> None:
        self.cfg.pre_request(self, request)
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False

    def has_answered(self, response: Any, request: Request, environ: dict[str, Any], took: timedelta) -> None:
        self.log.access(response, request, environ, took)
        self.cfg.post_request(self, request, environ, response)
