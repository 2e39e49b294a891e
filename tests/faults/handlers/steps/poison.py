"""Does no harm itself: a worker that was armed by a test dies when it is about to run it."""

from __future__ import annotations


def handler(event: object, context: object) -> str:
    return "swallowed"
