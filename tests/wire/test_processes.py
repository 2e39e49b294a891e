"""The emulator as a process, asked by the AWS CLI and by workers that are processes themselves, all as ``env`` says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from stepwell.runtime.settings import ROOT
from tests.runtime.stage import machine, task
from tests.services import free_port, until
from tests.wire.client import ROLE

Json = Any

AWS = Path(sys.executable).with_name("aws")
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:dig"
ASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "tell", "Payload": {"data": {"token.$": "$$.Task.Token", "path.$": "$.path"}}},
}
TELL = """
from pathlib import Path

def handler(event, context):
    path = Path(event["data"]["path"])
    path.with_suffix(".new").write_text(event["data"]["token"])
    path.with_suffix(".new").rename(path)
"""
BREAKS_ONCE = """
from pathlib import Path

def handler(event, context):
    if not Path(event["mark"]).exists():
        Path(event["mark"]).touch()
        raise RuntimeError("the first time")
    return "well"
"""
WORKER = """
import sys
import boto3
sfn = boto3.client("stepfunctions")
while True:
    task = sfn.get_activity_task(activityArn=sys.argv[1], workerName=sys.argv[2])
    print("fetched", flush=True)
    if sys.argv[2] == "lazy":
        sys.stdin.read()
    if task.get("taskToken"):
        sfn.send_task_success(taskToken=task["taskToken"], output=task["input"])
"""
ANSWER = "import sys, boto3; boto3.client('stepfunctions').send_task_success(taskToken=sys.argv[1], output='[1]')"


class House:
    """A running emulator. ``environment`` is what its ``env`` tells clients, and nothing of this process's AWS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port = str(free_port())
        own = {"PORT": port, "STEPWELL_HOME": str(folder / "home"), "FUNCTIONS_PATH": str(folder / "mine")}
        self.command = [sys.executable, "-m", "emulator"]
        self.settings = {"PATH": os.environ["PATH"], **own}
        told = subprocess.run([*self.command, "env"], cwd=ROOT, env=self.settings, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        lines = [line.removeprefix("export ").split("=", 1) for line in told.stdout.splitlines()]
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **dict(lines)}
        self.url = self.environment["AWS_ENDPOINT_URL_SFN"]
        assert port in self.url

    def client(self) -> Any:
        keys = {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
            "region_name": self.environment["AWS_REGION"],
        }
        config = Config(inject_host_prefix=False, read_timeout=70)
        return boto3.client("stepfunctions", endpoint_url=self.url, config=config, **keys)

    def aws(self, *arguments: str) -> Json:
        """What ``aws stepfunctions`` answers."""
        command = [sys.executable, str(AWS), "stepfunctions", *arguments, "--output", "json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    def spawn(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """A Python process that knows of us what ``env`` tells, and no more."""
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.Popen(command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("processes")
    steps = folder / "mine" / "steps"
    steps.mkdir(parents=True)
    (steps / "tell.py").write_text(TELL)
    (steps / "breaks_once.py").write_text(BREAKS_ONCE)
    stage = House(folder)
    process = subprocess.Popen(stage.command, cwd=ROOT, env=stage.settings, stdout=subprocess.DEVNULL)
    try:
        sfn = stage.client()
        until(lambda: _answers(sfn), "the emulator answers")
        yield stage
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def _answers(sfn: Any) -> bool:
    try:
        return bool(sfn.list_state_machines())
    except Exception:
        return False


def ended(sfn: Any, arn: str) -> Json:
    until(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING", f"{arn} ends")
    return sfn.describe_execution(executionArn=arn)


def test_a_life_on_the_command_line(stage: House, tmp_path: Path):
    definition = tmp_path / "definition.json"
    definition.write_text(json.dumps(machine(A={"Type": "Pass"}, B=task("breaks_once"))))
    given = ["--name", "life", "--role-arn", ROLE, "--definition", f"file://{definition}"]
    arn = stage.aws("create-state-machine", *given)["stateMachineArn"]
    listed = stage.aws("list-state-machines", "--query", "stateMachines[].name")
    assert "life" in listed
    start = ["--state-machine-arn", arn, "--name", "one", "--input", json.dumps({"mark": str(tmp_path / "mark")})]
    run = stage.aws("start-execution", *start)["executionArn"]
    sfn = stage.client()
    failed = ended(sfn, run)
    assert (failed["status"], failed["error"]) == ("FAILED", "RuntimeError")
    stage.aws("redrive-execution", "--execution-arn", run)
    assert ended(sfn, run)["output"] == '"well"'
    history = stage.aws("get-execution-history", "--execution-arn", run, "--reverse-order", "--max-items", "3")
    assert [one["type"] for one in history["events"]] == [
        "ExecutionSucceeded",
        "TaskStateExited",
        "LambdaFunctionSucceeded",
    ]
    found = stage.aws("describe-execution", "--execution-arn", run)
    assert (found["status"], found["redriveCount"]) == ("SUCCEEDED", 1)
    stage.aws("delete-state-machine", "--state-machine-arn", arn)
    assert "life" not in stage.aws("list-state-machines", "--query", "stateMachines[].name")


def test_a_synchronous_start_on_the_command_line(stage: House):
    definition = json.dumps(machine(A={"Type": "Pass", "Result": 7}))
    given = ["--name", "quick", "--type", "EXPRESS", "--role-arn", ROLE, "--definition", definition]
    arn = stage.aws("create-state-machine", *given)["stateMachineArn"]
    assert stage.aws("start-sync-execution", "--state-machine-arn", arn)["output"] == "7"


def test_a_callback_comes_from_another_process(stage: House, tmp_path: Path):
    sfn, path = stage.client(), tmp_path / "token"
    definition = json.dumps(machine(Ask=ASK))
    arn = sfn.create_state_machine(name="ask", definition=definition, roleArn=ROLE)["stateMachineArn"]
    run = sfn.start_execution(stateMachineArn=arn, input=json.dumps({"path": str(path)}))["executionArn"]
    until(path.exists, "the handler has told its token")
    with stage.spawn(ANSWER, path.read_text()) as answering:
        assert answering.wait(60) == 0
    found = ended(sfn, run)
    assert (found["status"], found["output"]) == ("SUCCEEDED", "[1]")


def test_a_worker_of_an_activity_is_killed_and_replaced(stage: House):
    sfn = stage.client()
    sfn.create_activity(name="dig")
    again = [{"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    definition = json.dumps(machine(A=task(ACTIVITY, HeartbeatSeconds=2, TimeoutSeconds=120, Retry=again)))
    arn = sfn.create_state_machine(name="digging", definition=definition, roleArn=ROLE)["stateMachineArn"]
    run = sfn.start_execution(stateMachineArn=arn, input='{"depth":1}')["executionArn"]
    with stage.spawn(WORKER, ACTIVITY, "lazy") as lazy:
        assert lazy.stdout is not None and lazy.stdout.readline() == "fetched\n"
        lazy.kill()
    with stage.spawn(WORKER, ACTIVITY, "busy") as busy:
        found = ended(sfn, run)
        busy.kill()
    assert (found["status"], found["output"]) == ("SUCCEEDED", '{"depth":1}')
    events = sfn.get_execution_history(executionArn=run)["events"]
    workers = [one["activityStartedEventDetails"]["workerName"] for one in events if one["type"] == "ActivityStarted"]
    assert workers == ["lazy", "busy"]
    assert "ActivityTimedOut" in [one["type"] for one in events]


def test_an_argument_that_is_not_known_is_refused(stage: House):
    done = subprocess.run([*stage.command, "nonsense"], cwd=ROOT, env=stage.settings, capture_output=True, text=True)
    assert done.returncode == 2 and "nonsense" in done.stderr
