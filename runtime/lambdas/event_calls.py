"""Decides whether a queued event still goes to its function, and reads the function's rules for events."""

from __future__ import annotations

import json
from typing import Any

from stepwell.db.database import database
from stepwell.db.function_models import EventConfig
from stepwell.db.values import Claimed
from stepwell.functions.contract.function_names import LATEST, FunctionReference
from stepwell.functions.contract.lambda_ import EventRules
from stepwell.runtime.engine.definition.resources import QUALIFIED_BY
from stepwell.runtime.engine.values import arns
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Target

INVOKE = "Invoke"
"""The state of an event's machine that calls the function."""
AGED, STOPPED = "EventAgeExceeded", "ZeroReservedConcurrency"
"""The reasons not to give an event to its function, as the ``condition`` in AWS Lambda's records has them."""
SHORTEST_AGE, LONGEST_AGE = 60, 21_600


def refusal(claim: Claimed, target: Target) -> Outcome | None:
    """The outcome of an event that must not go to its function; None if it may go.

    None as well for the other states of an event's machine, which report its end.
    """
    if claim.step != INVOKE:
        return None
    if target.reserved == 0:
        return _not_run(STOPPED, f"No invocation of {target.name} may run.", 0)
    age = (claim.now - claim.created_at) / 1000
    most = LONGEST_AGE if age <= SHORTEST_AGE else longest_age(rules_of(_function(claim)))
    if age <= most:
        return None
    return _not_run(AGED, f"The event is older than {most} seconds.", claim.attempt - 1)


def longest_age(found: EventRules | None) -> int:
    """The longest time an event waits, in seconds."""
    return LONGEST_AGE if found is None or found.max_age is None else found.max_age


def rules_of(function: FunctionReference) -> EventRules | None:
    """The rules for the events of a function, or of one of its versions or aliases; None if it has none."""
    with database.connection_context():
        row = EventConfig.get_or_none(*rules_key(function))
    return None if row is None else rules(row)


def rules(row: EventConfig) -> EventRules:
    """The rules in a row."""
    arn = arns.function(row.name, row.qualifier)
    return EventRules(**json.loads(row.options), modified_at=row.modified_at, arn=arn)


def rules_key(function: FunctionReference) -> tuple[Any, ...]:
    """The conditions for the row with the rules of a function."""
    return EventConfig.name == function.name, EventConfig.qualifier == (function.qualifier or LATEST)


def _function(claim: Claimed) -> FunctionReference:
    name, _, qualifier = claim.function.partition(QUALIFIED_BY)
    return FunctionReference(name, qualifier or None)


def _not_run(why: str, message: str, count: int) -> Outcome:
    """The outcome of an event that the function does not get. ``count`` is the number of its calls before."""
    cause = {"errorType": why, "errorMessage": message, "approximateInvokeCount": count}
    return Outcome(error=why, cause=json.dumps(cause))
