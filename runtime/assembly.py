"""Builds a runtime from the settings. This is the one place where the parts are put together.

The web process, the worker and the emulator build the same parts. A worker adds its slots and its loops.
"""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial

from peewee import PeeweeException

from stepwell.db.database import connect, database
from stepwell.db.pooler import SharedSession, refuse_shared_sessions
from stepwell.runtime.api.artifacts import ArtifactsApi
from stepwell.runtime.api.context import CallContext
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
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.engine.core import invocations
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.executions import Executions
from stepwell.runtime.express_machines import EXPRESS_FUNCTION
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.in_memory import Express
from stepwell.runtime.invoke.call import Caller, Own, patient_find, patient_own
from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.lambdas import files
from stepwell.runtime.lambdas.aliases import LambdaAliases
from stepwell.runtime.lambdas.event_queue import EventQueue, EventSender, LambdaEvents
from stepwell.runtime.lambdas.functions import Functions, KnownFunctions
from stepwell.runtime.lambdas.operations import LambdaOperations
from stepwell.runtime.lambdas.policies import LambdaPolicies
from stepwell.runtime.retention.sweep import RetentionSweep
from stepwell.runtime.settings import Settings, SettingsError
from stepwell.runtime.tasks import start_execution, task_tokens
from stepwell.runtime.tasks.claims import Claims
from stepwell.runtime.tasks.loops import Loops
from stepwell.runtime.tasks.queue import Queue
from stepwell.runtime.tasks.queue_storage import REFILL, open_storage
from stepwell.runtime.tasks.signals import Signals
from stepwell.runtime.tasks.slot import Work
from stepwell.runtime.tasks.start_execution import IN_MEMORY, Nested
from stepwell.runtime.tasks.timers import Timers
from stepwell.runtime.tasks.waiting import WaitingTasks
from stepwell.runtime.workflows import Workflows

log = logging.getLogger("stepwell.api")

INVOICE_PDF = {
    "steps": [
        {"taskName": "fetch_invoice"},
        {"taskName": "render_invoice_pdf"},
        {"taskName": "deliver_invoice"},
    ]
}


PRIVATE = 0o700
"""The mode of our directories; the files in them have it without the right to be run."""


class Runtime:
    """All parts of one process. ``close`` ends its sandbox children and its connections.

    ``invoker`` runs the handlers; without one the settings say how they run.
    """

    def __init__(self, settings: Settings, invoker: Invoker | InProcessInvoker | None = None) -> None:
        self.settings = settings
        self.waiting = WaitingLimit(settings.waiting)
        self.catalog = Catalog.load(settings.function_paths)
        keep_private(settings)
        connect(settings.database_url, synchronous=settings.sqlite_synchronous)
        limits = settings.limits
        known = KnownFunctions({name: self.catalog.defaults(name) for name in self.catalog.steps})
        _check_aliases(settings.resource_aliases, self.catalog.steps)
        self.workflows = Workflows(known, limits, settings.resource_aliases)
        self.storage = open_storage(settings.redis_url, WaitingTasks(REFILL))
        self._signals = Signals()
        self.queue = Queue(self.storage, self._signals)
        self.executions = Executions(
            self.workflows,
            self.queue,
            EngineLimits(payload=limits.payload, history=limits.history),
            settings.lease_seconds,
            settings.artifacts_dir,
        )
        self.timers = Timers(self.executions, self._signals)
        self.invoker = Invoker.from_settings(settings) if invoker is None else invoker
        steps = {name: files.target(one) for name, one in self.catalog.steps.items()}
        endpoints = {name: files.target(one) for name, one in files.callable_files(self.catalog).items()}
        self.functions = Functions(endpoints | steps, settings.code_dir.absolute())
        queue = EventQueue(self.workflows, self.executions, settings.event_retry_seconds)
        self.sender = EventSender(queue, self.functions)
        self._nested = Nested(self.executions)
        # The functions that Stepwell itself carries out.
        self._own: dict[str, Own] = {
            invocations.EVENT: self.sender.send,
            **dict.fromkeys(start_execution.FUNCTIONS, self._nested.run),
            **dict.fromkeys(task_tokens.FUNCTIONS, task_tokens.TaskTokens(self.executions).run),
        }
        self._without_rows = self._caller_without_rows()
        self._express = Express(self._without_rows, self.executions.limits)
        self._context = self._made_context(queue)

    def api_context(self, request_id: str) -> CallContext:
        """The context of one request."""
        return self._context(request_id)

    def _made_context(self, events: EventQueue) -> Callable[[str], CallContext]:
        """The function that makes a context from a request's id. All else is the same for every request."""
        settings, waiting = self.settings, self.waiting
        lambdas = LambdaOperations(self.catalog, self.functions, self.invoker, settings, waiting)
        return partial(
            CallContext,
            log=log,
            executions=ExecutionsApi(self.executions, self.workflows),
            workflows=WorkflowsApi(self.workflows),
            tasks=TasksApi(self.executions),
            functions=FunctionsApi(self.catalog, self.functions, self.invoker, waiting),
            artifacts=ArtifactsApi(settings.artifacts_dir, settings.limits.artifact),
            health=HealthApi(self.storage.depth, self.counted),
            machines=WireMachines(self.workflows),
            versions=WireVersions(),
            aliases=WireAliases(),
            tags=WireTags(),
            activities=WireActivities(waiting),
            sfn_executions=WireExecutions(self.executions),
            map_runs=WireMapRuns(self.executions),
            express_executions=WireExpressExecutions(self.workflows, self._express, self.executions.limits, waiting),
            state_tests=WireStateTests(self.workflows, self._without_rows, self.executions.limits, waiting),
            task_tokens=WireTaskTokens(self.executions),
            lambda_aliases=LambdaAliases(),
            lambda_events=LambdaEvents(lambdas, events),
            lambda_policies=LambdaPolicies(lambdas),
            lambdas=lambdas,
        )

    def counted(self) -> dict[str, int]:
        """Counts of recovered failures since the start of this process."""
        return {
            "lostRings": self.queue.counters["lost_messages"],
            "fencedResults": self.executions.counters["fenced_results"],
        }

    def seed(self) -> None:
        """Store the workflows that come with Stepwell, unless they were deleted."""
        self.workflows.seed("invoice_pdf", INVOICE_PDF)

    def worker(self) -> tuple[Work, Loops]:
        """The additional parts of a worker process, under a new owner name."""
        owner = f"{socket.gethostname()}:{secrets.token_hex(8)}"
        functions = [*self.functions.files, EXPRESS_FUNCTION, *self._own]
        claims = Claims(self.executions, functions, owner, self.settings)
        work = Work(claims, self.executions, self.invoker, self.functions, self._express, self._nested, self._own)
        retention = RetentionSweep(self.settings, self.functions.prune)
        return work, Loops(work, self.timers, self.queue, self._signals, retention, self.settings)

    def _caller_without_rows(self) -> Caller:
        """Calls functions for the tasks of Express executions and of TestState: they cannot wait for an execution."""
        found = (invocations.EVENT, *IN_MEMORY, *task_tokens.FUNCTIONS)
        own = {function: patient_own(self._own[function]) for function in found}
        return Caller(self.invoker, patient_find(lambda call: self.functions.find(call.function)), own)

    def close(self) -> None:
        self.timers.stop()
        self.invoker.close()
        self.storage.close()
        database.close_all()


def keep_private(settings: Settings) -> None:
    """Make the state directory, and let no other user read what is in it: inputs, results, mails, code.

    A directory that is there already keeps its mode, since it may hold files of others; our own in it lose theirs.
    """
    home = settings.home
    folders = [one for one in (settings.artifacts_dir, settings.outbox_dir, settings.code_dir) if one.parent == home]
    # What may not be changed belongs to another user; a state directory that cannot be made is missed when it is used.
    with suppress(OSError):
        home.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for folder in folders:
            folder.mkdir(mode=PRIVATE, exist_ok=True)
        for path in (*folders, *home.glob("stepwell.db*")):
            path.chmod(PRIVATE if path.is_dir() else PRIVATE & 0o666)


def check_database(settings: Settings) -> None:
    """Raises SettingsError if a connection pooler between us and PostgreSQL does not keep our sessions."""
    try:
        refuse_shared_sessions(settings.database_url)
    except SharedSession as fault:
        raise SettingsError(str(fault)) from None


def build(settings: Settings) -> Runtime:
    """The runtime of a web process: its timer thread runs, and the sample workflow is stored.

    Raises CatalogError, SettingsError.
    """
    check_database(settings)
    made = Runtime(settings)
    made.timers.start()
    try:
        made.seed()
    except PeeweeException as fault:
        log.warning("the sample workflow was not stored: %s", fault)
    return made


def _check_aliases(aliases: Mapping[str, str], steps: Collection[str]) -> None:
    """Raises SettingsError if a resource is an alias of a step type that does not exist."""
    for resource, function in aliases.items():
        if function not in steps:
            raise SettingsError(f"RESOURCE_ALIASES: {resource} is to be {function!r}, and there is no such step type")
