"""Maps in distributed mode for tests: definitions of them, and readers of their rows."""

from __future__ import annotations

from pathlib import Path

from stepwell.db.database import database
from stepwell.db.models import Execution, MapRun
from tests.runtime.stage import Json, Stage, machine, returns, task

OBJECT = "arn:aws:states:::s3:getObject"
PASS = machine(p={"Type": "Pass"})
ITEM = machine(item=task("step1"))


def fan(processor: Json = ITEM, kind: str = "STANDARD", **fields: Json) -> Json:
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}}
    return machine(all={"Type": "Map", "ItemProcessor": {**processor, **config}, **fields})


def listed(**fields: Json) -> Json:
    return fan(ItemsPath="$.items", **fields)


def reading(key: str, **config: Json) -> Json:
    return fan(ItemReader={"Resource": OBJECT, "ReaderConfig": config, "Parameters": {"Bucket": "b", "Key": key}})


def children(stage: Stage) -> list[Execution]:
    with database.connection_context():
        found = list(Execution.select().where(Execution.parent.is_null(False)))
    return sorted(found, key=lambda child: (child.created_at, int(child.parent.rpartition(":")[2])))


def the_run(stage: Stage) -> MapRun:
    with database.connection_context():
        return MapRun.select().order_by(MapRun.id.desc()).first()


def store(stage: Stage) -> Path:
    root = stage.runtime.settings.artifacts_dir
    root.mkdir(exist_ok=True)
    return root


def echo(stage: Stage) -> None:
    stage.script.let("step1", lambda event: returns({"got": event}))
