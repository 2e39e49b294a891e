"""StartSyncExecution: runs an Express execution in this process, while the caller waits."""

from __future__ import annotations

import uuid

from stepwell.functions.contract.arns import Arn
from stepwell.functions.contract.step_functions import EXPRESS, ExpressExecutionView
from stepwell.functions.errors.step_functions import (
    ServiceUnavailable,
    StateMachineTypeNotSupported,
    ThrottlingException,
)
from stepwell.runtime.aws.step_functions.executions import check_name, read_input
from stepwell.runtime.aws.step_functions.targets import target_of
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.engine.values.statuses import Status
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.in_memory import Express
from stepwell.runtime.workflows import Workflows


class WireExpressExecutions:
    """The Express executions that ``functions.contract.step_functions`` promises."""

    def __init__(self, workflows: Workflows, express: Express, limits: EngineLimits, waiting: WaitingLimit) -> None:
        self._workflows = workflows
        self._express = express
        self._limits = limits
        self._waiting = waiting

    def run(self, arn: Arn, *, name: str | None, input: str, trace: str | None) -> ExpressExecutionView:
        check_name(name)
        given = read_input(input, self._limits)
        target = target_of(arn)
        latest = target.latest
        if target.kind != EXPRESS:
            raise StateMachineTypeNotSupported("This operation is not supported by this type of state machine")
        identity = str(uuid.uuid4())
        begun = Execution(identity, name or arns.express_name(identity), latest.name, given, latest.now)
        with self._waiting.place(ThrottlingException()):
            ended, took_ms = self._express.timed(self._workflows.inner(latest.version_id), begun, identity)
        if ended.status == Status.IN_PROGRESS:
            raise ServiceUnavailable("It could not be run to its end here. Try again.")
        return ExpressExecutionView(
            id=identity,
            arn=arns.express(latest.name, begun.name, identity),
            name=begun.name,
            machine_arn=arns.machine(latest.name),
            started_at=latest.now,
            stopped_at=latest.now + took_ms,
            status=ended.status,
            input=input,
            output=jsontext.write(ended.output) if ended.status == Status.COMPLETED else None,
            error=ended.error,
            cause=ended.cause,
            trace=trace,
        )
