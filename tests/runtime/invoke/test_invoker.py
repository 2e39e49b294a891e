from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.invoke.in_process import InProcessInvoker
from stepwell.runtime.invoke.invoker import Invoker
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.invoke.target import Invocation, Target, Terms
from stepwell.runtime.sandbox.pool import Pool
from stepwell.runtime.settings import Limits, Settings
from tests.runtime.sandbox.bench import ENOUGH_SECONDS, gone, wait_until

ID = "0f9e"
SETTINGS = Settings(function_timeout_seconds=ENOUGH_SECONDS)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Invoker]:
    invoker = Invoker(Pool({"PATH": "/usr/bin:/bin"}, [tmp_path], SETTINGS.limits.logs), SETTINGS)
    yield invoker
    invoker.close()


@pytest.fixture(params=["sandbox", "in process"])
def invoker(request: pytest.FixtureRequest) -> Invoker | InProcessInvoker:
    """Each kind of invoker in turn: the outcomes are the same."""
    return request.getfixturevalue("sandbox") if request.param == "sandbox" else InProcessInvoker(SETTINGS)


@pytest.fixture
def target(tmp_path: Path):
    def write(body: str, **members: Any) -> Target:
        """A function with this body of ``handler(event, context)``."""
        path = tmp_path / "sandboxed" / "send.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("def handler(event, context):\n" + textwrap.indent(textwrap.dedent(body), "    "))
        return Target("send", path, "sandboxed.send", **members)

    return write


def run(invoker: Invoker | InProcessInvoker, target: Target, event: Any = None, **options: Any) -> Outcome:
    options = {"timeout_seconds": None, "key": "task/1", "request_id": ID, **options}
    return invoker.run(Invocation(target, json.dumps(event), **options))


def test_a_result_is_json_text(invoker, target):
    outcome = run(invoker, target("print('hi')\nreturn {'got': event, 'é': 1.5}"), [1, 2])
    assert (outcome.ok, outcome.result, outcome.logs) == (True, '{"got":[1,2],"é":1.5}', "hi\n")
    assert (outcome.error, outcome.cause, outcome.killed) == (None, None, False)
    assert 0 < outcome.seconds < ENOUGH_SECONDS


def test_a_result_of_nothing_is_a_result(invoker, target):
    outcome = run(invoker, target("pass"))
    assert outcome.ok and outcome.result == "null"


def test_the_context_names_the_function(invoker, target):
    body = (
        "return [context.function_name, context.aws_request_id, context.invoked_function_arn, context.log_group_name]"
    )
    arn = "arn:aws:lambda:us-east-1:123456789012:function:send"
    assert json.loads(run(invoker, target(body)).result or "") == ["send", ID, arn, "/aws/lambda/send"]


def test_the_remaining_time_is_that_of_the_nearer_limit(invoker, target):
    remaining = "return context.get_remaining_time_in_millis()"
    assert 5000 < int(run(invoker, target(remaining, timeout_seconds=20)).result or 0) <= 20_000
    assert (
        20_000 < int(run(invoker, target(remaining, timeout_seconds=900), timeout_seconds=600).result or 0) <= 600_000
    )


def test_an_exception_is_error_and_cause(invoker, target):
    outcome = run(invoker, target("raise LookupError('no such')"))
    cause = json.loads(outcome.cause or "")
    assert (outcome.ok, outcome.error) == (False, "LookupError")
    assert list(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (cause["errorMessage"], cause["requestId"]) == ("no such", ID)
    assert "[ERROR] LookupError: no such" in outcome.logs


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return object()", "Object of type object is not JSON serializable"),
        ("return float('nan')", "Out of range float values are not JSON compliant"),
        ("return 10 ** 30", "the number 1000000000000000000000000000000 does not fit 64 bits"),
        ("return {1: 'a', '1': 'b'}", "the key '1' stands twice in one object"),
        ("return 'a\\0'", "a string holds the character NUL"),
        ("return '\\ud800'", "surrogates not allowed"),
        ("found = []\nfor _ in range(65): found = [found]\nreturn found", "nested deeper than 64"),
        ("found = []\nfor _ in range(10_000): found = [found]\nreturn found", "maximum recursion depth exceeded"),
    ],
)
def test_a_result_that_is_no_json_is_a_marshal_error(invoker, target, body: str, says: str):
    outcome = run(invoker, target(body))
    cause = json.loads(outcome.cause or "")
    assert outcome.error == cause["errorType"] == "Runtime.MarshalError"
    assert cause["errorMessage"].startswith("Unable to marshal response: ") and says in cause["errorMessage"]
    assert list(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]


@pytest.mark.parametrize("size", [(256 << 10) + 1, 300_000, 7_000_000])
def test_a_result_beyond_the_payload_limit_is_refused(invoker, target, size: int):
    outcome = run(invoker, target("return 'x' * (event - 2)"), size)
    assert outcome.error == "States.DataLimitExceeded"
    assert outcome.cause == (
        "The state/task 'send' returned a result with a size exceeding the maximum number of bytes service limit."
    )


def test_a_result_of_the_payload_limit_is_taken(invoker, target):
    assert run(invoker, target("return 'é' * (event // 2 - 1)"), 256 << 10).ok


def test_the_limit_is_a_setting(tmp_path: Path, target):
    small = InProcessInvoker(replace(SETTINGS, limits=Limits(payload=10)))
    assert run(small, target("return 'x' * 9")).error == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    ("code", "says"), [("3", "exited with error: exit status 3"), ("", "exited without providing a reason")]
)
def test_an_exit_is_lambdas_exit_error(invoker, target, code: str, says: str):
    outcome = run(invoker, target(f"import sys; sys.exit({code})"))
    message = f"RequestId: {ID} Error: Runtime {says}"
    assert outcome.error == "Runtime.ExitError"
    assert outcome.cause == f'{{"errorType":"Runtime.ExitError","errorMessage":"{message}"}}'


def test_a_death_by_signal_is_lambdas_exit_error(sandbox, target):
    outcome = run(sandbox, target("import os; os.kill(os.getpid(), 9)"))
    assert "Runtime exited with error: signal: killed" in (outcome.cause or "")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import nomod", "Runtime.ImportModuleError"),
        ("def handler(:", "Runtime.UserCodeSyntaxError"),
        ("x = 1", "Runtime.HandlerNotFound"),
        ("raise ValueError('early')", "ValueError"),
    ],
)
def test_a_module_that_cannot_be_used_is_an_error(invoker, target, source: str, error: str):
    broken = target("pass")
    broken.path.write_text(source)
    assert run(invoker, broken).error == error


BUSY = "while True: pass"


def test_the_states_limit_is_a_states_timeout(sandbox, target):
    outcome = run(sandbox, target(BUSY, timeout_seconds=60), timeout_seconds=0.1)
    assert (outcome.error, outcome.cause) == ("States.Timeout", None)


def test_equal_limits_are_the_states(sandbox, target):
    assert run(sandbox, target(BUSY, timeout_seconds=0.1), timeout_seconds=0.1).error == "States.Timeout"


@pytest.mark.parametrize("state_limit", [None, 60])
def test_the_functions_own_limit_is_lambdas_timeout(sandbox, target, state_limit: float | None):
    outcome = run(sandbox, target(BUSY, timeout_seconds=0.25), timeout_seconds=state_limit)
    message = f"RequestId: {ID} Error: Task timed out after 0.25 seconds"
    assert outcome.error == "Sandbox.Timedout"
    assert outcome.cause == f'{{"errorType":"Sandbox.Timedout","errorMessage":"{message}"}}'


def test_a_function_without_a_limit_has_that_of_the_settings(tmp_path: Path, target):
    invoker = Invoker(Pool({}, [tmp_path], 1000), replace(SETTINGS, function_timeout_seconds=0.1))
    assert run(invoker, target(BUSY)).error == "Sandbox.Timedout"
    invoker.close()


def test_no_time_left_is_a_timeout_before_the_handler_runs(sandbox, target, tmp_path: Path):
    outcome = run(sandbox, target(f"open({str(tmp_path / 'ran')!r}, 'w')"), timeout_seconds=0)
    assert outcome.error == "States.Timeout"
    assert not (tmp_path / "ran").exists()


def test_a_kill_leaves_nothing_to_report(sandbox, target, tmp_path: Path):
    body = f"import os\nprint(os.getpid())\nopen({str(tmp_path / 'runs')!r}, 'w').close()\n{BUSY}"
    with ThreadPoolExecutor(1) as worker:
        call = worker.submit(run, sandbox, target(body), key="mine")
        wait_until((tmp_path / "runs").exists)
        assert not sandbox.kill("another")
        assert sandbox.kill("mine")
        outcome = call.result()
    assert outcome.killed and not outcome.ok
    assert (outcome.result, outcome.error, outcome.cause) == (None, None, None)
    assert gone(int(outcome.logs))


def test_where_no_process_starts_it_is_the_services_fault(tmp_path: Path):
    nowhere = Target("lost", tmp_path / "missing" / "lost.py", "missing.lost")
    invoker = Invoker(Pool({}, [], 1000), SETTINGS)
    outcome = run(invoker, nowhere)
    invoker.close()
    assert outcome.error == "Lambda.ServiceException"
    assert "missing" in (outcome.cause or "")


def test_an_invoker_of_the_settings_knows_every_root(tmp_path: Path, target):
    written = target("import os\nreturn [os.environ['STEPWELL_URL'], os.environ.get('DATABASE_URL')]")
    invoker = Invoker.from_settings(Settings(function_paths=(tmp_path,), url="http://here"))
    outcome = run(invoker, written)
    invoker.close()
    assert outcome.result == '["http://here",null]'


def test_in_process_a_file_is_read_anew(target):
    invoker = InProcessInvoker()
    assert [run(invoker, target(f"return {number}")).result for number in (1, 2)] == ["1", "2"]
    assert not invoker.kill("task/1")
    invoker.close()


def test_the_client_context_has_the_idempotency_key_of_a_state_machines_call(invoker, target):
    shows = target("client = context.client_context\nreturn client and [client.custom, client.env, client.client]")
    keyed = run(invoker, shows, idempotency_key="e/visit")
    assert keyed.result == '[{"idempotencyKey":"e/visit"},null,null]'
    assert run(invoker, shows).result == "null"


def test_a_direct_call_keeps_the_client_context_of_its_caller(invoker, target):
    shows = target("return context.client_context.custom")
    terms = Terms({"custom": {"mine": 1}})
    assert run(invoker, shows, terms=terms, idempotency_key="e/visit").result == '{"mine":1}'


def test_a_handler_may_return_the_bytes_of_its_payload(invoker, target):
    assert run(invoker, target("return b'\"a\"'")).result == '"a"'
    assert run(invoker, target("return b'{\"a\": 1.50}'")).result == '{"a": 1.50}'


@pytest.mark.parametrize("returned", ["b'no json'", "b'\\xff' * 200"])
def test_other_bytes_are_no_result(invoker, target, returned: str):
    outcome = run(invoker, target(f"return {returned}"))
    assert outcome.error == "Runtime.MarshalError"
    assert json.loads(outcome.cause or "")["errorMessage"].startswith("Unable to marshal response: ")


@pytest.mark.parametrize("returned", ["b'x' * 262145", "b'\\xff' * 262145", "b'\"' + b'x' * 262144 + b'\"'"])
def test_the_size_of_bytes_is_looked_at_first(invoker, target, returned: str):
    assert run(invoker, target(f"return {returned}")).error == "States.DataLimitExceeded"


def test_a_trace_names_lambdas_root_and_the_folder_stays_usable(invoker, target, tmp_path: Path):
    failing = target("import os\nopen(__file__).close()\nraise ValueError(os.path.basename(__file__))")
    outcome = run(invoker, failing)
    cause = json.loads(outcome.cause or "")
    assert cause["errorMessage"] == "send.py"
    shown = "/var/task/send.py" if isinstance(invoker, InProcessInvoker) else "/var/task/sandboxed/send.py"
    assert cause["stackTrace"][0].startswith(f'  File "{shown}", line 4, in handler')
    assert str(tmp_path) not in (outcome.cause or "") + outcome.logs
