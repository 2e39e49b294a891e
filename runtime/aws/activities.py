"""Activities: the work of Task states that somebody else's workers fetch by long polling.

A task of an activity is IN_PROGRESS and nobody's from the moment it is scheduled: no worker of ours claims it, its
time-out runs, and its token is its answer. Handing it out is a move of its own, and it happens once a try.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from db.database import database, transaction
from db.models import NOT_FETCHED, Activity, Task
from functions.contract import Page
from functions.sfn._arns import Arn
from functions.sfn._errors import ActivityAlreadyExists, ActivityDoesNotExist, InvalidName
from functions.sfn._rooms import ActivityTask, ActivityView
from functions.sfn._shapes import OPTIONS
from runtime import rows
from runtime.engine import jsontext, names
from runtime.engine.definition import activity_function
from runtime.executions import Executions

Json = Any

POLL_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.25
SHORT_POLL_SECONDS = 1.0
POLLERS = 4
"""How many wait for long in one process, whose threads are few; one more is answered after a short while."""
CANDIDATES = 16


class WireActivities:
    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._places = threading.BoundedSemaphore(POLLERS)

    def create(self, name: str, encryption: Mapping[str, Json], tags: Mapping[str, str]) -> ActivityView:
        if names.fault_of(name):
            raise InvalidName(f"Invalid Name: '{name}'")
        options = jsontext.write(dict(encryption))
        with database.connection_context(), transaction():
            row = Activity.insert(
                name=name, options=options, tags=jsontext.write(dict(tags)), created_at=rows.clock_sql()
            )
            row.on_conflict_ignore().execute()
            made = _view(Activity.get_by_id(name))
        if made.encryption != (encryption or OPTIONS["encryptionConfiguration"]):
            raise ActivityAlreadyExists(f"Activity Already Exists: '{name}'")
        return made

    def get(self, arn: Arn) -> ActivityView:
        with database.connection_context():
            row = Activity.get_or_none(Activity.name == arn.name)
        if row is None:
            raise ActivityDoesNotExist(f"Activity Does Not Exist: '{arn.text}'")
        return _view(row)

    def list(self, *, limit: int, cursor: str | None) -> Page[ActivityView]:
        query = Activity.select().where(Activity.name > (cursor or "")).order_by(Activity.name)
        with database.connection_context():
            found = [_view(one) for one in query.limit(limit + 1)]
        return Page(found[:limit], found[limit - 1].name if len(found) > limit else None)

    def delete(self, arn: Arn) -> None:
        with database.connection_context(), transaction():
            Activity.delete().where(Activity.name == arn.name).execute()

    def next_task(self, arn: Arn, worker: str | None) -> ActivityTask | None:
        """A task of this activity, waited for; None when there was none in time. Raises ActivityDoesNotExist."""
        self.get(arn)
        may_wait = self._places.acquire(blocking=False)
        try:
            return self._polled(arn.name, worker, POLL_SECONDS if may_wait else SHORT_POLL_SECONDS)
        finally:
            if may_wait:
                self._places.release()

    def _polled(self, activity: str, worker: str | None, seconds: float) -> ActivityTask | None:
        deadline = time.monotonic() + seconds
        while True:
            for task_id, execution_id in self._waiting(activity):
                if (task := self._executions.hand_out(task_id, execution_id, worker)) is not None:
                    return ActivityTask(task.token, task.input)
            if time.monotonic() >= deadline:
                return None
            time.sleep(LOOK_EVERY_SECONDS)

    def _waiting(self, activity: str) -> list[tuple[str, str]]:
        """Tasks that nobody has fetched yet, oldest executions first."""
        query = Task.select(Task.id, Task.execution_id).where(NOT_FETCHED, Task.function == activity_function(activity))
        with database.connection_context():
            return list(query.order_by(Task.id).limit(CANDIDATES).tuples())


def _view(row: Activity) -> ActivityView:
    encryption = json.loads(row.options) or OPTIONS["encryptionConfiguration"]
    return ActivityView(row.name, row.created_at, encryption)
