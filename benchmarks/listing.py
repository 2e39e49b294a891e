"""``python -m benchmarks.listing``: the time that boto3's paginator waits for each page of 100,000 executions.

They belong to one state machine, and as many belong to others. Filters: none, a status that most, few or none of them
have, a version, an alias, and redriven executions. Pages have 100 executions (boto3's default) or 1,000. The processor
time is measured too: it does not grow when other processes load the machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.wire import made, percentiles, served, timed
from stepwell.db.database import database, transaction
from stepwell.db.models import Execution, Version, Workflow
from stepwell.functions.contract import Json
from stepwell.runtime.ids import new_execution_id

PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
BATCH = 400
FEW = 100
"""One execution in this many failed, was started by the version or by the alias, and was redriven."""
INPUT = json.dumps({"order": {"id": 17, "items": [{"sku": "a", "count": 2}]}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    options = parser.parse_args()
    with served(options.database or ("sqlite", "postgresql")) as processes:
        for name, client, spent in processes:
            arn, others = made(client, PASS, "play"), made(client, PASS, "others")
            version = client.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
            route = [{"stateMachineVersionArn": version, "weight": 100}]
            alias = client.create_state_machine_alias(name="live", routingConfiguration=route)["stateMachineAliasArn"]
            fill("play", options.executions, "COMPLETED")
            fill("others", options.executions, "FAILED")
            analyse()
            assert others
            gc.freeze()  # the rows made by this process are no part of the cost of a page
            print(f"{name}, {options.executions} executions beside as many", flush=True)
            for what, given in questions(arn, version, alias).items():
                for size in (100, 1_000):
                    report(client, spent, what, size, given)


def questions(arn: str, version: str, alias: str) -> dict[str, Json]:
    return {
        "all": {"stateMachineArn": arn},
        "SUCCEEDED": {"stateMachineArn": arn, "statusFilter": "SUCCEEDED"},
        "FAILED": {"stateMachineArn": arn, "statusFilter": "FAILED"},
        "RUNNING": {"stateMachineArn": arn, "statusFilter": "RUNNING"},
        "by version": {"stateMachineArn": version},
        "by alias": {"stateMachineArn": alias},
        "redriven": {"stateMachineArn": arn, "redriveFilter": "REDRIVEN"},
    }


def report(client: Any, spent: Callable[[], float], what: str, size: int, given: Json) -> None:
    before = spent(), time.process_time() * 1000
    pages = iter(client.get_paginator("list_executions").paginate(**given, PaginationConfig={"PageSize": size}))
    took, count = [], 0
    while (one := timed(lambda: next(pages, None)))[1] is not None:
        took.append(one[0])
        count += len(one[1]["executions"])
    stage, own = (
        (now - then) / len(took) for now, then in zip((spent(), time.process_time() * 1000), before, strict=True)
    )
    busy = f"processor time of a page: stepwell {stage:.1f} ms, boto3 {own:.1f}"
    print(f"{what:10} {count:7} in {len(took):4} pages of {size:4}: {percentiles(took)}; {busy}", flush=True)


def fill(workflow: str, count: int, status: str) -> None:
    """Insert executions of a workflow, with the rows that starts and workers leave."""
    with database.connection_context():
        own = Workflow.get(Workflow.name == workflow)
        version = Version.get(Version.workflow_id == own.id)
        rows = [row(own, version, number, status) for number in range(count)]
        with transaction():
            for first in range(0, count, BATCH):
                Execution.insert_many(rows[first : first + BATCH]).execute()


def row(own: Workflow, version: Version, number: int, status: str) -> dict[str, Json]:
    is_one_of_few = number % FEW == 0
    return {
        "id": new_execution_id(),
        "name": f"run-{number}",
        "workflow_id": own.id,
        "workflow": own.name,
        "version_id": version.id,
        "version": 1,
        "status": "FAILED" if is_one_of_few else status,
        "history_count": 5,
        "input": INPUT,
        "output": INPUT,
        "created_at": 1_790_000_000_000 + number,
        "finished_at": 1_790_000_000_500 + number,
        "published": 1 if number % FEW in (1, 2) else None,
        "alias": "live" if number % FEW == 2 else None,
        "redrives": int(number % FEW == 3),
        "redriven_at": 1_790_000_000_300 if number % FEW == 3 else None,
    }


def analyse() -> None:
    """Vacuum and analyze, as PostgreSQL's autovacuum does by itself a minute after many writes."""
    with database.connection_context():
        database.execute_sql("ANALYZE")


if __name__ == "__main__":
    main()
