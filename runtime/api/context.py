"""The context of every API handler: the one way from a handler to the world."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from stepwell.runtime.api.artifacts import ArtifactsApi
from stepwell.runtime.api.executions import ExecutionsApi
from stepwell.runtime.api.functions import FunctionsApi
from stepwell.runtime.api.health import HealthApi
from stepwell.runtime.api.tasks import TasksApi
from stepwell.runtime.api.workflows import WorkflowsApi
from stepwell.runtime.aws.step_functions.activities import WireActivities
from stepwell.runtime.aws.step_functions.executions import WireExecutions
from stepwell.runtime.aws.step_functions.express import WireExpressExecutions
from stepwell.runtime.aws.step_functions.machines import WireMachines
from stepwell.runtime.aws.step_functions.map_runs import WireMapRuns
from stepwell.runtime.aws.step_functions.tags import WireTags
from stepwell.runtime.aws.step_functions.task_tokens import WireTaskTokens
from stepwell.runtime.aws.step_functions.test_state import WireStateTests
from stepwell.runtime.aws.step_functions.versions import WireAliases, WireVersions
from stepwell.runtime.lambdas.aliases import LambdaAliases
from stepwell.runtime.lambdas.event_queue import LambdaEvents
from stepwell.runtime.lambdas.operations import LambdaOperations
from stepwell.runtime.lambdas.policies import LambdaPolicies


@dataclass(frozen=True)
class CallContext:
    """The context of one call. It has all that the Protocols of ``functions/contract/`` promise."""

    request_id: str
    executions: ExecutionsApi
    workflows: WorkflowsApi
    tasks: TasksApi
    functions: FunctionsApi
    artifacts: ArtifactsApi
    health: HealthApi
    machines: WireMachines
    versions: WireVersions
    aliases: WireAliases
    tags: WireTags
    activities: WireActivities
    sfn_executions: WireExecutions
    map_runs: WireMapRuns
    express_executions: WireExpressExecutions
    state_tests: WireStateTests
    task_tokens: WireTaskTokens
    lambdas: LambdaOperations
    lambda_aliases: LambdaAliases
    lambda_events: LambdaEvents
    lambda_policies: LambdaPolicies
    log: logging.Logger
