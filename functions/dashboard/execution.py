"""Show one execution: input, output, steps with attempts and logs, history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from stepwell.functions.contract import Event, Json, Response, number_of, path_of
from stepwell.functions.contract.rest import ApiContext, HistoryView
from stepwell.functions.dashboard import _excerpts, _page, _query

ROUTE = "GET /queues/executions/{id}"
QUERY = {
    "skip": {"type": "integer", "minimum": 0, "description": "how many steps stand on the pages before"},
    "after": {"type": "integer", "minimum": 0, "description": "the id of the last event on the page before"},
}

STEPS = 50
EVENTS = 100
ATTEMPTS = 10


@dataclass(frozen=True)
class Line:
    """One event of the history; ``rest`` is all but its place and its error."""

    id: int
    type: str
    at: datetime
    step: str | None
    failure: _excerpts.ShownError | None
    rest: Mapping[str, Json]


@_page.with_refusals
def handler(event: Event, context: ApiContext) -> Response:
    identity = path_of(event, "id")
    chosen = _query.without_empty(event)
    skip, after = number_of(chosen, "skip"), number_of(chosen, "after")
    part = context.executions.part(identity, skip=skip, limit=STEPS, attempts=ATTEMPTS)
    execution = part.execution
    history = context.executions.history(identity, after=after, limit=EVENTS)
    return _page.show(
        event,
        "execution.html",
        refresh=_page.LIVE_SECONDS if execution.finished_at is None else _page.STILL_SECONDS,
        execution=execution,
        completed=part.completed,
        total=part.total,
        steps=execution.tasks,
        skip=skip,
        steps_a_page=STEPS,
        attempts_shown=ATTEMPTS,
        history=[_line(one) for one in history.items],
        after=after,
        next_after=history.next,
    )


def _line(event: HistoryView) -> Line:
    details = dict(event.details)
    error, cause = details.pop("error", None), details.pop("cause", None)
    failed = error is not None or cause is not None
    return Line(
        id=event.id,
        type=event.type,
        at=event.at,
        step=details.pop("step", None),
        failure=_excerpts.failure(error, cause) if failed else None,
        rest=details,
    )
