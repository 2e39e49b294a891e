"""Sleeps for ``data.seconds`` (default 1) and occupies a worker meanwhile; a Wait state occupies none."""

from __future__ import annotations

import time

from stepwell.functions.contract import Context, Event, Json
from stepwell.functions.steps._data import data_of, number

TIMEOUT_SECONDS = 930


def handler(event: Event, context: Context) -> Json:
    seconds = number(data_of(event).get("seconds", 1), "data.seconds", low=0, high=900)
    time.sleep(seconds)
    return {"slept": seconds}
