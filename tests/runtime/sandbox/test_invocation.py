from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.sandbox.invocation import (
    CAUSE_CHARS,
    Handlers,
    InvocationFault,
    SourceWatch,
    UnreadableResult,
    exit_status,
    marshal,
    perform,
)

CONTEXT = {
    "aws_request_id": "id-1",
    "function_name": "f",
    "function_version": "$LATEST",
    "memory_limit_in_mb": "128",
    "invoked_function_arn": "arn",
    "log_group_name": "group",
    "log_stream_name": "stream",
    "remaining_ms": 1000,
}
LAMBDAS_ORDER = ["errorMessage", "errorType", "requestId", "stackTrace"]


@pytest.fixture
def error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The error of a module with this source."""

    def run(source: str | bytes, module: str = "sandboxed_app") -> dict[str, Any]:
        path = tmp_path / "app.py"
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        monkeypatch.delitem(sys.modules, module, raising=False)
        request = {"module": module, "path": str(path), "handler": "handler", "event": "null", "context": CONTEXT}
        try:
            error = perform(Handlers(SourceWatch(())), request, str(tmp_path))["error"]
        finally:
            monkeypatch.delitem(sys.modules, module, raising=False)
        assert list(error) == LAMBDAS_ORDER
        assert error["requestId"] == "id-1"
        return {name: error[name] for name in ("errorType", "errorMessage", "stackTrace")}

    return run


def test_an_exception_is_told_in_lambdas_form(error, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    found = error("def handler(event, context):\n    raise ValueError('boom')\n")
    frame = "  File \"/var/task/app.py\", line 2, in handler\n    raise ValueError('boom')\n"
    assert found == {"errorType": "ValueError", "errorMessage": "boom", "stackTrace": [frame]}
    assert capsys.readouterr().err == f"[ERROR] ValueError: boom\nTraceback (most recent call last):\n{frame}"


def test_an_exception_while_importing_begins_at_the_users_frame(error):
    found = error("def load():\n    raise KeyError('x')\nload()\n")
    assert found["errorType"] == "KeyError"
    assert [trace.splitlines()[0].rpartition(" in ")[2] for trace in found["stackTrace"]] == ["<module>", "load"]


def test_a_failed_import_is_named_and_printed(error, capsys: pytest.CaptureFixture[str]):
    assert error("import nomod\n") == {
        "errorType": "Runtime.ImportModuleError",
        "errorMessage": "Unable to import module 'sandboxed_app': No module named 'nomod'",
        "stackTrace": [],
    }
    assert "line 1, in <module>" in capsys.readouterr().err


def test_a_failed_import_is_tried_again(tmp_path: Path):
    path = tmp_path / "app.py"
    path.write_text("raise ValueError('early')\n")
    request = {"module": "sandboxed", "path": str(path), "handler": "handler", "event": "1", "context": CONTEXT}
    functions = Handlers(SourceWatch(()))
    assert [perform(functions, request, "")["error"]["errorType"] for _ in range(2)] == ["ValueError", "ValueError"]
    assert "sandboxed" not in sys.modules


def test_a_missing_file_is_a_failed_import():
    request = {"module": "gone", "path": "/nowhere/gone.py", "handler": "handler", "event": "1", "context": CONTEXT}
    found = perform(Handlers(SourceWatch(())), request, "")["error"]
    assert found["errorMessage"] == "Unable to import module 'gone': No module named 'gone'"


def test_a_syntax_error_says_where(error, tmp_path: Path):
    found = error("def handler(:\n")
    assert found["errorType"] == "Runtime.UserCodeSyntaxError"
    assert found["errorMessage"].startswith("Syntax error in module 'sandboxed_app': ")
    assert found["stackTrace"][0].startswith('  File "/var/task/app.py" Line 1\n    def handler(:')


def test_a_module_without_handler_is_named(error):
    assert error("def other(): pass\n") == {
        "errorType": "Runtime.HandlerNotFound",
        "errorMessage": "Handler 'handler' missing on module 'sandboxed_app'",
        "stackTrace": [],
    }


def test_a_handler_that_cannot_be_called_is_an_error(error):
    assert error("handler = 7\n")["errorType"] == "TypeError"


def test_a_name_that_is_taken_is_a_conflict():
    request = {"module": "json", "path": __file__, "handler": "handler", "event": "1", "context": CONTEXT}
    found = perform(Handlers(SourceWatch(())), request, "")["error"]
    assert found["errorType"] == "Runtime.BuiltInModuleConflict"
    assert sys.modules["json"] is json


def test_endless_recursion_is_an_error_of_bounded_size(error):
    found = error("def handler(event, context):\n    return handler(event, context)\n")
    assert found["errorType"] == "RecursionError"
    assert len(json.dumps(found)) < 2000


def test_a_huge_message_is_cut(error):
    found = error("def handler(event, context):\n    raise ValueError('é\\n' * 10_000_000)\n")
    assert 10_000 < len(json.dumps(found, ensure_ascii=False)) <= CAUSE_CHARS
    assert found["errorMessage"].startswith("é\né\n")


def test_a_long_trace_keeps_both_ends(error):
    functions = [f"def f{n}():\n    f{n + 1}()  # {'x' * 60}\n" for n in range(600)]
    found = error("".join(functions) + "def f600(): raise ValueError('deep')\nhandler = lambda e, c: f0()\n")
    assert len(json.dumps(found, ensure_ascii=False)) <= CAUSE_CHARS
    assert "in <lambda>" in found["stackTrace"][0] and "in f600" in found["stackTrace"][-1]
    assert found["errorMessage"] == "deep"


def test_a_message_that_no_database_takes_is_made_plain(error):
    found = error("def handler(event, context):\n    raise ValueError('\\ud800\\0')\n")
    assert found["errorMessage"] == "\\ud800\N{REPLACEMENT CHARACTER}"


def test_an_exception_without_a_message_of_its_own_is_told(error):
    source = "class Odd(Exception):\n    def __str__(self): return 1 / 0\ndef handler(event, context): raise Odd\n"
    assert error(source)["errorMessage"] == "<no message: ZeroDivisionError in __str__ of Odd>"


def test_a_long_class_name_is_cut(error):
    source = "def handler(event, context): raise type('E' * 1000, (Exception,), {})\n"
    assert error(source)["errorType"] == "E" * 256


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": (1, 2.5, None, True)}, '{"a":[1,2.5,null,true]}'),
        ("é", '"é"'),
        (Decimal("3"), "3"),
        (Decimal("1.50"), "1.5"),
        (Decimal("1e40"), "1e+40"),
    ],
)
def test_a_result_becomes_compact_json(value: object, text: str):
    assert marshal(value) == (text, len(text.encode()))


def endless() -> list[Any]:
    found: list[Any] = []
    for _ in range(100_000):
        found = [found]
    return found


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("1e400"),
        "\ud800",
        10**5000,
        endless(),
    ],
    ids=["object", "set", "nan", "inf", "no decimal", "huge decimal", "half a surrogate", "huge int", "deep"],
)
def test_what_is_no_json_is_a_marshal_error(value: object):
    with pytest.raises(InvocationFault, match=r"^Unable to marshal response: ") as found:
        marshal(value)
    assert found.value.kind == "Runtime.MarshalError"


def test_the_marshal_error_has_lambdas_words():
    with pytest.raises(
        InvocationFault, match=r"^Unable to marshal response: Object of type object is not JSON serializable$"
    ):
        marshal(object())


@pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (3, 3), (True, 1), (-1, 255), (256, 0), ("no", 1)])
def test_an_exit_status_is_pythons(code: object, status: int):
    assert exit_status(code) == status


def test_the_watch_sees_changes_under_its_roots_alone(tmp_path: Path):
    inside, outside = tmp_path / "in" / "a.py", tmp_path / "b.py"
    package = tmp_path / "in" / "site-packages" / "c.py"
    package.parent.mkdir(parents=True)
    for file in (inside, outside, package):
        file.write_text("1")
    watch = SourceWatch([str(tmp_path / "in")])
    for file in (inside, outside, package):
        watch.see(str(file))
    outside.write_text("12")
    package.write_text("12")
    assert not watch.changed()
    inside.write_text("12")
    assert watch.changed()
    inside.unlink()
    assert watch.changed()


@pytest.mark.parametrize("value", [b"x", b'"a"', b'{"a": "\xc3\xbc"}', b""])
def test_bytes_are_the_payload_as_they_are(value: bytes):
    assert marshal(value) == (value.decode(), len(value))


def test_bytes_that_are_no_text_are_counted():
    with pytest.raises(UnreadableResult) as found:
        marshal(b"\xff" * 300)
    assert found.value.size == 300


def test_files_elsewhere_keep_their_place(error, tmp_path: Path):
    found = error("import json\ndef handler(event, context):\n    json.loads('{')\n")
    assert found["stackTrace"][0].startswith('  File "/var/task/app.py", line 3, in handler\n')
    assert f'File "{json.__file__}", line ' in found["stackTrace"][1]


def test_a_link_to_the_root_is_the_root_too(tmp_path: Path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (real / "linked_app.py").write_text("def handler(event, context):\n    1 / 0\n")
    request = {"module": "linked_app", "handler": "handler", "event": "null", "context": CONTEXT}
    for root, path in ((link, real), (link, link), (real, real)):
        sys.modules.pop("linked_app", None)
        told = perform(Handlers(SourceWatch(())), {**request, "path": str(path / "linked_app.py")}, str(root))
        assert told["error"]["stackTrace"][0].startswith('  File "/var/task/linked_app.py", line 2')
    sys.modules.pop("linked_app", None)
