"""Ends its process at its first try; later tries leave a line."""

import os

from steps._effects import leave_a_line


def handler(event, context):
    if event["step"]["retry"] == 0:
        os._exit(9)
    return leave_a_line(event)
