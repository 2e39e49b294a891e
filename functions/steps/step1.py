"""Logs its data and returns it: the first of the two example steps."""

from __future__ import annotations

import logging

from stepwell.functions.contract import Context, Event, Json

TIMEOUT_SECONDS = 30

log = logging.getLogger(__name__)


def handler(event: Event, context: Context) -> Json:
    data = event.get("data")
    log.info("step1 received %r", data)
    print("step1 done")
    return {"step": "step1", "received": data}
