"""Clients, over HTTP or inside this process. The caller repeats an unanswered request."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Protocol

import flask

Json = Any
Answer = tuple[int, Json]

PATIENCE = 10.0


class Client(Protocol):
    def send(self, method: str, path: str, body: Json = None, headers: Mapping[str, str] = {}) -> Answer | None:
        """Send one request. Returns status and body, or None without an answer."""
        ...


class Inside:
    """This process as the web process. It never dies, so it always answers."""

    def __init__(self, app: flask.Flask) -> None:
        self._client = app.test_client()

    def send(self, method: str, path: str, body: Json = None, headers: Mapping[str, str] = {}) -> Answer | None:
        answer = self._client.open(path, method=method, json=body, headers=dict(headers))
        return answer.status_code, answer.get_json(silent=True)


class Http:
    """A client over HTTP. Each request has a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    def send(self, method: str, path: str, body: Json = None, headers: Mapping[str, str] = {}) -> Answer | None:
        sent = None if body is None else json.dumps(body).encode()
        kind = {} if sent is None else {"content-type": "application/json"}
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)) as connection:
            try:
                connection.request(method, path, sent, {**headers, **kind})
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException):
                return None
        return answer.status, json.loads(text) if text else None
