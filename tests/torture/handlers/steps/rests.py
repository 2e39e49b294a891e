"""Sleeps for ``seconds``, and leaves no line: the work of executions that only their latency is asked of."""

import time


def handler(event, context):
    time.sleep(event["seconds"])
    return event["seconds"]
