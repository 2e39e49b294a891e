"""Ends its process, or hangs, at its first try; later tries succeed. ``data.how`` selects the fault."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any

HOW = {
    "exits": lambda: os._exit(9),
    "leaves": lambda: exit(3),
    "segfaults": lambda: ctypes.string_at(0),
    "hangs": signal.pause,
    "kills its process group": lambda: os.killpg(0, signal.SIGKILL),
}


def handler(event: dict[str, Any], context: object) -> str:
    if event["step"]["retry"] == 0:
        HOW[event["data"]["how"]]()
    return "behaved"
