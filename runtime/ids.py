"""Ids: UUIDs that sort by time, and a task's id made from its execution's.

The low 20 bits of an execution's id are zero. The id of its task number n is the execution's id plus n. So a task's id
needs no look-up, the tasks of an execution lie side by side in the index, and a task's id names its execution.
"""

from __future__ import annotations

import os
import time
import uuid

TASK_BITS = 20


def new_id() -> str:
    """A UUID version 7 (RFC 9562): 48 bits of milliseconds, then random bits."""
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (int(time.time() * 1000) & ((1 << 48) - 1)) << 80 | random_bits
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


def new_execution_id() -> str:
    """A UUID version 7 whose low bits are left to the numbers of its tasks."""
    return str(uuid.UUID(int=uuid.UUID(new_id()).int >> TASK_BITS << TASK_BITS))


def task_id(execution_id: str, number: int) -> str:
    """The id of an execution's task."""
    return str(uuid.UUID(int=uuid.UUID(execution_id).int | number))


def execution_of(task: str) -> str:
    """The id of a task's execution."""
    return str(uuid.UUID(int=uuid.UUID(task).int >> TASK_BITS << TASK_BITS))


def is_id(text: str) -> bool:
    """True if a text is a UUID in the form that Stepwell writes: lower case, with hyphens."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
