"""The rooms of the code, from the bottom up, and the rooms that each may import.

A folder is a room with everything below it, down to the next room in the table. A module that lies flat in
``runtime/`` or ``runtime/engine/`` is a room by itself. A room may import only rooms above its own line here: no import
leads back up. ``tests/house.py`` holds the code to the table, and a test the table to the code: it grants nothing that
is not used.
"""

from __future__ import annotations

import re

_TABLE = """
functions/errors:
functions/contract: functions/errors
functions: functions/contract functions/errors

db:

runtime/settings:
runtime/logs:
runtime/ids:
runtime/crashpoints:
runtime/outage:
runtime/workflow_names:
runtime/sandbox:

runtime/engine/values:
runtime/engine/language: runtime/engine/values
runtime/engine/definition: runtime/engine/language runtime/engine/values
runtime/engine/core: runtime/engine/definition runtime/engine/language runtime/engine/values
runtime/engine/states: runtime/engine/core runtime/engine/definition runtime/engine/language runtime/engine/values
runtime/engine/redrive: runtime/engine/core runtime/engine/states runtime/engine/values
runtime/engine/transition: runtime/engine/core runtime/engine/definition runtime/engine/language
    runtime/engine/redrive runtime/engine/states runtime/engine/values
runtime/engine/aws_history: runtime/engine/core runtime/engine/definition runtime/engine/values
runtime/engine/trial: runtime/engine/core runtime/engine/definition runtime/engine/states runtime/engine/transition
    runtime/engine/values

runtime/http: functions/errors runtime/engine/definition runtime/engine/values runtime/outage
runtime/server: functions/errors runtime/http
runtime/catalog: functions/contract runtime/engine/definition runtime/engine/values runtime/http runtime/settings

runtime/express_machines: runtime/engine/definition runtime/engine/language
runtime/workflows: db functions/errors runtime/engine/aws_history runtime/engine/definition runtime/engine/values
    runtime/express_machines runtime/ids runtime/settings runtime/workflow_names
runtime/invoke: db runtime/engine/values runtime/ids runtime/outage runtime/sandbox runtime/settings
runtime/in_memory: runtime/engine/core runtime/engine/definition runtime/engine/transition runtime/engine/values
    runtime/express_machines runtime/ids runtime/invoke runtime/outage

runtime/moves: db functions/errors runtime/crashpoints runtime/engine/core runtime/engine/definition
    runtime/engine/transition runtime/engine/values runtime/ids runtime/outage runtime/workflows
runtime/map_runs: db functions/errors runtime/crashpoints runtime/engine/core runtime/engine/states
    runtime/engine/transition runtime/engine/values runtime/ids runtime/moves runtime/workflows
runtime/retention: db runtime/engine/values runtime/ids runtime/moves runtime/outage runtime/settings
    runtime/workflow_names
runtime/mover: db runtime/crashpoints runtime/engine/core runtime/engine/transition runtime/engine/values runtime/ids
    runtime/map_runs runtime/moves runtime/outage runtime/workflows
runtime/executions: db functions/errors runtime/crashpoints runtime/engine/core runtime/engine/transition
    runtime/engine/values runtime/ids runtime/map_runs runtime/mover runtime/moves runtime/outage runtime/workflows

runtime/lambdas: db functions/contract functions/errors runtime/catalog runtime/engine/core runtime/engine/definition
    runtime/engine/values runtime/executions runtime/http runtime/ids runtime/invoke runtime/moves runtime/sandbox
    runtime/settings runtime/workflow_names runtime/workflows
runtime/aws: functions/contract functions/errors runtime/catalog runtime/engine/values runtime/http runtime/ids
    runtime/settings
runtime/aws/step_functions: db functions/contract functions/errors runtime/aws runtime/engine/aws_history
    runtime/engine/core runtime/engine/definition runtime/engine/states runtime/engine/trial runtime/engine/values
    runtime/executions runtime/http runtime/ids runtime/in_memory runtime/invoke runtime/map_runs runtime/moves
    runtime/workflows
runtime/api: db functions/contract functions/errors runtime/aws/step_functions runtime/catalog
    runtime/engine/definition runtime/engine/values runtime/executions runtime/http runtime/ids runtime/invoke
    runtime/lambdas runtime/moves runtime/workflows
runtime/tasks: db functions/errors runtime/aws/step_functions runtime/crashpoints runtime/engine/core
    runtime/engine/definition runtime/engine/values runtime/executions runtime/express_machines runtime/ids
    runtime/in_memory runtime/invoke runtime/lambdas runtime/mover runtime/moves runtime/outage runtime/retention
    runtime/settings
    runtime/workflow_names runtime/workflows

runtime/gateway: functions/contract functions/errors runtime/api runtime/aws runtime/catalog runtime/engine/values
    runtime/http runtime/invoke runtime/lambdas runtime/settings
runtime/assembly: db runtime/api runtime/aws/step_functions runtime/catalog runtime/engine/core runtime/engine/values
    runtime/executions runtime/express_machines runtime/http runtime/in_memory runtime/invoke runtime/lambdas
    runtime/retention runtime/settings runtime/tasks runtime/workflows
runtime/app: runtime/api runtime/assembly runtime/catalog runtime/gateway runtime/http runtime/invoke runtime/logs
    runtime/sandbox runtime/server runtime/settings
runtime/worker: runtime/assembly runtime/logs runtime/sandbox runtime/settings runtime/tasks
emulator: db runtime/app runtime/assembly runtime/catalog runtime/engine/values runtime/logs
    runtime/sandbox runtime/server runtime/settings runtime/worker
"""


def _parsed(text: str) -> dict[str, tuple[str, ...]]:
    """Each room with its imports. An indented line continues the line before."""
    rows = re.sub(r"\n +", " ", text).split("\n")
    pairs = (row.partition(":") for row in rows if row)
    return {room: tuple(imports.split()) for room, _, imports in pairs}


TABLE = _parsed(_TABLE)
