"""Leaves a line and returns about 50 kB."""

from steps._effects import leave_a_line


def handler(event, context):
    return {"value": leave_a_line(event), "fill": "x" * 50_000}
