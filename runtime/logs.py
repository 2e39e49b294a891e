"""Where the processes' own log lines go: to standard error, with time, level and name. Handlers' are kept apart."""

from __future__ import annotations

import logging

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(level: int = logging.INFO) -> None:
    """Show our own lines from ``level`` on, and what others warn of. Once is enough; again changes nothing."""
    logging.basicConfig(level=logging.WARNING, format=FORM)
    logging.getLogger("stepwell").setLevel(level)
