"""Sleeps for ``data.seconds``, then leaves a line. The sleep lets faults meet a running handler."""

import time

from steps._effects import leave_a_line


def handler(event, context):
    time.sleep(event["data"]["seconds"])
    return leave_a_line(event)
