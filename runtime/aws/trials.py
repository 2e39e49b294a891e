"""TestState: a state tried by itself, with a mock in place of its work or with the function that it names."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from db import queries
from db.database import database
from functions.contract import ACCOUNT, REGION, ROLE
from functions.sfn._errors import InvalidExecutionInput, ValidationException
from functions.sfn._rooms import DefinitionFault, Trial, Tried
from runtime.aws.definitions import NO_JSON, as_aws, refusal, waits_outside
from runtime.engine import commands, jsontext, trial
from runtime.engine.execution import Execution
from runtime.engine.home import Home
from runtime.engine.kinds import SCHEMA
from runtime.engine.limits import EngineLimits
from runtime.engine.load import load
from runtime.engine.trial import Failure, Given, Result
from runtime.express import Own
from runtime.ids import new_id
from runtime.invoke import InProcessInvoker, Invoker, Outcome, Target
from runtime.workflows import Workflows

Json = Any

SECONDS = 300.0
"""How long AWS lets a trial take."""
NEEDS_MOCK = ("Parallel", "Map")


class WireTrials:
    def __init__(
        self,
        workflows: Workflows,
        invoker: Invoker | InProcessInvoker,
        find: Callable[[str], Target | Outcome],
        limits: EngineLimits,
        own: Mapping[str, Own],
    ) -> None:
        self._own = own
        self._workflows = workflows
        self._invoker = invoker
        self._find = find
        self._limits = limits

    def run(self, wanted: Trial) -> Tried:
        given = Given(self._read(wanted.input), self._read(wanted.variables), wanted.retries)
        document = self._document(wanted)
        compiled = self._compiled(document)
        machine = load(compiled, (), self._workflows.aliases, Home(REGION, ACCOUNT, ROLE))
        mock = None if wanted.mock is None else self._mock(wanted.mock)
        before = self._execution(given.input, self._read(wanted.context))
        verdict = trial.tried(machine, before, given, (lambda task: mock) if mock else self._work, self._limits)
        has_output = verdict.status in (trial.SUCCEEDED, trial.CAUGHT)
        return Tried(
            status=verdict.status,
            output=jsontext.write(verdict.output) if has_output else None,
            error=verdict.error,
            cause=verdict.cause,
            next=verdict.next,
            data={name: jsontext.write(value) for name, value in verdict.data.items()},
            details=verdict.details,
        )

    def _document(self, wanted: Trial) -> dict[str, Json]:
        """The machine of the one state. Raises InvalidDefinition, ValidationException."""
        definition = self._definition(wanted.definition)
        state: Json = definition
        language = definition.get("QueryLanguage") if "States" in definition else None
        if wanted.state is not None:
            state = trial.found(definition, wanted.state)
        if not isinstance(state, dict) or "States" in state:
            raise ValidationException("stateName must name a state of the definition that is a whole state machine")
        if wanted.mock is None and self._needs_mock(state):
            raise ValidationException(
                "A mock is needed for Map and Parallel states, activities, and .sync and .waitForTaskToken"
            )
        stand_in = None if wanted.mock is None else next(iter(self._workflows.defaults))
        return trial.alone(state, wanted.state or trial.ALONE, language, stand_in)

    def _needs_mock(self, state: Mapping[str, Json]) -> bool:
        resource = str(state.get("Resource", ""))
        return state.get("Type") in NEEDS_MOCK or waits_outside(resource)

    def _definition(self, text: str) -> dict[str, Json]:
        try:
            found = jsontext.read(text, self._workflows.limits.depth)
        except jsontext.NotJson as fault:
            raise refusal([DefinitionFault(NO_JSON, str(fault), "")]) from None
        if not isinstance(found, dict):
            raise refusal([DefinitionFault(SCHEMA, "a definition must be an object", "/")])
        return found

    def _compiled(self, document: dict[str, Json]) -> Json:
        if found := self._workflows.faults(document):
            raise refusal([as_aws(one) for one in found])
        return self._workflows.compile(document).machine

    def _read(self, text: str) -> Json:
        try:
            return jsontext.read(text, self._limits.depth)
        except jsontext.NotJson as fault:
            raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{fault}'") from None

    def _mock(self, mock: Mapping[str, Json]) -> Result | Failure:
        if ("result" in mock) == ("errorOutput" in mock):
            raise ValidationException("A mock has either a result or an errorOutput")
        if "errorOutput" in mock:
            output = mock["errorOutput"]
            return Failure(output.get("error", "States.TaskFailed"), output.get("cause"))
        return Result(self._read(mock["result"]))

    def _execution(self, given: Json, context: Json) -> Execution:
        """The execution that expressions see; the context object that was given stands before what is known."""
        members = context.items() if isinstance(context, dict) else ()
        told = {name: of for name, of in members if isinstance(of, dict)}
        identity = str(uuid.uuid4())
        with database.connection_context():
            now = queries.now()
        return Execution(identity, identity, "TestState", given, now, told=told)

    def _work(self, task: commands.DispatchTask) -> Result | Failure:
        """The function itself, run once."""
        outcome = self._outcome(task)
        if outcome.result is None:
            return Failure(outcome.error or "States.TaskFailed", outcome.cause)
        return Result(json.loads(outcome.result))

    def _outcome(self, task: commands.DispatchTask) -> Outcome:
        identity = new_id()
        if task.function in self._own:
            return self._own[task.function](task.input, identity)
        target = self._find(task.function)
        if isinstance(target, Outcome):
            return target
        seconds = min(task.timeout_seconds or SECONDS, SECONDS)
        text = jsontext.write(task.input)
        return self._invoker.run(target, text, timeout_seconds=seconds, key=identity, request_id=identity)
