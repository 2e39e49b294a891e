"""Activities: names for tasks that workers elsewhere do, and the long polls by which these workers fetch them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping

from stepwell.db.database import database, transaction
from stepwell.db.models import Activity
from stepwell.db.queries import clock_sql
from stepwell.functions.contract import Json, Page, page_of
from stepwell.functions.contract.arns import Arn
from stepwell.functions.contract.step_functions import ActivityTask, ActivityView
from stepwell.functions.errors.step_functions import ActivityAlreadyExists, ActivityDoesNotExist, InvalidName
from stepwell.runtime.aws.step_functions.machines import DEFAULT_OPTIONS
from stepwell.runtime.engine.values import arns, jsontext, names
from stepwell.runtime.moves.polled_tasks import poll

POLL_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.25
SHORT_POLL_SECONDS = 1.0
POLLERS = 4
"""The number of long polls in one process, since its threads are few. Any further poll is a short one."""


class WireActivities:
    """The activities that ``functions.contract.step_functions`` promises."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(POLLERS)

    def create(self, name: str, encryption: Mapping[str, Json], tags: Mapping[str, str]) -> ActivityView:
        if names.fault_of(name):
            raise InvalidName(f"Invalid Name: '{name}'")
        options = jsontext.write(dict(encryption))
        with database.connection_context(), transaction():
            row = Activity.insert(name=name, options=options, tags=jsontext.write(dict(tags)), created_at=clock_sql())
            row.on_conflict_ignore().execute()
            made = _view(Activity.get_by_id(name))
        if made.encryption != (encryption or DEFAULT_OPTIONS["encryptionConfiguration"]):
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
            return page_of(list(query.limit(limit + 1)), limit, lambda one: one.name, _view)

    def delete(self, arn: Arn) -> None:
        with database.connection_context(), transaction():
            Activity.delete().where(Activity.name == arn.name).execute()

    def next_task(self, arn: Arn, worker: str | None) -> ActivityTask | None:
        """Wait for a task of this activity; None if none came in time. Raises ActivityDoesNotExist."""
        self.get(arn)
        may_wait = self._places.acquire(blocking=False)
        try:
            return _polled(arn.name, worker, POLL_SECONDS if may_wait else SHORT_POLL_SECONDS)
        finally:
            if may_wait:
                self._places.release()


def _polled(activity: str, worker: str | None, seconds: float) -> ActivityTask | None:
    deadline = time.monotonic() + seconds
    while True:
        if (given := poll(activity, worker)) is not None:
            return ActivityTask(given.token, given.input)
        if time.monotonic() >= deadline:
            return None
        time.sleep(LOOK_EVERY_SECONDS)


def _view(row: Activity) -> ActivityView:
    encryption = json.loads(row.options) or DEFAULT_OPTIONS["encryptionConfiguration"]
    return ActivityView(arns.activity(row.name), row.name, row.created_at, encryption)
