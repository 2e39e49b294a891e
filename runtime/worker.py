"""The Huey app. ``huey_consumer stepwell.runtime.worker.huey -k thread -w 8 -g TERM -t 25 -n`` runs it.

Huey carries the messages and runs the slots; it keeps nothing. Its retries, schedule and results are not used.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from huey import Huey
from huey.api import Task as HueyTask
from huey.consumer import Consumer

from stepwell.runtime import logs
from stepwell.runtime.assembly import Runtime, check_database
from stepwell.runtime.sandbox import parent
from stepwell.runtime.settings import SettingsError, read_server_settings
from stepwell.runtime.tasks.queue import JOB, MessageSerializer
from stepwell.runtime.tasks.queue_storage import QUEUE, MemoryQueue, RedisQueue

log = logging.getLogger("stepwell.worker")


class StepwellConsumer(Consumer):
    """Huey's consumer with our loops beside its workers: it starts the loops first, and drains before it ends.

    Hooks would not do: Huey's on_startup runs once in each worker thread and only logs its errors, and its on_shutdown
    never runs in a worker that is busy.
    """

    huey: StepwellHuey

    def start(self) -> None:
        self.huey.loops.start()
        super().start()

    def stop(self, graceful: bool = False) -> None:
        """Claim nothing more, let handlers finish within the grace time, and give the other tasks back."""
        self.huey.work.draining.set()
        super().stop(graceful=graceful)
        self.huey.work.hand_back()
        self.huey.loops.stop()
        self.huey.close()


class EmbeddedConsumer(StepwellConsumer):
    """A consumer inside another process, which keeps its own signal handlers."""

    def _set_signal_handlers(self) -> None:
        pass


class StepwellHuey(Huey):
    """A Huey that only carries messages: JSON, no results, no revoke look-ups, and no log line for each task."""

    consumer_class: type[StepwellConsumer] = StepwellConsumer

    def __init__(self, runtime: Runtime) -> None:
        self._queue = runtime.storage
        self._invoker = runtime.invoker
        super().__init__(QUEUE, results=False, serializer=MessageSerializer())
        self.work, self.loops = runtime.worker()
        self.close = runtime.close

        def run(task_id: str) -> None:
            self.work.run(task_id)

        run.__module__, _, name = JOB.rpartition(".")  # else Huey takes this module's name: it has two
        self.task(name=name)(run)
        assert self._registry.string_to_task(JOB)

    def create_storage(self) -> RedisQueue | MemoryQueue:
        return self._queue

    def create_consumer(self, **options: Any) -> StepwellConsumer:
        self._invoker.keep_warm(options.get("workers", 1))
        return self.consumer_class(self, **{**options, "periodic": False})

    def dequeue(self) -> HueyTask | None:
        """The next message; None when nothing waits. A message that is not a task's id is dropped and logged."""
        data = self.storage.dequeue()
        try:
            return None if data is None else self.deserialize_task(data)
        except ValueError as fault:
            log.warning("dropped a message: %s", fault)
            return None

    def execute(self, task: HueyTask, timestamp: Any = None) -> None:
        """Run the job, without Huey's signals and results: the job reports to the database."""
        task.execute()

    def read_schedule(self, timestamp: Any = None) -> list[HueyTask]:
        """Empty: due times are rows in the database."""
        return []


def __getattr__(name: str) -> Any:
    """Make ``huey`` when huey_consumer imports it; importing this module makes nothing."""
    if name != "huey":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    logs.configure()
    parent.hide()
    parent.warn_of_root()
    logging.getLogger("huey").propagate = False  # huey_consumer gives it a handler of its own
    try:
        settings = read_server_settings()
        check_database(settings)
        return StepwellHuey(Runtime(settings))
    except SettingsError as fault:
        # huey_consumer would print where it was raised, and import once more.
        sys.exit(f"Stepwell does not start: {fault}")
