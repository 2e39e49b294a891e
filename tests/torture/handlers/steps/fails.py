"""Fails at its first ``data.failures`` tries; later tries leave a line."""

from steps._effects import leave_a_line

RETRY = {"maxAttempts": 3, "intervalSeconds": 0.2, "backoffRate": 2}


class NotYet(Exception):
    """The planned failure."""


def handler(event, context):
    if event["step"]["retry"] < event["data"]["failures"]:
        raise NotYet(f"retry {event['step']['retry']} of {event['data']['failures']}")
    return leave_a_line(event)
