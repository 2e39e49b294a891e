"""Logs its data and returns it with the result of step1: the second of the two example steps."""

from __future__ import annotations

import logging

from stepwell.functions.contract import Context, Event, Json
from stepwell.functions.steps._data import result_of

TIMEOUT_SECONDS = 30

log = logging.getLogger(__name__)


def handler(event: Event, context: Context) -> Json:
    data = event.get("data")
    log.info("step2 received %r", data)
    print("step2 done")
    return {"step": "step2", "received": data, "previous": result_of(event, "step1")}
