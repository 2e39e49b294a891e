from __future__ import annotations

import pytest

from stepwell.runtime.catalog.source import CatalogError, read_source


@pytest.fixture
def source(tmp_path):
    def write(text):
        path = tmp_path / "charge.py"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_source(path)

    return write


def test_reads_constants_and_docstring_without_running_the_file(source):
    found = source(
        '"""Charge a card.\n\nOnce, whatever happens.\n"""\n'
        "raise SystemExit('this file must not run')\n"
        "TIMEOUT_SECONDS: float = 2.5\n"
        "RETRY = {'maxAttempts': 3}\n"
        "SECRET = open('/etc/passwd')\n"
        "def handler(event, context): ...\n"
    )
    assert (found.summary, found.description) == ("Charge a card.", "Once, whatever happens.")
    assert {name: (one.value, one.line) for name, one in found.literals.items()} == {
        "TIMEOUT_SECONDS": (2.5, 6),
        "RETRY": ({"maxAttempts": 3}, 7),
    }


@pytest.mark.parametrize(
    "text", ["def handler(event, context): ...", "handler = print", "from elsewhere import main as handler"]
)
def test_a_handler_may_be_bound_in_any_way(source, text):
    assert source(text).summary == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("def handle(event, context): ...", ":1: defines no handler"),
        ("async def handler(event, context): ...", ":1: defines no handler"),
        ("x = 1\ndef handler(:\n", ":2: is not Python"),
        (b"x = '\xff'\ndef handler(e, c): ...", "is not Python"),
        (b"x = '\x00'\ndef handler(e, c): ...", ":1: "),
        ("x = " + "(" * 5000 + ")" * 5000, ":1: "),
        ("x=1\nRETRY = dict(maxAttempts=3)\ndef handler(e, c): ...", ":2: RETRY is not a literal"),
        ("from x import ROUTE\ndef handler(e, c): ...", ":1: ROUTE is not a literal"),
        ("def ROUTE(): ...\ndef handler(e, c): ...", ":1: ROUTE is not a literal"),
        ("BODY = {[]: 1}\ndef handler(e, c): ...", ":1: BODY is not a literal"),
    ],
)
def test_a_fault_names_file_and_line(source, text, fault):
    with pytest.raises(CatalogError) as refused:
        source(text)
    assert "charge.py" in str(refused.value)
    assert fault in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CatalogError, match=r"gone\.py:1: cannot be read"):
        read_source(tmp_path / "gone.py")
