"""The emulator with a short grace time for running handlers at its end: ``python -m tests.crash.hasty``."""

from __future__ import annotations

import sys

from stepwell.emulator import __main__ as emulator

GRACE_SECONDS = 0.1

if __name__ == "__main__":
    emulator.GRACE_SECONDS = GRACE_SECONDS
    sys.exit(emulator.main())
