"""The one place where everything is put together: settings in, a running house out.

The web process, the worker and the emulator each build the same rooms; a worker has the loops and the slots besides.
"""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from peewee import PeeweeException

from stepwell.db import queries
from stepwell.db.database import connect, database
from stepwell.functions.contract import ApiContext
from stepwell.runtime.api import rooms
from stepwell.runtime.aws.step_functions.activities import WireActivities
from stepwell.runtime.aws.step_functions.executions import WireExecutions
from stepwell.runtime.aws.step_functions.express import WireExpress
from stepwell.runtime.aws.step_functions.machines import WireMachines
from stepwell.runtime.aws.step_functions.map_runs import WireMapRuns
from stepwell.runtime.aws.step_functions.tags import WireTags
from stepwell.runtime.aws.step_functions.task_tokens import WireTokens
from stepwell.runtime.aws.step_functions.test_state import WireTrials
from stepwell.runtime.aws.step_functions.versions import WireAliases, WireVersions
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.engine.core import invocations
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.executions import Executions
from stepwell.runtime.in_memory import Express
from stepwell.runtime.invoke.call import Caller, Own
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.lambdas import files
from stepwell.runtime.lambdas.aliases import AliasRoom
from stepwell.runtime.lambdas.events import EventQueue, EventRoom, EventSender
from stepwell.runtime.lambdas.functions import Functions, KnownFunctions
from stepwell.runtime.lambdas.operations import LambdaRoom
from stepwell.runtime.lambdas.policies import PolicyRoom
from stepwell.runtime.settings import Settings, SettingsError
from stepwell.runtime.tasks.claims import Claims
from stepwell.runtime.tasks.loops import Loops
from stepwell.runtime.tasks.queue import Queue
from stepwell.runtime.tasks.queue_storage import open_storage
from stepwell.runtime.tasks.slot import Work
from stepwell.runtime.tasks.start_execution import FUNCTIONS, START, Nested
from stepwell.runtime.tasks.timers import Timers
from stepwell.runtime.tasks.wakeups import Wakeups
from stepwell.runtime.workflows import EXPRESS_FUNCTION, Workflows

log = logging.getLogger("stepwell.api")

INVOICE_PDF = {
    "steps": [
        {"taskName": "fetch_invoice"},
        {"taskName": "render_invoice_pdf"},
        {"taskName": "deliver_invoice"},
    ]
}


@dataclass(frozen=True)
class Context:
    """What one call of an API handler is handed."""

    request_id: str
    executions: rooms.ExecutionRoom
    workflows: rooms.WorkflowRoom
    tasks: rooms.TaskRoom
    functions: rooms.FunctionRoom
    artifacts: rooms.ArtifactRoom
    health: rooms.HealthRoom
    machines: WireMachines
    versions: WireVersions
    aliases: WireAliases
    tags: WireTags
    activities: WireActivities
    runs: WireExecutions
    map_runs: WireMapRuns
    quick_runs: WireExpress
    trials: WireTrials
    tokens: WireTokens
    lambdas: LambdaRoom
    lambda_aliases: AliasRoom
    lambda_events: EventRoom
    lambda_policies: PolicyRoom
    log: logging.Logger


class Runtime:
    """A house with its rooms open. ``close`` ends its sandbox children and its connections.

    ``invoker`` runs its handlers; the settings say how when there is none.
    """

    def __init__(self, settings: Settings, invoker: Invoker | InProcessInvoker | None = None) -> None:
        self.settings = settings
        self.catalog = Catalog.load(settings.function_paths)
        connect(settings.database_url, synchronous=settings.sqlite_synchronous)
        limits = settings.limits
        known = KnownFunctions({name: self.catalog.defaults(name) for name in self.catalog.steps})
        _check_aliases(settings.resource_aliases, self.catalog.steps)
        self.workflows = Workflows(known, limits, settings.resource_aliases)
        self.storage = open_storage(settings.redis_url, _waiting)
        self._wakeups = Wakeups()
        self.queue = Queue(self.storage, self._wakeups)
        self.executions = Executions(
            self.workflows,
            self.queue,
            EngineLimits(payload=limits.payload, history=limits.history),
            settings.lease_seconds,
            settings.artifacts_dir,
        )
        self.timers = Timers(self.executions, self._wakeups)
        self.invoker = Invoker.from_settings(settings) if invoker is None else invoker
        endpoints = {name: files.target(one) for name, one in files.callable_files(self.catalog).items()}
        self.functions = Functions(endpoints | rooms.targets(self.catalog), settings.code_dir.absolute())
        queue = EventQueue(self.workflows, self.executions, settings.event_retry_seconds)
        self.sender = EventSender(queue, self.functions)
        self._nested = Nested(self.executions)
        caller = self._caller_without_rows()
        self._express = Express(caller, self.executions.limits)
        lambdas = LambdaRoom(self.catalog, self.functions, self.invoker, settings)
        self._rooms = {
            "executions": rooms.ExecutionRoom(self.executions, self.workflows),
            "workflows": rooms.WorkflowRoom(self.workflows),
            "tasks": rooms.TaskRoom(self.executions),
            "functions": rooms.FunctionRoom(self.catalog, self.functions, self.invoker),
            "artifacts": rooms.ArtifactRoom(settings.artifacts_dir, limits.artifact),
            "health": rooms.HealthRoom(self.storage.depth, self.counted),
            "machines": WireMachines(self.workflows),
            "versions": WireVersions(),
            "aliases": WireAliases(),
            "tags": WireTags(),
            "activities": WireActivities(),
            "runs": WireExecutions(self.executions),
            "map_runs": WireMapRuns(self.executions),
            "quick_runs": WireExpress(self.workflows, self._express, self.executions.limits),
            "trials": WireTrials(self.workflows, caller, self.executions.limits),
            "tokens": WireTokens(self.executions),
            "lambda_aliases": AliasRoom(),
            "lambda_events": EventRoom(lambdas, queue),
            "lambda_policies": PolicyRoom(lambdas),
            "lambdas": lambdas,
        }

    def api_context(self, request_id: str) -> ApiContext:
        return Context(request_id=request_id, log=log, **self._rooms)

    def counted(self) -> dict[str, int]:
        """What this process has seen go wrong and be made up for since its start."""
        return {
            "lostRings": self.queue.counters["lost_messages"],
            "fencedResults": self.executions.counters["fenced_results"],
        }

    def seed(self) -> None:
        """Store the workflows that ship with the house, where nobody has deleted them."""
        self.workflows.seed("invoice_pdf", INVOICE_PDF)

    def worker(self) -> tuple[Work, Loops]:
        """What a worker process has besides: the slots' work and the loops, under an owner name of its own."""
        owner = f"{socket.gethostname()}:{secrets.token_hex(8)}"
        functions = [*self.functions.files, EXPRESS_FUNCTION, *self._own()]
        claims = Claims(self.executions, functions, owner, self.settings)
        work = Work(claims, self.executions, self.invoker, self.functions, self._express, self._nested, self._own())
        return work, Loops(work, self.timers, self.queue, self._wakeups, self.settings)

    def _own(self) -> dict[str, Own]:
        """The functions whose work Stepwell does itself."""
        return {invocations.EVENT: self.sender.send, **dict.fromkeys(FUNCTIONS, self._nested.run)}

    def _caller_without_rows(self) -> Caller:
        """Calls functions for the tasks of Express executions and of TestState: they cannot wait for an execution."""
        own = {function: do for function, do in self._own().items() if function in (invocations.EVENT, START)}
        return Caller(self.invoker, lambda call: self.functions.find(call.function), own)

    def close(self) -> None:
        self.timers.stop()
        self.invoker.close()
        self.storage.close()
        database.close_all()


def build(settings: Settings) -> Runtime:
    """The house of a web process: its timer thread runs, and it has the sample workflow. Raises CatalogError."""
    made = Runtime(settings)
    made.timers.start()
    try:
        made.seed()
    except PeeweeException as fault:
        log.warning("the sample workflow was not stored: %s", fault)
    return made


def _check_aliases(aliases: Mapping[str, str], steps: Collection[str]) -> None:
    """The functions that stand for resources must be there. Raises SettingsError."""
    for resource, function in aliases.items():
        if function not in steps:
            raise SettingsError(f"RESOURCE_ALIASES: {resource} is to be {function!r}, and there is no such step type")


def _waiting(older_ms: int) -> list[str]:
    with database.connection_context():
        return queries.queued_tasks(older_ms, limit=200)
