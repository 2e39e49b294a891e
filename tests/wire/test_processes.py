"""The emulator as a process. Its clients are processes too: the AWS CLI and workers, all configured by ``env``."""

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


class Emulator:
    """A running emulator. ``environment`` holds the variables from its ``env``, and no AWS variable of this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port = str(free_port())
        own = {"PORT": port, "STEPWELL_HOME": str(folder / "home"), "FUNCTIONS_PATH": str(folder / "mine")}
        self.command = [sys.executable, "-m", "emulator"]
        self.settings = {"PATH": os.environ["PATH"], **own}
        done = subprocess.run([*self.command, "env"], cwd=ROOT, env=self.settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = [line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines()]
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
        """Runs ``aws stepfunctions``; returns its parsed output."""
        command = [sys.executable, str(AWS), "stepfunctions", *arguments, "--output", "json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    def spawn(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Starts a Python process with the variables from ``env`` and no other configuration."""
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.Popen(command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("processes")
    steps = folder / "mine" / "steps"
    steps.mkdir(parents=True)
    (steps / "tell.py").write_text(TELL)
    (steps / "breaks_once.py").write_text(BREAKS_ONCE)
    emulator = Emulator(folder)
    process = subprocess.Popen(emulator.command, cwd=ROOT, env=emulator.settings, stdout=subprocess.DEVNULL)
    try:
        sfn = emulator.client()
        until(lambda: _answers(sfn), "the emulator answers")
        yield emulator
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


def test_a_life_on_the_command_line(emulator: Emulator, tmp_path: Path):
    definition = tmp_path / "definition.json"
    definition.write_text(json.dumps(machine(A={"Type": "Pass"}, B=task("breaks_once"))))
    given = ["--name", "life", "--role-arn", ROLE, "--definition", f"file://{definition}"]
    arn = emulator.aws("create-state-machine", *given)["stateMachineArn"]
    listed = emulator.aws("list-state-machines", "--query", "stateMachines[].name")
    assert "life" in listed
    start = ["--state-machine-arn", arn, "--name", "one", "--input", json.dumps({"mark": str(tmp_path / "mark")})]
    run = emulator.aws("start-execution", *start)["executionArn"]
    sfn = emulator.client()
    failed = ended(sfn, run)
    assert (failed["status"], failed["error"]) == ("FAILED", "RuntimeError")
    emulator.aws("redrive-execution", "--execution-arn", run)
    assert ended(sfn, run)["output"] == '"well"'
    history = emulator.aws("get-execution-history", "--execution-arn", run, "--reverse-order", "--max-items", "3")
    assert [one["type"] for one in history["events"]] == [
        "ExecutionSucceeded",
        "TaskStateExited",
        "LambdaFunctionSucceeded",
    ]
    found = emulator.aws("describe-execution", "--execution-arn", run)
    assert (found["status"], found["redriveCount"]) == ("SUCCEEDED", 1)
    emulator.aws("delete-state-machine", "--state-machine-arn", arn)
    assert "life" not in emulator.aws("list-state-machines", "--query", "stateMachines[].name")


def test_a_synchronous_start_on_the_command_line(emulator: Emulator):
    definition = json.dumps(machine(A={"Type": "Pass", "Result": 7}))
    given = ["--name", "quick", "--type", "EXPRESS", "--role-arn", ROLE, "--definition", definition]
    arn = emulator.aws("create-state-machine", *given)["stateMachineArn"]
    assert emulator.aws("start-sync-execution", "--state-machine-arn", arn)["output"] == "7"


def test_a_callback_comes_from_another_process(emulator: Emulator, tmp_path: Path):
    sfn, path = emulator.client(), tmp_path / "token"
    definition = json.dumps(machine(Ask=ASK))
    arn = sfn.create_state_machine(name="ask", definition=definition, roleArn=ROLE)["stateMachineArn"]
    run = sfn.start_execution(stateMachineArn=arn, input=json.dumps({"path": str(path)}))["executionArn"]
    until(path.exists, "the handler has written its token")
    with emulator.spawn(ANSWER, path.read_text()) as answering:
        assert answering.wait(60) == 0
    found = ended(sfn, run)
    assert (found["status"], found["output"]) == ("SUCCEEDED", "[1]")


def test_a_worker_of_an_activity_is_killed_and_replaced(emulator: Emulator):
    sfn = emulator.client()
    sfn.create_activity(name="dig")
    again = [{"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    definition = json.dumps(machine(A=task(ACTIVITY, HeartbeatSeconds=2, TimeoutSeconds=120, Retry=again)))
    arn = sfn.create_state_machine(name="digging", definition=definition, roleArn=ROLE)["stateMachineArn"]
    run = sfn.start_execution(stateMachineArn=arn, input='{"depth":1}')["executionArn"]
    with emulator.spawn(WORKER, ACTIVITY, "lazy") as lazy:
        assert lazy.stdout is not None and lazy.stdout.readline() == "fetched\n"
        lazy.kill()
    with emulator.spawn(WORKER, ACTIVITY, "busy") as busy:
        found = ended(sfn, run)
        busy.kill()
    assert (found["status"], found["output"]) == ("SUCCEEDED", '{"depth":1}')
    events = sfn.get_execution_history(executionArn=run)["events"]
    workers = [one["activityStartedEventDetails"]["workerName"] for one in events if one["type"] == "ActivityStarted"]
    assert workers == ["lazy", "busy"]
    assert "ActivityTimedOut" in [one["type"] for one in events]


def test_an_argument_that_is_not_known_is_refused(emulator: Emulator):
    done = subprocess.run(
        [*emulator.command, "nonsense"], cwd=ROOT, env=emulator.settings, capture_output=True, text=True
    )
    assert done.returncode == 2 and "nonsense" in done.stderr
