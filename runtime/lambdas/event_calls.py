"""Whether an event is handed to its function when its turn has come, and the rules that its function has for events."""

from __future__ import annotations

import json
from typing import Any

from stepwell.db.database import database
from stepwell.db.function_models import EventConfig
from stepwell.db.queries import Claimed
from stepwell.functions.contract.function_names import LATEST, Reference
from stepwell.functions.contract.lambda_ import EventRules
from stepwell.runtime.engine.definition.resources import QUALIFIED_BY
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Target

INVOKE = "Invoke"
"""The state of an event's machine that calls the function."""
AGED, STOPPED = "EventAgeExceeded", "ZeroReservedConcurrency"
"""Why an event is not handed to its function: the conditions in the records that AWS Lambda makes."""
SHORTEST_AGE, LONGEST_AGE = 60, 21_600


def refusal(claim: Claimed, target: Target) -> Outcome | None:
    """How an event ends that is not handed to its function; None for one that is, and for what is told of its end."""
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
    """For how many seconds an event waits."""
    return LONGEST_AGE if found is None or found.max_age is None else found.max_age


def rules_of(function: Reference) -> EventRules | None:
    """The rules for the events of a function, or of one of its versions or aliases; None when it has none."""
    with database.connection_context():
        row = EventConfig.get_or_none(*rules_key(function))
    return None if row is None else rules(row)


def rules(row: EventConfig) -> EventRules:
    return EventRules(**json.loads(row.options), modified_at=row.modified_at)


def rules_key(function: Reference) -> tuple[Any, ...]:
    """The conditions that a row of rules meets."""
    return EventConfig.name == function.name, EventConfig.qualifier == (function.qualifier or LATEST)


def _function(claim: Claimed) -> Reference:
    name, _, qualifier = claim.function.partition(QUALIFIED_BY)
    return Reference(name, qualifier or None)


def _not_run(why: str, message: str, count: int) -> Outcome:
    """``approximateInvokeCount`` is how often the function was called before."""
    cause = {"errorType": why, "errorMessage": message, "approximateInvokeCount": count}
    return Outcome(error=why, cause=json.dumps(cause))
