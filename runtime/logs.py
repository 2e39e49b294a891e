"""Sends the processes' own log lines to standard error, with time, level and name. Handlers' output is kept apart."""

from __future__ import annotations

import logging

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(level: int = logging.INFO) -> None:
    """Show our own lines from ``level`` on, and the warnings of others. A second call changes only the level."""
    logging.basicConfig(level=logging.WARNING, format=FORM)
    logging.getLogger("stepwell").setLevel(level)
