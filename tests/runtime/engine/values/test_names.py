"""The names that are allowed: AWS's rule, character by character."""

from __future__ import annotations

import pytest

from stepwell.runtime.engine.values.names import LONGEST, fault_of

ALLOWED = [
    "a",
    "0",
    "-",
    "_",
    ".",
    "..",
    "a-b_c.D9",
    "x" * LONGEST,
    "é日本😀",
    "it's",
    "a(b)!",
    "a=b@c+d",
    "a'b",
    "()",
    "States.ALL",
]
FORBIDDEN = '\t\n\r <>{}[]?*"#%\\^|~`$&,;:/\x00\x1f\x7f\x80\x85\x9f\u00a0\u2028\u3000\ufffe\uffff\ud800\udfff\U0010ffff'


@pytest.mark.parametrize("name", ALLOWED)
def test_an_allowed_name(name: str) -> None:
    assert fault_of(name) is None


@pytest.mark.parametrize("character", FORBIDDEN, ids=lambda one: f"U+{ord(one):04X}")
def test_a_forbidden_character_is_told_wherever_it_stands(character: str) -> None:
    for name in (character, f"{character}a", f"a{character}", f"a{character}b"):
        assert fault_of(name) == f"the character {character!r} is not allowed in a name"


@pytest.mark.parametrize("name", [None, 1, True, [], {}, b"a"])
def test_what_is_no_text(name: object) -> None:
    assert fault_of(name) == "a name must be a string"


def test_the_length() -> None:
    assert fault_of("") == "a name must not be empty"
    assert fault_of("x" * 81) == "a name has at most 80 characters, this one 81"
    assert fault_of("日" * 80) is None
