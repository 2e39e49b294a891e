"""Does not come back within any time limit that a workflow gives it."""

import time


def handler(event, context):
    time.sleep(600)
