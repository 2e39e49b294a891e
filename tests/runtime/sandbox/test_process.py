from __future__ import annotations

import os

import pytest

from stepwell.runtime.sandbox.output import Output
from stepwell.runtime.sandbox.process import ChildProcess, Gone, describe_exit
from tests.runtime.sandbox.bench import Bench


@pytest.mark.parametrize(
    ("returncode", "said"),
    [
        (0, None),
        (1, "exit status 1"),
        (255, "exit status 255"),
        (-9, "signal: killed"),
        (-11, "signal: segmentation fault"),
        (-6, "signal: aborted"),
        (-15, "signal: terminated"),
    ],
)
def test_an_exit_is_described_as_lambda_does(returncode: int, said: str | None):
    assert describe_exit(returncode) == said


def received(data: bytes) -> ChildProcess:
    child = ChildProcess.__new__(ChildProcess)
    child._received = bytearray(data)
    return child


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\0\0\0\2", b'\0\0\0\x0e{"result":"1"'])
def test_an_answer_is_awaited_until_it_is_whole(data: bytes):
    assert received(data)._answer() is None


def test_a_whole_answer_is_taken_once():
    child = received(b'\0\0\0\x0e{"result":"1"}')
    assert child._answer() == {"result": "1"}
    assert child._answer() is None


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff\xff\xff", b"\0\0\0\2{}x", b"\0\0\0\2[]", b"\0\0\0\1{", b"\0\0\0\2\xff\xff", b"\0\1\0\0" + b"[" * 65536],
    ids=["endless", "more than one", "no object", "no json", "no text", "too deep"],
)
def test_what_cannot_be_an_answer_is_the_end_of_the_child(data: bytes):
    with pytest.raises(Gone):
        received(data)._answer()


def test_an_endless_flood_of_output_is_left_at_some_point():
    child = ChildProcess.__new__(ChildProcess)
    child._output = os.open("/dev/zero", os.O_RDONLY)
    output = Output(0)
    child.drain(output)
    os.close(child._output)
    assert output.text() == f"\n... {1 << 20} bytes dropped ...\n"


def test_output_that_was_closed_is_not_asked_for_again(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    taken: list[bytes] = []
    monkeypatch.setattr(Output, "add", lambda self, data: taken.append(data))
    bench.run("import os, time\nos.close(1)\nos.close(2)\ntime.sleep(0.05)")
    assert taken.count(b"") <= 1
