"""What is wrong with a text that is no JSON, in the words of Jackson, by which AWS reads JSON.

Known are the faults that AWS was seen to name: a bare word where a value should be, and a name without its double
quotes. Source: Jackson 2's ``ReaderBasedJsonParser`` ("Unrecognized token", "was expecting").
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_LONGEST_WORD = 256
_LONGEST_SOURCE = 500
_NAME = "Expecting property name enclosed in double quotes"
_VALUE = "Expecting value"


@dataclass(frozen=True)
class JsonFault:
    """The fault, and where the reader stood in the text: line and column count from 1."""

    message: str
    text: str
    line: int
    column: int

    @property
    def location(self) -> str:
        """The place, in brackets, with the first 500 characters of the text."""
        more = len(self.text) - _LONGEST_SOURCE
        cut = f"[truncated {more} chars]" if more > 0 else ""
        return f'[Source: (String)"{self.text[:_LONGEST_SOURCE]}"{cut}; line: {self.line}, column: {self.column}]'


def fault_of(text: str) -> JsonFault | None:
    """The first fault of a text; None if it is JSON, or if Jackson's words for the fault are not known."""
    try:
        json.loads(text)
    except json.JSONDecodeError as found:
        return _in_jacksons_words(text, found)
    except (ValueError, RecursionError):
        return None
    return None


def _in_jacksons_words(text: str, found: json.JSONDecodeError) -> JsonFault | None:
    at = found.pos
    if found.msg == _NAME and at < len(text):
        character = text[at]
        message = f"Unexpected character ('{character}' (code {_code(character)})): was expecting "
        return _at(text, at + 1, f"{message}double-quote to start field name")
    word = _WORD.match(text, at) if found.msg == _VALUE else None
    if word is None:
        return None
    expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    return _at(text, word.end(), f"Unrecognized token '{word[0][:_LONGEST_WORD]}': was expecting {expected}")


def _code(character: str) -> str:
    """The code of a character, as Jackson shows it: in both notations if it is not ASCII."""
    number = ord(character)
    return str(number) if number <= 255 else f"{number} / 0x{number:x}"


def _at(text: str, end: int, message: str) -> JsonFault:
    before = text[:end]
    line = before.count("\n") + 1
    return JsonFault(message, text, line, end - (before.rfind("\n") + 1) + 1)
