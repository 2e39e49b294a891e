"""The client: it starts executions at a steady rate, repeats unanswered requests, and steers some executions.

It records every promise: an execution is *acknowledged* when its start was answered 2xx.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

from tests.torture.plans import Plan, workflows
from tests.torture.stack import Web, pause

Json = Any

TIMEOUT = 4.0
"""Seconds after which a request counts as unanswered."""

AGAIN_AFTER = 0.2
PATIENCE = 180.0
"""Seconds for which a request is repeated. No fault lasts nearly as long."""

AT_ONCE = 32


@dataclass
class Story:
    """The client's knowledge of one plan. Times are of the machine's clock, which is the database's too."""

    plan: Plan
    execution_id: str | None = None
    is_cancelled: bool = False
    """True if a cancel was acknowledged. The client repeats it until then, or until it is refused after another end."""
    paused: tuple[float, float] | None = None
    """The time from before the first pause request until the resume was acknowledged."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json


@dataclass
class Client:
    webs: tuple[Web, ...]
    rate: float
    plans: Iterator[Plan]
    stories: list[Story] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    """The number of requests by their end: "201", "503", "ConnectionRefusedError"..."""
    faults: list[str] = field(default_factory=list)
    """Answers that no client should ever see: neither the expected one nor a 503."""

    def __post_init__(self) -> None:
        self._turns = cycle(self.webs)
        self._ended = threading.Event()
        self._hurry = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="client")
        self._ticker = threading.Thread(target=self._tick, name="client-ticker", daemon=True)

    def store(self, seed: int) -> None:
        """Store the workflows of the plans."""
        for name, definition in workflows(seed).items():
            answer = self._send("POST", "/workflows", {"name": name, "definition": definition}, {})
            assert answer is not None and answer.status == 201, answer

    def begin(self) -> None:
        self._ticker.start()

    def burst(self, count: int) -> None:
        """Start ``count`` executions at once, besides the steady ones."""
        self._hurry.release(count)

    def end(self) -> None:
        """Start nothing more, and wait for the answers to all open requests."""
        self._ended.set()
        self._ticker.join()
        self._pool.shutdown(wait=True)

    def post(self, path: str, body: Json) -> Answer | None:
        """Send a POST until it is answered. Returns the answer, or None after PATIENCE seconds."""
        return self._insist("POST", path, body, {})

    def get(self, path: str) -> Answer:
        """Send a GET until it is answered. The answer is sure to come: the stack is whole at this time."""
        answer = self._insist("GET", path, None, {})
        assert answer is not None, f"GET {path} is never answered"
        return answer

    def _tick(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            if not self._hurry.acquire(timeout=max(due - time.monotonic(), 0)):
                due += 1 / self.rate
            story = Story(next(self.plans))
            self.stories.append(story)
            self._pool.submit(self._watched, story)

    def _watched(self, story: Story) -> None:
        """Carry out the client's part of a plan. An exception here is a fault to report."""
        try:
            self._start(story)
            if story.execution_id and story.plan.steering:
                pause(story.plan.after)
                getattr(self, f"_{story.plan.steering}")(story)
        except Exception as fault:
            self.faults.append(f"plan {story.plan.number}: {fault!r}")

    def _start(self, story: Story) -> None:
        plan = story.plan
        headers = {"idempotency-key": plan.key} if plan.key else {}
        send = self._insist if plan.repeats else self._send
        answer = send("POST", plan.path, plan.body, headers)
        if answer is not None and answer.status == 201:
            story.execution_id = answer.body["executionId"]
        elif plan.repeats or (answer is not None and answer.status != 503):
            self.faults.append(f"plan {plan.number}: its start was answered {answer}")
        if plan.repeats and plan.number % 10 == 0:
            self._start_again(story, headers)

    def _start_again(self, story: Story, headers: dict[str, str]) -> None:
        """Check that the same request under the same key gets the same answer, even after a clear first answer."""
        again = self._insist("POST", story.plan.path, story.plan.body, headers)
        if again is None or again.body.get("executionId") != story.execution_id:
            self.faults.append(f"plan {story.plan.number}: {story.execution_id}, and then {again}")

    def _cancel(self, story: Story) -> None:
        answer = self._insist("POST", f"/executions/{story.execution_id}/cancel", None, {})
        self._expect(story, answer, 200, 409)
        story.is_cancelled = answer is not None and answer.status == 200

    def _pause(self, story: Story) -> None:
        began = time.time()
        self._expect(story, self._insist("POST", f"/executions/{story.execution_id}/pause", None, {}), 200, 409)
        pause(story.plan.after)
        self._expect(story, self._insist("POST", f"/executions/{story.execution_id}/resume", None, {}), 200, 409)
        story.paused = (began, time.time())

    def _expect(self, story: Story, answer: Answer | None, *statuses: int) -> None:
        if answer is None or answer.status not in statuses:
            self.faults.append(f"plan {story.plan.number}: {story.plan.steering} was answered {answer}")

    def _insist(self, method: str, path: str, body: Json, headers: dict[str, str]) -> Answer | None:
        """Repeat a request until it has a clear answer. Returns it, or None after PATIENCE seconds."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self._send(method, path, body, headers)
            if _is_clear(answer):
                return answer
            pause(AGAIN_AFTER)
        return None

    def _send(self, method: str, path: str, body: Json, headers: dict[str, str]) -> Answer | None:
        """Send a request once, to the next web process. Returns None after a broken connection or a time-out."""
        host = urlsplit(next(self._turns).url).netloc
        sent = None if body is None else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if sent else {}
        try:
            with closing(http.client.HTTPConnection(host, timeout=TIMEOUT)) as connection:
                connection.request(method, path, sent, {**headers, **kind})
                response = connection.getresponse()
                text = response.read()
                answer = Answer(response.status, json.loads(text) if text else None)
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as fault:
            self.answers[type(fault).__name__] += 1
            return None
        self.answers[str(answer.status)] += 1
        return answer


def _is_clear(answer: Answer | None) -> bool:
    return answer is not None and answer.status != 503
