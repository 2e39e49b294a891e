"""Sleeps for ``data.seconds``, then leaves a line: the time in which faults find a handler running."""

import time

from steps._effects import leave_a_line


def handler(event, context):
    time.sleep(event["data"]["seconds"])
    return leave_a_line(event)
