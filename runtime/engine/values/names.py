"""The names that a workflow, a step, an execution or a function may have.

Source: AWS Step Functions API reference, "name" of StartExecution and CreateStateMachine.
"""

from __future__ import annotations

import re

LONGEST = 80
_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]")


def fault_of(name: object) -> str | None:
    """The message about a name that is not allowed; None for a good name."""
    if not isinstance(name, str):
        return "a name must be a string"
    if not name:
        return "a name must not be empty"
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} characters, this one {len(name)}"
    found = _FORBIDDEN.search(name)
    return None if found is None else f"the character {found.group()!r} is not allowed in a name"
