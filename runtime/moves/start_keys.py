"""The keys in the table ``start_key``: one name space for our own, one for those of clients.

Our own begin with their purpose and the id of their task or execution. A client may send a key of that form, too: it is
stored behind a mark that no client can send. All other keys of clients are stored as they come, as they always were.
"""

from __future__ import annotations

import re

CLIENTS = "\x1f"
"""The mark. A client's key has printable characters only."""
_OURS = re.compile(r"(task|redrive):[0-9a-f]{8}-[0-9a-f-]{27}[:/]", re.IGNORECASE)


def of_try(task: str, retries: int) -> str:
    """The key under which a try of a task starts its execution, however often a worker is lost during the try."""
    return f"task:{task}/{retries}"


def of_redrive(execution_id: str, token: str) -> str:
    """The key of a redrive with this client token."""
    return f"redrive:{execution_id}:{token}"


def of_client(key: str | None) -> str | None:
    """The key of a client's start."""
    return f"{CLIENTS}{key}" if key is not None and _OURS.match(key) else key
