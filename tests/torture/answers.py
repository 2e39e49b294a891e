"""Answers the task tokens from the handlers' file, once for each line, repeating each answer until it arrives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.torture.client import Client

EVERY_SECONDS = 0.1
AT_ONCE = 8
TAKEN = 204
CLOSED = (400, 409)
"""The statuses for a closed token: answered before, cancelled, or replaced by a later try."""


@dataclass
class Answerer:
    client: Client
    file: Path
    taken: int = 0
    """The number of accepted answers."""

    def __post_init__(self) -> None:
        self._read = 0
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="answerer")
        self._thread = threading.Thread(target=self._watch, name="answerer", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Stop answering."""
        self._ended.set()
        self._thread.join()
        self._pool.shutdown(wait=True)

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            for token, word, number in self._new_lines():
                self._pool.submit(self._answer, token, word, int(number))

    def _new_lines(self) -> Iterator[list[str]]:
        text = self.file.read_bytes() if self.file.exists() else b""
        whole = text[self._read : text.rfind(b"\n") + 1]
        self._read += len(whole)
        return (line.split() for line in whole.decode().splitlines())

    def _answer(self, token: str, word: str, number: int) -> None:
        body = {"output": number} if word == "success" else {"error": "Refused", "cause": "it was asked for"}
        answer = self.client.post(f"/tasks/{token}/{word}", body)
        if answer is not None and answer.status == TAKEN:
            self.taken += 1
        elif answer is None or answer.status not in CLOSED:
            self.client.faults.append(f"token {token}: {word} was answered {answer}")
