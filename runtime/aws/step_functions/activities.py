"""Activities: names for tasks that workers elsewhere do, and the long polls by which these workers fetch them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from math import inf

from stepwell.db.database import database, transaction
from stepwell.db.models import Activity
from stepwell.db.queries import clock_sql
from stepwell.functions.contract import Json, Page, page_of
from stepwell.functions.contract.arns import Arn
from stepwell.functions.contract.step_functions import ActivityTask, ActivityView
from stepwell.functions.errors.step_functions import ActivityAlreadyExists, ActivityDoesNotExist, InvalidName
from stepwell.runtime.aws.step_functions.machines import DEFAULT_OPTIONS
from stepwell.runtime.engine.values import arns, jsontext, names
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.moves.polled_tasks import Polled, poll

POLL_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.25
REMEMBERED = 1000


class WireActivities:
    """The activities that ``functions.contract.step_functions`` promises."""

    def __init__(self, waiting: WaitingLimit) -> None:
        self._waiting = waiting
        self._looks = Looks()

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
        """Wait for a task of this activity; None if none came in time. Raises ActivityDoesNotExist.

        With too many polls in this process, it looks once.
        """
        self.get(arn)
        with self._waiting.place_of_poll() as may_wait:
            deadline = time.monotonic() + (POLL_SECONDS if may_wait else 0.0)
            while True:
                if (given := self._looks.look(arn.name, worker)) is not None:
                    return ActivityTask(given.token, given.input)
                if time.monotonic() >= deadline or not self._waiting.pause(LOOK_EVERY_SECONDS):
                    return None


class Looks:
    """Looks for tasks, for all polls of a process. However many polls an activity has, its looks are as few."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._found_none_at: dict[str, float] = {}

    def look(self, activity: str, worker: str | None) -> Polled | None:
        """Take a task of this activity. None if there is none, or was none a moment ago."""
        with self._looking:
            if time.monotonic() - self._found_none_at.get(activity, -inf) < LOOK_EVERY_SECONDS / 2:
                return None
            if (found := poll(activity, worker)) is None:
                if len(self._found_none_at) >= REMEMBERED:
                    self._found_none_at.clear()
                self._found_none_at[activity] = time.monotonic()
            return found


def _view(row: Activity) -> ActivityView:
    encryption = json.loads(row.options) or DEFAULT_OPTIONS["encryptionConfiguration"]
    return ActivityView(arns.activity(row.name), row.name, row.created_at, encryption)
