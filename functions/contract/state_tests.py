"""The contract of TestState: a state to test by itself, and the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from stepwell.functions.contract import Json


@dataclass(frozen=True)
class StateTest:
    """A state to test. All members but ``mock`` are JSON text; ``state`` names it in the definition of a machine."""

    definition: str
    state: str | None
    input: str
    variables: str
    context: str | None
    mock: Mapping[str, Json] | None
    retries: int
    role: str | None = None
    reveals_secrets: bool = False
    caused_by: str | None = None
    """The state inside a Map or Parallel state in which the mock's error arose."""
    failures: int | None = None
    """The number of failed items of a Map."""
    reader_data: str | None = None
    """The text that replaces the source of a Map's ItemReader."""


@dataclass(frozen=True)
class StateTestResult:
    """The result of a test, in AWS's words; the values of ``data`` are JSON text."""

    status: str
    output: str | None
    error: str | None
    cause: str | None
    next: str | None
    data: Mapping[str, str | int | float]
    details: Mapping[str, Json]


class StateTests(Protocol):
    """Tests of single states."""

    def run(self, wanted: StateTest) -> StateTestResult:
        """Test a state. Raises InvalidDefinition, InvalidExecutionInput, ValidationException."""
