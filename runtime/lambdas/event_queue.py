"""Asynchronous invocations. Each is an execution of a small state machine, so it survives the death of any process.

The machine calls the function and retries as AWS Lambda does: after one minute and after two more, or by the function's
own rules. Then it sends a record of the end to the destination, if there is one. The machine of a function is compiled
for its first event, and again after a change of its rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate

from stepwell.db.database import database
from stepwell.db.function_models import EventConfig
from stepwell.db.queries import clock_sql
from stepwell.functions.contract import Json, Page, page_of
from stepwell.functions.contract.function_names import LATEST, FunctionReference, referred
from stepwell.functions.contract.lambda_ import EventRules, LambdaCall
from stepwell.functions.errors import NameTaken, PayloadTooLarge
from stepwell.functions.errors.lambda_ import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    ResourceNotFoundException,
)
from stepwell.runtime.engine.core import invocations
from stepwell.runtime.engine.definition.resources import QUALIFIED_BY
from stepwell.runtime.engine.definition.steplist import Compiled
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.executions import Executions
from stepwell.runtime.invoke.call import TaskCall
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.lambdas import event_calls
from stepwell.runtime.lambdas.functions import Functions
from stepwell.runtime.lambdas.operations import LambdaOperations
from stepwell.runtime.lambdas.references import arn_of
from stepwell.runtime.moves.start import Wanted
from stepwell.runtime.workflow_names import of_events
from stepwell.runtime.workflows import Workflows

INVOKE = event_calls.INVOKE
RETRIES = 2
THROTTLED = {
    "ErrorEquals": ["Lambda.TooManyRequestsException", "Lambda.ServiceException"],
    "IntervalSeconds": 1,
    "MaxAttempts": 80,
    "BackoffRate": 2,
    "MaxDelaySeconds": 300,
}
"""The retry of failures that are not the function's own: for about six hours, as on AWS."""
NOT_RUN = {"ErrorEquals": [event_calls.AGED, event_calls.STOPPED], "MaxAttempts": 0}
"""As on AWS, an event that is too old, or for a function with a concurrency of 0, is not retried."""


class EventQueue:
    """Accepts events: each becomes an execution of the machine for its function."""

    def __init__(self, workflows: Workflows, executions: Executions, retry_seconds: float) -> None:
        self._workflows = workflows
        self._executions = executions
        self._retry_seconds = retry_seconds

    @property
    def aliases(self) -> Mapping[str, str]:
        """The step types that replace destinations other than functions, by ARN."""
        return self._workflows.aliases

    def take(self, function: FunctionReference, event: Json, request_id: str) -> None:
        """Accept an event for an existing function, once per request id. It is committed when this returns."""
        rules = event_calls.rules_of(function) or EventRules()
        document = machine(function, rules, self._retry_seconds)
        aliases = {name: to for name, to in self.aliases.items() if name in (rules.on_success, rules.on_failure)}
        latest = self._workflows.kept(of_events(_called(function)), document, Compiled(document, (), aliases))
        try:
            self._executions.start(latest, Wanted({"payload": event}, request_id))
        except NameTaken:  # an earlier attempt of the same request has written it, and its answer was lost
            return


class EventSender:
    """Runs a task that calls a function with ``InvocationType`` Event: it queues the call, and does not wait for it."""

    def __init__(self, queue: EventQueue, functions: Functions) -> None:
        self._queue = queue
        self._functions = functions

    def send(self, call: TaskCall) -> Outcome:
        """Queue the event for the function that the call names. The outcome is an error if it cannot be called.

        Each try of a task is one request.
        """
        given, claim, request_id = json.loads(call.event), call.claim, call.request_id
        if claim is not None:
            request_id = invocations.request_of(claim.execution_id, claim.number, claim.retries)
        found = self._functions.find(given["function"])
        if isinstance(found, Outcome):
            return found
        name, _, qualifier = given["function"].partition(QUALIFIED_BY)
        try:
            self._queue.take(FunctionReference(name, qualifier or None), given["event"], request_id)
        except PayloadTooLarge as fault:
            return Outcome(error="Lambda.RequestTooLargeException", cause=fault.message)
        return Outcome(result="null")


class LambdaEvents:
    """The asynchronous invocations that ``functions.contract.lambda_`` promises."""

    def __init__(self, lambdas: LambdaOperations, queue: EventQueue) -> None:
        self._lambdas = lambdas
        self._queue = queue

    def send(self, function: FunctionReference, call: LambdaCall) -> None:
        """Accept an event. It is committed when this returns."""
        self._lambdas.get(function)
        try:
            event = jsontext.read(call.payload)
        except jsontext.NotJson as fault:
            raise InvalidRequestContentException(f"Could not parse request body into json: {fault}") from None
        self._queue.take(function, event, call.request_id)

    def rules(self, function: FunctionReference) -> EventRules:
        """Raises ResourceNotFoundException."""
        found = event_calls.rules_of(function)
        if found is None:
            raise _no_rules(function)
        return found

    def set_rules(self, function: FunctionReference, rules: EventRules) -> EventRules:
        self._lambdas.get(function)
        self._check(rules.on_success, rules.on_failure)
        with self._lambdas.holding(function):
            _write(function, rules)
        return self.rules(function)

    def change_rules(self, function: FunctionReference, changes: Mapping[str, Json]) -> EventRules:
        self.rules(function)
        self._check(changes.get("on_success"), changes.get("on_failure"))
        with self._lambdas.holding(function):
            row = EventConfig.get_or_none(*event_calls.rules_key(function))
            if row is None:
                raise _no_rules(function)
            _write(function, replace(event_calls.rules(row), **changes))
        return self.rules(function)

    def drop_rules(self, function: FunctionReference) -> None:
        self.rules(function)
        with self._lambdas.holding(function):
            EventConfig.delete().where(*event_calls.rules_key(function)).execute()

    def list(self, function: FunctionReference, *, limit: int, cursor: str | None) -> Page[EventRules]:
        self._lambdas.get(function)
        query = EventConfig.select().where(EventConfig.name == function.name, EventConfig.qualifier > (cursor or ""))
        with database.connection_context():
            found = list(query.order_by(EventConfig.qualifier).limit(limit + 1))
        return page_of(found, limit, lambda one: one.qualifier, event_calls.rules)

    def _check(self, *destinations: str | None) -> None:
        """Raises InvalidParameterValueException unless each is a function, or has a step type in its place."""
        for destination in destinations:
            self._check_one(destination)

    def _check_one(self, destination: str | None) -> None:
        if destination is None or destination in self._queue.aliases:
            return
        if ":lambda:" not in destination:
            raise InvalidParameterValueException(
                f"The destination ARN {destination} is not a function's: RESOURCE_ALIASES has none for it."
            )
        try:
            self._lambdas.get(referred(destination))
        except ResourceNotFoundException as fault:
            raise InvalidParameterValueException(
                f"The destination ARN {destination} is invalid: {fault.message}"
            ) from None


def _no_rules(function: FunctionReference) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"The function {arn_of(function)} doesn't have an EventInvokeConfig")


def _write(function: FunctionReference, rules: EventRules) -> None:
    options = jsontext.write({name: one for name, one in vars(rules).items() if name not in ("modified_at", "arn")})
    row = EventConfig.insert(**_key(function), options=options, modified_at=clock_sql())
    changed = {EventConfig.options: options, EventConfig.modified_at: clock_sql()}
    row.on_conflict(conflict_target=[EventConfig.name, EventConfig.qualifier], update=changed).execute()


def machine(function: FunctionReference, rules: EventRules, retry_seconds: float) -> Json:
    """The state machine for a function's events."""
    retries = _retries(rules, retry_seconds)
    again, notified = (_again(retry_seconds, most) for most in (retries, RETRIES))
    call: dict[str, Json] = {
        "Type": "Task",
        "Resource": arn_of(function),
        "InputPath": "$.payload",
        "ResultSelector": {"payload.$": "$", "count.$": "States.MathAdd($$.State.RetryCount, 1)"},
        "ResultPath": "$.response",
        "Retry": [NOT_RUN, THROTTLED, again],
    }
    states: dict[str, Json] = {INVOKE: call}
    if rules.on_success:
        call["Next"] = "OnSuccess"
        states["OnSuccess"] = _notification(rules.on_success, notified, _success(function))
    else:
        call["End"] = True
    if rules.on_failure:
        call["Catch"] = [
            {"ErrorEquals": NOT_RUN["ErrorEquals"], "ResultPath": "$.error", "Next": "NotRun"},
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "IsJson"},
        ]
        states |= _discarded(function, rules.on_failure, notified)
        states |= _failures(rules.on_failure, notified, _failure(function, rules, retries))
    return {"StartAt": INVOKE, "States": states}


def _again(seconds: float, most: int) -> Json:
    return {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": max(1, round(seconds)),
        "MaxAttempts": most,
        "BackoffRate": 2,
    }


def _retries(rules: EventRules, retry_seconds: float) -> int:
    """The number of retries of a failing function: only those that begin before the event is too old."""
    wanted = RETRIES if rules.retries is None else rules.retries
    waits = accumulate(retry_seconds * 2**number for number in range(wanted))
    return sum(wait < event_calls.longest_age(rules) for wait in waits)


def _discarded(function: FunctionReference, destination: str, again: Json) -> dict[str, Json]:
    """The states after an event that the function did not get: the record has no response."""
    error = {"condition.$": "$.error.Error", "said.$": "States.StringToJson($.error.Cause)"}
    how = {"condition.$": "$.error.condition", "approximateInvokeCount.$": "$.error.said.approximateInvokeCount"}
    return {
        "NotRun": {"Type": "Pass", "Parameters": error, "ResultPath": "$.error", "Next": "OnDiscard"},
        "OnDiscard": _notification(destination, again, _record(function, how)),
    }


def _failures(destination: str, again: Json, record: Mapping[str, Json]) -> dict[str, Json]:
    """The states after an event that failed.

    A function's own error is JSON unless it was cut for its length. A cause from outside, like a time-out, is
    not JSON.
    """
    own = {"responsePayload.$": "States.StringToJson($.error.Cause)"}
    other = {"responsePayload": {"errorType.$": "$.error.Error", "errorMessage.$": "$.error.Cause"}}
    return {
        "IsJson": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.error.Cause", "StringMatches": "{*}", "Next": "OnFailure"}],
            "Default": "OnOtherFailure",
        },
        "OnFailure": _notification(destination, again, {**record, **own}),
        "OnOtherFailure": _notification(destination, again, {**record, **other}),
    }


def _notification(destination: str, again: Json, record: Mapping[str, Json]) -> Json:
    return {"Type": "Task", "Resource": destination, "Parameters": record, "Retry": [THROTTLED, again], "End": True}


def _success(function: FunctionReference) -> dict[str, Json]:
    return {
        **_record(function, {"condition": "Success", "approximateInvokeCount.$": "$.response.count"}),
        "responseContext": {"statusCode": 200, "executedVersion": function.qualifier or LATEST},
        "responsePayload.$": "$.response.payload",
    }


def _failure(function: FunctionReference, rules: EventRules, retries: int) -> dict[str, Json]:
    version = function.qualifier or LATEST
    is_aged = retries < (RETRIES if rules.retries is None else rules.retries)
    how = {"condition": event_calls.AGED if is_aged else "RetriesExhausted", "approximateInvokeCount": retries + 1}
    return {
        **_record(function, how),
        "responseContext": {"statusCode": 200, "executedVersion": version, "functionError": "Unhandled"},
    }


def _record(function: FunctionReference, how: Mapping[str, Json]) -> dict[str, Json]:
    """The members of every record.

    Source: Lambda developer guide, "Capturing records of Lambda asynchronous invocations".
    """
    arn = arns.function(function.name, function.qualifier or LATEST)
    return {
        "version": "1.0",
        "timestamp.$": "$$.State.EnteredTime",
        "requestContext": {"requestId.$": "$$.Execution.Name", "functionArn": arn, **how},
        "requestPayload.$": "$.payload",
    }


def _called(function: FunctionReference) -> str:
    if function.qualifier in (None, LATEST):
        return function.name
    return f"{function.name}{QUALIFIED_BY}{function.qualifier}"


def _key(function: FunctionReference) -> dict[str, str]:
    return {"name": function.name, "qualifier": function.qualifier or LATEST}
