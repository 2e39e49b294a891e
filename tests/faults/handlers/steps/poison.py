"""Harmless by itself: an armed worker (``tests/faults/armed.py``) dies when it is about to run it."""

from __future__ import annotations


def handler(event: object, context: object) -> str:
    return "swallowed"
