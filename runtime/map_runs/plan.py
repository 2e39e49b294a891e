"""The plan of a Map Run, read from the run's row."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache

from stepwell.db.models import MapRun
from stepwell.runtime.engine.states.distributed import Plan

PLANS = 8
"""How many plans a process keeps: a plan may be large, as it may hold the items."""


def plan_of(run: MapRun) -> Plan:
    """The plan that the run began with, and the changes made to it since."""
    return replace(_first_plan(run.id), **json.loads(run.changes))


def has_failed_too_much(run: MapRun, plan: Plan) -> bool:
    """True if more items have failed than the state tolerates. Without a tolerance none may fail."""
    if plan.tolerated_count is None and plan.tolerated_percentage is None:
        return bool(run.failed_items)
    over_count = plan.tolerated_count is not None and run.failed_items > plan.tolerated_count
    share = 100 * run.failed_items / run.total if run.total else 0
    return over_count or (plan.tolerated_percentage is not None and share > plan.tolerated_percentage)


@lru_cache(maxsize=PLANS)
def _first_plan(run: str) -> Plan:
    # Cached for the life of the process: the column never changes, later changes have a column of their own.
    return Plan(**json.loads(MapRun.get_by_id(run).plan))
