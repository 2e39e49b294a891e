"""The text of a bracket in a path, before its grammar is parsed: its end, and its strict form.

AWS accepts more than RFC 9535, and public definitions rely on it: words without quotes
(``[?(@.TargetLanguageCode==es)]`` in aws-samples' parallel-translate) and numbers without a digit before the point
(``[?(@.Score > .85)]`` in its document-text-analysis).
"""

from __future__ import annotations

import re

LONGEST = 4096
"""How many characters a path may have."""

MOST_MARKS = 100
"""How many brackets, parentheses and logical operators a bracket may contain: each may cost a level of recursion."""

# A quote that never ends matches up to the end of the text. Without that the search would begin again at each quote
# behind it, in quadratic time.
_MARK = re.compile(r"""'(?:[^'\\]++|\\.)*+'?|"(?:[^"\\]++|\\.)*+"?|[\[\](!]|&&|\|\|""", re.DOTALL)
# Strings in quotes come first in the pattern, so that nothing inside them is taken for a literal.
_LOOSE = re.compile(
    r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|(?<=[=<>])\s*+"""
    r"""(?:(?!(?:true|false|null)\b)(?P<word>[A-Za-z_]\w*+)(?=\s*+[])&|])|(?P<sign>-?)(?=\.\d))""",
    re.DOTALL,
)


class PathSyntax(ValueError):
    """The text is not a path."""


def closing(text: str, at: int) -> int:
    """The index behind the bracket that opens at ``at``. Raises PathSyntax."""
    depth = marks = 0
    for mark in _MARK.finditer(text, at, at + LONGEST):
        marks += mark.group()[0] not in "'\"]"
        if marks > MOST_MARKS:
            raise PathSyntax(f"{text[at : at + 40]!r} has more than {MOST_MARKS} brackets and operators")
        depth += {"[": 1, "]": -1}.get(mark.group(), 0)
        if depth == 0:
            return mark.end()
    raise PathSyntax(f"{text[at : at + 40]!r} has no end: ']' is missing")


def strict(inside: str) -> str:
    """The bracket in the form of RFC 9535: a filter's words in quotes, and numbers with a digit before the point."""
    return _LOOSE.sub(_strict, inside)


def _strict(found: re.Match[str]) -> str:
    if found["word"] is not None:
        return f"'{found['word']}'"
    return found[0] if found["sign"] is None else f"{found['sign']}0"
