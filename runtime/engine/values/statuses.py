"""The statuses of executions and tasks, with their transitions. The database and the API use the same words."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The status of an execution. Only a redrive leaves one of the last four."""

    IN_PROGRESS = "IN_PROGRESS"  #: start, or redrive of one that failed, timed out or was cancelled
    COMPLETED = "COMPLETED"  #: in progress -> completed
    FAILED = "FAILED"  #: in progress -> failed
    TIMED_OUT = "TIMED_OUT"  #: in progress -> timed out
    CANCELLED = "CANCELLED"  #: in progress -> cancelled


class TaskStatus(StrEnum):
    """The status of a task."""

    PENDING = "PENDING"  #: planned, its turn has not come; in progress -> pending: a retry waits for its time
    QUEUED = "QUEUED"  #: pending -> queued: a worker may claim it; in progress -> queued: handed back or lost
    IN_PROGRESS = "IN_PROGRESS"  #: queued -> in progress: claimed, or polled from outside
    COMPLETED = "COMPLETED"  #: in progress -> completed
    FAILED = "FAILED"  #: in progress -> failed; queued -> failed: its time is up, or its function is missing
    CANCELLED = "CANCELLED"  #: pending, queued or in progress -> cancelled: its state or its execution has ended


class MapRunStatus(StrEnum):
    """The status of a Map Run: of a Map in distributed mode, with its child executions."""

    RUNNING = "RUNNING"  #: start, or redrive of one that failed or was aborted
    SUCCEEDED = "SUCCEEDED"  #: running -> succeeded: all children have ended, and no more failed than is tolerated
    FAILED = "FAILED"  #: running -> failed
    ABORTED = "ABORTED"  #: running -> aborted: its state or its execution has ended


OPEN_TASKS = (TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.IN_PROGRESS)
"""The statuses of a task that has not ended."""
