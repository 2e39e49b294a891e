"""Reads the members of inputs that several operations have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from stepwell.functions.contract import Json
from stepwell.functions.contract import arns as _arns
from stepwell.functions.contract.step_functions import MOST_TAGS
from stepwell.functions.errors.step_functions import (
    InvalidArn,
    InvalidEncryptionConfiguration,
    InvalidLoggingConfiguration,
    TooManyTags,
    ValidationException,
)

Input = Mapping[str, Json]

PAGE = 100
WHOLE = 100
_OPTIONS = ("roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
_ROLE = re.compile(r"arn:[a-z0-9-]+:iam::\d{12}:role/.+")


def limit(given: Input) -> int:
    """The number of rows of a page. AWS takes 0 for the default."""
    return given.get("maxResults") or PAGE


def with_data(given: Input) -> bool:
    return given.get("includedData") != "METADATA_ONLY"


def options(given: Input) -> dict[str, Json]:
    """The role and the configurations of a state machine, as they are stored.

    Raises InvalidArn, InvalidLoggingConfiguration, InvalidEncryptionConfiguration.
    """
    found = {name: given[name] for name in _OPTIONS if name in given}
    if "roleArn" in found and not _ROLE.fullmatch(found["roleArn"]):
        raise InvalidArn(f"Invalid Role Arn: '{found['roleArn']}'")
    _check_logging(found.get("loggingConfiguration", {}))
    check_encryption(found.get("encryptionConfiguration", {}))
    return found


def _check_logging(given: Input) -> None:
    destinations = given.get("destinations", [])
    if given.get("level", "OFF") != "OFF" and not destinations:
        raise InvalidLoggingConfiguration("Invalid Logging Configuration: Must specify exactly one Log Destination.")
    if len(destinations) > 1:
        raise InvalidLoggingConfiguration("Invalid Logging Configuration: Must specify exactly one Log Destination.")


def check_encryption(given: Input) -> None:
    """Raises InvalidEncryptionConfiguration. The configuration is stored, but nothing is encrypted here."""
    if given.get("type") == "CUSTOMER_MANAGED_KMS_KEY" and "kmsKeyId" not in given:
        raise InvalidEncryptionConfiguration("Invalid Encryption Configuration: kmsKeyId is required")
    if given.get("type") == "AWS_OWNED_KEY" and given.keys() > {"type"}:
        raise InvalidEncryptionConfiguration("Invalid Encryption Configuration: an AWS owned key has no other members")


def tags(given: Sequence[Input]) -> dict[str, str]:
    """Tags by their keys. Raises TooManyTags, ValidationException."""
    found = {one.get("key", ""): one.get("value", "") for one in given}
    if "" in found:
        raise ValidationException("A tag needs a key")
    if len(found) > MOST_TAGS:
        raise TooManyTags()
    return found


def routes(given: Sequence[Input]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The name of an alias's state machine, and the version numbers behind the alias with their weights.

    Raises InvalidArn, ValidationException.
    """
    arns = [_arns.parse_machine(one["stateMachineVersionArn"]) for one in given]
    received = f"Received: {_listed(arn.text for arn in arns)}"
    if any(arn.version is None for arn in arns):
        raise ValidationException(f"Routing configuration must contain state machine version ARNs. {received}")
    found = tuple((arn.version or 0, one["weight"]) for arn, one in zip(arns, given, strict=True))
    if len({arn.name for arn in arns}) > 1:
        raise ValidationException("The versions of a routing configuration are two of one state machine")
    if len({version for version, _ in found}) < len(found):
        raise ValidationException(f"Routing configuration must contain distinct state machine version ARNs. {received}")
    weights = [weight for _, weight in found]
    if sum(weights) != WHOLE:
        raise ValidationException(
            f"Sum of routing configuration weights must equal {WHOLE}. Received: {_listed(map(str, weights))}"
        )
    return arns[0].name, found


def _listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"


def check_description(given: Input) -> None:
    """Raises ValidationException for the description of a version that is not being published."""
    if "versionDescription" in given and not given.get("publish"):
        raise ValidationException("Version description can only be set when publish is true")
