"""A frame's *entry*: the history id at which it entered its state, and the number of its last redrive, in one number.

So an event that names an entry matches one visit of the state, and no visit before or after a redrive.
"""

from __future__ import annotations

ENTRY_BITS = 15
"""The lower bits hold the history id: a history has fewer lines than they can count."""


def redriven(entry: int, number: int) -> int:
    """The entry after a redrive with this number for the frame."""
    return number << ENTRY_BITS | entered(entry)


def entered(entry: int) -> int:
    """The history id of the entry into the state."""
    return entry & (1 << ENTRY_BITS) - 1


def redrive_of(entry: int) -> int:
    """The number of the frame's last redrive; 0 when there was none."""
    return entry >> ENTRY_BITS
