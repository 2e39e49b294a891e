"""``python -m benchmarks.express``: the time from an Express machine's last state to StartSyncExecution's answer.

A machine of Pass states runs in the web process that receives the call. The figures are the whole call, measured at
boto3, and its part behind the answer's ``stopDate``, which has whole milliseconds.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from benchmarks.core import STATES, chain
from benchmarks.wire import made, percentiles, served, timed

WARM = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    options = parser.parse_args()
    with served(options.database or ("sqlite", "postgresql")) as processes:
        for name, client, _ in processes:
            for states in (1, STATES):
                definition = json.dumps(chain({"Type": "Pass"}, states))
                report(name, client, states, made(client, definition, f"quick-{states}", type="EXPRESS"), options.calls)


def report(name: str, client: Any, states: int, arn: str, calls: int) -> None:
    def call() -> Any:
        return client.start_sync_execution(stateMachineArn=arn, input='{"a": 1}')

    whole, after = [], []
    for number in range(WARM + calls):
        took, answer = timed(call)
        since = (time.time() - answer["stopDate"].timestamp()) * 1000
        assert answer["status"] == "SUCCEEDED"
        if number >= WARM:
            whole.append(took)
            after.append(since)
    print(
        f"{name}, {states} Pass state(s): after the last one {percentiles(after)}; the whole call {percentiles(whole)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
