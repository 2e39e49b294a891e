"""Faults of JSON text in Jackson's words, each with the place at which Jackson stood."""

from __future__ import annotations

import pytest

from stepwell.runtime.engine.values.json_faults import fault_of

EXPECTED = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("abc def", f"Unrecognized token 'abc': {EXPECTED}", 1, 4),
        ('{"a":\n  nil}', f"Unrecognized token 'nil': {EXPECTED}", 2, 6),
        ("[1, $x$]", f"Unrecognized token '$x$': {EXPECTED}", 1, 8),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", 1, 3),
        ('{"a": 1,\n}', "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 2, 2),
        (
            "{“a”: 1}",
            "Unexpected character ('“' (code 8220 / 0x201c)): was expecting double-quote to start field name",
            1,
            3,
        ),
    ],
)
def test_jacksons_words(text: str, message: str, line: int, column: int) -> None:
    fault = fault_of(text)
    assert fault is not None
    assert (fault.message, fault.line, fault.column) == (message, line, column)
    assert fault.location == f'[Source: (String)"{text}"; line: {line}, column: {column}]'


def test_a_long_text_is_cut_and_so_is_a_long_word() -> None:
    fault = fault_of("a" * 700)
    assert fault is not None
    assert fault.location == f'[Source: (String)"{"a" * 500}"[truncated 200 chars]; line: 1, column: 701]'
    assert fault.message == f"Unrecognized token '{'a' * 256}': {EXPECTED}"


@pytest.mark.parametrize("text", ["{}", '{"a": 1, "a": 2}', "", "{", '"a', '{"a" 1}', "[" * 100_000, "NaN", "+1"])
def test_json_and_other_faults_are_left_to_the_reader(text: str) -> None:
    assert fault_of(text) is None
