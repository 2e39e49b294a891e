"""Protects the process that starts children: they run as its user, who may read the memory of his other processes."""

from __future__ import annotations

import ctypes
import logging
import os
import sys

log = logging.getLogger("stepwell.sandbox")

_PR_SET_DUMPABLE = 4


def hide() -> None:
    """Let no other process of this user read the environment or the memory of this one: they hold our secrets.

    A process that this one forks is hidden, too, until it executes a program. Linux only; root reads them all the same.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)


def warn_of_root() -> None:
    """Log that handlers run as root, if they do: nothing is hidden from them."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        log.warning("this process runs as root, and so does every handler: run it as an ordinary user")
