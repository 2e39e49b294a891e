"""JSON Schemas of the REST surface. BODY, QUERY and ANSWERS refer to them by ``#/components/schemas/<name>``."""

from __future__ import annotations

from stepwell.functions.contract import Json
from stepwell.functions.contract.rest import EXECUTION_STATUSES, TASK_STATUSES

OUTCOMES = ("COMPLETED", "FAILED", "TIMED_OUT", "LOST", "RETURNED", "CANCELLED")

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_TIME = {"type": "string", "format": "date-time"}
_TIME_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
_ANY: dict[str, Json] = {}


def _object(members: dict[str, Json], optional: tuple[str, ...] = ()) -> dict[str, Json]:
    required = [name for name in members if name not in optional]
    return {"type": "object", "required": required, "additionalProperties": False, "properties": members}


def _page(of: str) -> dict[str, Json]:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{of}"}}
    return _object({"items": items, "next": {**_TEXT_OR_NULL, "description": "the cursor of the next page"}})


_TASK_IN_EXECUTION = {
    "id": _TEXT,
    "name": {**_TEXT, "description": "the step type"},
    "step": {**_TEXT, "description": "the name of the step"},
    "status": {"enum": list(TASK_STATUSES)},
    "attempts": _COUNT,
    "retries": _COUNT,
    "losses": _COUNT,
    "data": {"description": "the step's own data"},
    "input": {"description": "the event that the handler got"},
    "result": _ANY,
    "error": _TEXT_OR_NULL,
    "cause": _TEXT_OR_NULL,
    "startedAt": _TIME_OR_NULL,
    "finishedAt": _TIME_OR_NULL,
}
_TASK_PLACE = {"executionId": _TEXT, "workflow": _TEXT, "createdAt": _TIME}
_PAYLOADS = ("data", "input", "result", "cause")

_FAULT = _object({"code": _TEXT, "message": _TEXT, "path": _TEXT, "pointer": _TEXT, "hint": _TEXT}, optional=("hint",))
_WARNING = _object({"path": _TEXT, "message": _TEXT})
_WORKFLOW_ROW = {"id": _TEXT, "name": _TEXT, "version": _COUNT, "createdAt": _TIME}

_EXECUTION_ROW = {
    "executionId": _TEXT,
    "name": _TEXT_OR_NULL,
    "workflow": _TEXT,
    "version": _COUNT,
    "status": {"enum": list(EXECUTION_STATUSES)},
    "paused": {"type": "boolean"},
    "error": _TEXT_OR_NULL,
    "startedAt": _TIME,
    "finishedAt": _TIME_OR_NULL,
}

SCHEMAS: dict[str, dict[str, Json]] = {
    "Limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    "Cursor": {"type": "string", "description": "the next of the page before"},
    "Error": _object(
        {
            "error": _object(
                {
                    "code": _TEXT,
                    "message": _TEXT,
                    "path": _TEXT,
                    "hint": _TEXT,
                    "faults": {"type": "array", "items": _FAULT},
                },
                optional=("path", "hint", "faults"),
            )
        }
    ),
    "WorkflowRow": _object(_WORKFLOW_ROW),
    "WorkflowPage": _page("WorkflowRow"),
    "Workflow": _object(
        {**_WORKFLOW_ROW, "definition": _ANY, "warnings": {"type": "array", "items": _WARNING}},
        optional=("warnings",),
    ),
    "VersionPage": _page("Workflow"),
    "Started": _object({"executionId": _TEXT, "status": {"enum": list(EXECUTION_STATUSES)}}),
    "ExecutionRow": _object(_EXECUTION_ROW),
    "ExecutionPage": _page("ExecutionRow"),
    "Execution": _object(
        {
            **_EXECUTION_ROW,
            "cause": _TEXT_OR_NULL,
            "input": _ANY,
            "output": _ANY,
            "tasks": {"type": "array", "items": _object(_TASK_IN_EXECUTION)},
        }
    ),
    "History": _object(
        {
            "events": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "type", "at"],
                    "properties": {"id": _COUNT, "type": _TEXT, "at": _TIME, "step": _TEXT_OR_NULL, "task": _ANY},
                },
            },
            "next": {**_TEXT_OR_NULL, "description": "the after of the next page"},
        }
    ),
    "TaskRow": _object(
        {name: one for name, one in {**_TASK_PLACE, **_TASK_IN_EXECUTION}.items() if name not in _PAYLOADS}
    ),
    "TaskPage": _page("TaskRow"),
    "Task": _object(
        {
            **_TASK_PLACE,
            **_TASK_IN_EXECUTION,
            "attempts": {"type": "array", "items": {"$ref": "#/components/schemas/Attempt"}},
        }
    ),
    "Attempt": _object(
        {
            "attempt": {"type": "integer", "minimum": 1},
            "outcome": {"enum": [None, *OUTCOMES]},
            "error": _TEXT_OR_NULL,
            "cause": _TEXT_OR_NULL,
            "logs": _TEXT,
            "startedAt": _TIME_OR_NULL,
            "finishedAt": _TIME_OR_NULL,
        }
    ),
    "Flow": _object(
        {
            "name": {**_TEXT, "description": "a step type"},
            "data": _ANY,
            "opts": _object(
                {
                    "attempts": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "backoff": _object(
                        {
                            "type": {"enum": ["fixed", "exponential"]},
                            "delay": {"type": "number", "minimum": 0, "description": "milliseconds"},
                        }
                    ),
                    "delay": {"type": "number", "minimum": 0, "description": "milliseconds"},
                },
                optional=("attempts", "backoff", "delay"),
            ),
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Flow"}},
        },
        optional=("data", "opts", "children"),
    ),
    "Function": _object(
        {
            "name": _TEXT,
            "kind": {"enum": ["step", "api", "dashboard", "sfn", "lambda", "stored"]},
            "source": _TEXT,
            "summary": _TEXT,
            "route": _TEXT_OR_NULL,
            "timeoutSeconds": {"type": ["number", "null"]},
            "retry": {"type": ["object", "null"]},
        }
    ),
}
