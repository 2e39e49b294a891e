"""Works until its gate, the file ``data.gate``, exists; without one it ends at once. ``data.how`` selects the work."""

from __future__ import annotations

import re
import time
from typing import Any

from steps._notes import note, place

HARD_TO_MATCH = "a" * 20 + "b"
HOW = {
    "sleep": lambda: time.sleep(0.01),
    "regex": lambda: re.match("(a+)+$", HARD_TO_MATCH),
    "sum": lambda: sum(range(5_000_000)),
}


def handler(event: dict[str, Any], context: object) -> str:
    data, key = event["data"] or {}, event["step"]["idempotencyKey"]
    note("began", key)
    while "gate" in data and not (place() / data["gate"]).exists():
        HOW[data.get("how", "sleep")]()
    note("ended", key)
    return "worked"
