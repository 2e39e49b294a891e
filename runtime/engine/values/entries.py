"""A frame's *entry*: the history id at which it entered its state, and the number of its last redrive.

Both stand in one number, so that an event which names an entry fits one visit of the state and no other.
"""

from __future__ import annotations

ENTRY_BITS = 15
"""A history has fewer lines than these bits can count."""


def redriven(entry: int, number: int) -> int:
    """The entry of a frame whose state does its work once more, by a redrive that numbers it so."""
    return number << ENTRY_BITS | entered(entry)


def entered(entry: int) -> int:
    """The history id of the entry into the state."""
    return entry & (1 << ENTRY_BITS) - 1


def redrive_of(entry: int) -> int:
    """The number that the last redrive gave a frame; 0 where there was none."""
    return entry >> ENTRY_BITS
