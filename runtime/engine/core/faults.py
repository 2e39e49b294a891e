"""The exceptions that stop a transition short: a fault of one state, a quota of the execution, or missing frames."""

from __future__ import annotations

from stepwell.runtime.engine.core.execution import Frame
from stepwell.runtime.engine.core.retry import TOO_LARGE
from stepwell.runtime.engine.language import aws_messages


class QuotaExceeded(Exception):
    """The execution as a whole has reached a limit; the message names the limit."""


class FramesMissing(Exception):
    """The transition needs more children of a frame than it was given: load more of them, and decide again."""


class StateFault(Exception):
    """A state cannot do its work: an error name and a cause. The cause does not yet name the state."""

    def __init__(self, error: str, cause: str) -> None:
        self.error = error
        self.cause = cause
        super().__init__(f"{error}: {cause}")

    @property
    def is_terminal(self) -> bool:
        """True if only a Retry or Catch that names this very error takes it."""
        return self.error == TOO_LARGE

    def cause_in(self, frame: Frame) -> str:
        """The cause in AWS's words, which name the frame's state."""
        return self.cause if self.is_terminal else aws_messages.in_state(frame.state, frame.entry, self.cause)


def too_large(frame: Frame) -> StateFault:
    """The fault for a result above the payload limit."""
    return StateFault(TOO_LARGE, aws_messages.too_large(frame.state))
