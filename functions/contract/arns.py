"""Parses the ARNs of Step Functions. Any partition, region and account is accepted. Only the runtime makes ARNs.

Source: AWS Step Functions API reference, "qualified and unqualified ARNs"; the words of InvalidArn from AWS's answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stepwell.functions.errors.step_functions import InvalidArn, ValidationException

MACHINE, EXECUTION, EXPRESS, ACTIVITY, MAP_RUN = "stateMachine", "execution", "express", "activity", "mapRun"
_FORM = re.compile(r"arn:[a-z0-9-]+:states:[a-z0-9-]*:[0-9]*:([A-Za-z]+):(.+)", re.DOTALL)
_PARTS = {MACHINE: (1, 2), EXECUTION: (2, 2), EXPRESS: (3, 3), ACTIVITY: (1, 1), MAP_RUN: (2, 2)}


@dataclass(frozen=True)
class Arn:
    """``name`` is the name of the machine or the activity, ``rest`` the parts behind it."""

    text: str
    kind: str
    name: str
    rest: tuple[str, ...] = ()

    @property
    def qualifier(self) -> str | None:
        """A state machine's version or alias, or None."""
        return self.rest[0] if self.kind == MACHINE and self.rest else None

    @property
    def version(self) -> int | None:
        """The version number in the qualifier; None for an alias, and without a qualifier."""
        text = self.qualifier
        return int(text) if text is not None and text.isascii() and text.isdecimal() else None


def parse(text: str, *kinds: str) -> Arn:
    """An ARN of one of these kinds. Raises InvalidArn."""
    found = _FORM.fullmatch(text)
    if found is None:
        reason = f"Invalid ARN prefix: {text}" if not text.startswith("arn:") else f"Unrecognized format: {text}"
        raise InvalidArn(f"Invalid Arn: '{reason}'")
    kind, parts = found[1], found[2].split(":")
    if kind not in kinds:
        raise InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {kind}'")
    least, most = _PARTS[kind]
    if not least <= len(parts) <= most or not all(parts):
        raise InvalidArn(f"Invalid Arn: 'Unrecognized format: {text}'")
    return Arn(text, kind, parts[0], tuple(parts[1:]))


def parse_machine(text: str) -> Arn:
    """A state machine's ARN, qualified or not. Raises InvalidArn, ValidationException."""
    found = parse(text, MACHINE)
    if "/" in found.name:
        raise ValidationException("This operation does not support state machine ARNs with a label")
    return found


def parse_unqualified(text: str) -> Arn:
    """A state machine's own ARN. Raises InvalidArn, ValidationException."""
    found = parse_machine(text)
    if found.qualifier is not None:
        raise ValidationException("This operation does not support qualified state machine ARNs")
    return found


def parse_version(text: str) -> Arn:
    """A version's ARN. Raises InvalidArn, ValidationException."""
    found = parse_machine(text)
    if found.version is None:
        raise ValidationException(f"The ARN is not that of a state machine version: '{text}'")
    return found


def parse_alias(text: str) -> Arn:
    """An alias's ARN. Raises InvalidArn, ValidationException."""
    found = parse_machine(text)
    if found.qualifier is None or found.version is not None:
        raise ValidationException(f"The ARN is not that of a state machine alias: '{text}'")
    return found
