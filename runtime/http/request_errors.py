"""Decides which error answers a request that failed: the caller's own fault, an outage, or a fault of ours."""

from __future__ import annotations

from logging import Logger

from stepwell.functions.errors import StepwellError
from stepwell.runtime.outage import is_outage


def error_of(
    fault: Exception, log: Logger, request: str, request_id: str, *, outage: StepwellError, failed: StepwellError
) -> StepwellError:
    """The error that the caller gets: ``outage`` during an outage of the database, ``failed`` for a fault of ours.

    The log gets a fault of ours whole, since the caller learns nothing of it. ``request`` names the request there.
    """
    if is_outage(fault):
        log.warning("%s: the database is away (request %s): %s", request, request_id, fault)
        return outage
    if isinstance(fault, StepwellError) and fault.status != StepwellError.status:
        return fault
    log.error("%s failed (request %s)", request, request_id, exc_info=fault)
    return failed
