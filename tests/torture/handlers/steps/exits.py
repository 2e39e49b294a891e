"""Takes its process down at its first try, then leaves a line."""

import os

from steps._effects import leave_a_line


def handler(event, context):
    if event["step"]["retry"] == 0:
        os._exit(9)
    return leave_a_line(event)
