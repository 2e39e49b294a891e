"""The work of ``states:startExecution`` and ``aws-sdk:sfn:startExecution``: starts the execution that a call describes.

It needs no sandbox. Each try of the task has one idempotency key, so it starts one execution, even when workers are
lost with it.
"""

from __future__ import annotations

import json

from peewee import OperationalError

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.db.models import Execution
from stepwell.functions import errors
from stepwell.functions.errors import StepwellError
from stepwell.runtime.aws.step_functions.targets import latest_of
from stepwell.runtime.engine.core import invocations
from stepwell.runtime.engine.definition.resources import NESTED, SDK_START, SYNC
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.engine.values.times import timestamp
from stepwell.runtime.executions import Executions
from stepwell.runtime.invoke.call import TaskCall
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.mover import timers
from stepwell.runtime.moves import completion, start_keys
from stepwell.runtime.moves.start import Wanted, key_of
from stepwell.runtime.workflows import Latest

FUNCTIONS = (*NESTED, SDK_START)
IN_MEMORY = (NESTED[0], SDK_START)
"""The variants that do not wait for the end. They are the only ones that an execution in memory may use."""
LOOKED_AT = 1_000
"""How many child executions one sweep looks at."""


class Nested:
    """Starts child executions for tasks, and stops them when their tasks wait no more."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._looked_at: str | None = None

    def run(self, call: TaskCall) -> Outcome:
        """Start the execution that a call describes. A try of a task that has a row starts only one."""
        claim = call.claim
        if claim is None:
            request, key, parent = call.request_id, start_keys.of_try(call.request_id, 0), None
        else:
            request = invocations.request_of(claim.execution_id, claim.number)
            key = start_keys.of_try(claim.id, claim.retries)
            parent = claim.token if claim.function in SYNC else None
        begun = self._begin(json.loads(call.event), request, key, parent)
        return _by_sdk(begun, request) if call.function == SDK_START else begun

    def _begin(self, arguments: Json, request: str, key: str, parent: str | None) -> Outcome:
        try:
            latest = _latest(arguments)
        except StepwellError as fault:
            return Outcome(error=f"StepFunctions.{fault.code}Exception", cause=_refusal(request, fault))
        try:
            wanted = self._wanted(arguments, key, parent)
            started = self._executions.start(latest, wanted)
        except errors.Unavailable:
            # The start may be committed. With its key it is safe to repeat, and ``patient_own`` repeats it.
            raise OperationalError("the start of an execution could not be confirmed") from None
        except errors.NameTaken as fault:
            return Outcome(error="StepFunctions.ExecutionAlreadyExistsException", cause=fault.message)
        except (StepwellError, jsontext.NotJson) as fault:
            return Outcome(error="StepFunctions.ValidationException", cause=str(fault))
        with database.connection_context():
            child = Execution.get_by_id(started.id)
            # A child that ends in its first transition is written by START, which sets no wake-up.
            if child.status != Status.IN_PROGRESS and child.parent is not None and completion.notify(child.parent):
                self._executions.notifier.wake_timers()
        return Outcome(result=jsontext.write(_answer(request, child)))

    def sweep(self) -> None:
        """Have child executions without a waiting parent stopped: the task has timed out, or was cancelled.

        One statement looks at the next ones, and another sets the timers that stop those without a parent. So a sweep
        costs the same with many, all processes share the stops, and one that fails is put off like any timer.
        """
        with database.connection_context():
            found = queries.running_children(self._looked_at, LOOKED_AT)
            # A short page was the last one: the next sweep begins at the front again.
            self._looked_at = found[-1][0] if len(found) == LOOKED_AT else None
            orphans = [child for child, is_orphan in found if is_orphan]
            timers.request_stops(orphans)
        if orphans:
            self._executions.notifier.wake_timers()

    def _wanted(self, arguments: Json, key: str, parent: str | None) -> Wanted:
        given = {} if arguments.get("Input") is None else arguments["Input"]
        if isinstance(given, str):
            given = jsontext.read(given, self._executions.limits.depth)
        return Wanted(
            given,
            arguments.get("Name"),
            key=key_of(key, arguments),
            trace=arguments.get("TraceHeader"),
            parent=parent,
        )


def _latest(arguments: Json) -> Latest:
    """The version of the called state machine. Raises StepwellError with AWS's code if there is none."""
    arn = arguments.get("StateMachineArn") if isinstance(arguments, dict) else None
    return latest_of(arn if isinstance(arn, str) else "")


def _by_sdk(begun: Outcome, request: str) -> Outcome:
    """The same outcome as the SDK tells it: the service's own answer or refusal, without what an integration adds."""
    if begun.error is None:
        answer = json.loads(begun.result or "")
        return Outcome(result=jsontext.write({name: answer[name] for name in ("ExecutionArn", "StartDate")}))
    error = begun.error.partition(".")[2].removesuffix("Exception").removesuffix("Exception")
    message = (begun.cause or "").partition(" (Service: ")[0]
    return Outcome(error=f"Sfn.{error}Exception", cause=invocations.refused_sdk(message, "Sfn", 400, request))


def _refusal(request: str, fault: StepwellError) -> str:
    return invocations.refused(fault.message, "AWSStepFunctions", fault.status, fault.code, request)


def _answer(request: str, child: Execution) -> Json:
    arn = arns.execution(child.workflow, child.name or child.id)
    return {
        "ExecutionArn": arn,
        "SdkHttpMetadata": {"HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": request},
        "StartDate": timestamp(child.created_at),
    }
