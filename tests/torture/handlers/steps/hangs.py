"""Runs longer than any time limit of a workflow."""

import time


def handler(event, context):
    time.sleep(600)
