"""Leaves a line and returns its number."""

from steps._effects import leave_a_line


def handler(event, context):
    return leave_a_line(event)
