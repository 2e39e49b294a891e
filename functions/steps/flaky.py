"""Fails ``data.failures`` times (default 2), then succeeds: a step to try Retry with."""

from __future__ import annotations

import logging

from stepwell.functions.contract import Context, Event, Json
from stepwell.functions.steps._data import data_of, retry_of, whole

RETRY = {"maxAttempts": 5, "intervalSeconds": 1, "backoffRate": 1.0}
TIMEOUT_SECONDS = 30

log = logging.getLogger(__name__)


class NotYet(Exception):
    """The failure that was asked for."""


def handler(event: Event, context: Context) -> Json:
    failures = whole(data_of(event).get("failures", 2), "data.failures", low=0, high=1000)
    attempt = retry_of(event) + 1
    if attempt <= failures:
        raise NotYet(f"attempt {attempt} fails, as do the first {failures}")
    log.info("attempt %d succeeds", attempt)
    return {"attempt": attempt, "failures": failures}
