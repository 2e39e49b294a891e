"""The AWS CLI creates, calls, changes and deletes a function of the emulator. Both run as programs of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.services import until
from tests.wire.packages import package
from tests.wire.test_processes import AWS, Emulator, emulator

__all__ = ["emulator"]

Json = Any

ROLE = "arn:aws:iam::123456789012:role/lambda"
NOTED = "open({path!r}, 'w').write(str(event['n']))"


@pytest.fixture
def aws(emulator: Emulator) -> Any:
    def call(*arguments: str) -> Json:
        """Runs ``aws lambda``; returns its parsed output."""
        command = [sys.executable, str(AWS), "lambda", *arguments, "--output", "json"]
        done = subprocess.run(command, env=emulator.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    return call


def test_a_function_s_life_on_the_command_line(aws: Any, tmp_path: Path) -> None:
    zipped, answer, note = tmp_path / "code.zip", tmp_path / "answer.json", tmp_path / "note"
    zipped.write_bytes(package("return [event, 1]"))
    code, mine = ("--zip-file", f"fileb://{zipped}"), ("--function-name", "mine")
    made = aws("create-function", *mine, *code, "--runtime", "python3.12", "--role", ROLE, "--handler", "app.handler")
    assert made["State"] == "Active"
    aws("wait", "function-active-v2", *mine)
    sent = ("--payload", '{"n": 7}')  # version 2 of the CLI also needs --cli-binary-format
    assert aws("invoke", *mine, *sent, str(answer))["ExecutedVersion"] == "$LATEST"
    assert json.loads(answer.read_text()) == [{"n": 7}, 1]
    zipped.write_bytes(package(NOTED.format(path=str(note))))
    aws("update-function-code", *mine, *code)
    aws("wait", "function-updated-v2", *mine)
    assert aws("invoke", *mine, "--invocation-type", "Event", *sent, str(answer))["StatusCode"] == 202
    until(lambda: note.exists() and note.read_text() == "7", "the event has run")
    assert aws("publish-version", *mine)["Version"] == "1"
    assert [one["Version"] for one in aws("list-versions-by-function", *mine)["Versions"]] == ["$LATEST", "1"]
    aws("delete-function", *mine)
    assert "mine" not in aws("list-functions", "--query", "Functions[].FunctionName")
