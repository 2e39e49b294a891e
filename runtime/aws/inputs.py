"""Checks the inputs of Step Functions' operations against AWS's model, and words the faults as AWS does.

``stepfunctions.json`` is made from AWS's own model of the API by ``python -m tests.wire.model`` (botocore, Apache-2.0).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepwell.functions.errors.step_functions import SerializationException, ValidationException
from stepwell.runtime.aws.model import Forbidden, Mistyped, Model

Json = Any

TABLE = Path(__file__).with_name("stepfunctions.json")
MODEL = Model(TABLE)


def check(operation: str, given: Json) -> dict[str, Json]:
    """An operation's input without unknown members and nulls. Raises SerializationException, ValidationException."""
    try:
        return MODEL.taken(operation, given)
    except Mistyped as fault:
        raise SerializationException(str(fault)) from None
    except Forbidden as fault:
        raise ValidationException(str(fault)) from None
