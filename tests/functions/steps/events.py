"""Step events in the engine's form."""

from __future__ import annotations

from typing import Any

EXECUTION = "0b6f5c1e-1111-4222-8333-000000000001"


def step_event(data: Any = None, *, name: str = "it", retry: int = 0, **members: Any) -> dict[str, Any]:
    step = {"name": name, "retry": retry, "idempotencyKey": f"{EXECUTION}/{name}"}
    return {"data": data, "input": None, "results": {}, "step": step, **members}
