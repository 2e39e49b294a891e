"""The names of hidden workflows: trees sent to /flows, and the events of a Lambda function.

A name that a user gives holds no colon (``names.fault_of``), so it never equals one of these.
"""

from __future__ import annotations

FLOW, EVENT = "flow:", "event:"


def of_flow(tree: str) -> str:
    """The workflow of the flows with this name."""
    return FLOW + tree


def of_events(function: str) -> str:
    """The workflow that delivers the asynchronous invocations of a function, named with its version or alias."""
    return EVENT + function


def is_of_events(workflow: str) -> bool:
    """True if this workflow delivers asynchronous invocations."""
    return workflow.startswith(EVENT)
