"""TestState: tests one state by itself, with a mock in place of its work, or with its real function."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.functions.contract import Json
from stepwell.functions.contract.state_tests import StateTest, StateTestResult
from stepwell.functions.contract.step_functions import DefinitionFault
from stepwell.functions.errors.step_functions import InvalidExecutionInput, ValidationException
from stepwell.runtime.aws.step_functions import mocks
from stepwell.runtime.aws.step_functions.definitions import NO_JSON, as_aws, refusal
from stepwell.runtime.engine import trial
from stepwell.runtime.engine.core import commands
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.field_kinds import SCHEMA
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.trial import Failure, Given, Result
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.arns import Deployment
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.ids import new_id
from stepwell.runtime.invoke.call import Caller, TaskCall
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.workflows import Workflows

SECONDS = 300.0
"""The longest time AWS gives a test."""
NUMBERS = ("toleratedFailureCount", "toleratedFailurePercentage", "maxConcurrency")
"""The members of the inspected data that are numbers. All others are JSON text."""


class WireStateTests:
    """The tests of states that ``functions.contract.step_functions`` promises."""

    def __init__(self, workflows: Workflows, caller: Caller, limits: EngineLimits) -> None:
        self._workflows = workflows
        self._caller = caller
        self._limits = limits

    def run(self, wanted: StateTest) -> StateTestResult:
        given = Given(self._read(wanted.input), self._read(wanted.variables), wanted.retries)
        state, name, language = self._state(wanted)
        mocks.check(state, wanted)
        stand_in = None if wanted.mock is None else next(iter(self._workflows.defaults))
        machine = self._loaded(trial.alone(state, name, language, stand_in))
        mock = None if wanted.mock is None else self._mock(state, wanted.mock)
        before = self._execution(given.input, self._read(wanted.context or "{}"))
        inspected: dict[str, Json] = {}
        if state.get("Type") == "Map":
            whole = self._loaded(trial.alone(state, name, language, None))
            inspected = trial.map_data(whole, before, given, self._items(state, wanted.reader_data), self._limits)
            if isinstance(mock, Result) and trial.is_too_much(inspected, wanted.failures or 0):
                mock = trial.TOO_MANY
        verdict = trial.tried(machine, before, given, (lambda task: mock) if mock else self._work, self._limits)
        return _tried(verdict, inspected)

    def _items(self, state: Mapping[str, Json], text: str | None) -> Json:
        """The items in the text that replaces a Map's source; None for a format that is not JSON."""
        kind = state.get("ItemReader", {}).get("ReaderConfig", {}).get("InputType", "JSON")
        return None if text is None or kind != "JSON" else self._read(text)

    def _loaded(self, document: dict[str, Json]) -> StateMachine:
        return load(
            self._compiled(document), (), self._workflows.aliases, Deployment(arns.REGION, arns.ACCOUNT, arns.ROLE)
        )

    def _state(self, wanted: StateTest) -> tuple[dict[str, Json], str, str | None]:
        """The state to test, its name, and its machine's language. Raises InvalidDefinition, ValidationException."""
        definition = self._definition(wanted.definition)
        language = definition.get("QueryLanguage") if "States" in definition else None
        state: Json = definition if wanted.state is None else trial.found(definition, wanted.state)
        if not isinstance(state, dict) or "States" in state:
            raise ValidationException("stateName must name a state of the definition that is a whole state machine")
        return state, wanted.state or trial.ALONE, language

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

    def _mock(self, state: Mapping[str, Json], mock: Mapping[str, Json]) -> Result | Failure:
        return mocks.failure_of(mock) or mocks.result_of(state, mock, self._read(mock["result"]))

    def _execution(self, given: Json, context: Json) -> Execution:
        """The execution that expressions see. Members of the given context object replace the known ones."""
        members = context.items() if isinstance(context, dict) else ()
        overrides = {name: of for name, of in members if isinstance(of, dict)}
        identity = str(uuid.uuid4())
        with database.connection_context():
            now = queries.now()
        return Execution(identity, identity, "TestState", given, now, context_overrides=overrides)

    def _work(self, task: commands.DispatchTask) -> Result | Failure:
        """The result of the real function, run once."""
        outcome = self._outcome(task)
        if outcome.result is None:
            return Failure(outcome.error or "States.TaskFailed", outcome.cause)
        return Result(json.loads(outcome.result))

    def _outcome(self, task: commands.DispatchTask) -> Outcome:
        identity, seconds = new_id(), min(task.timeout_seconds or SECONDS, SECONDS)
        return self._caller.run(TaskCall(task.function, jsontext.write(task.input), identity, identity, seconds))


def _tried(verdict: trial.Verdict, inspected: Mapping[str, Json]) -> StateTestResult:
    has_output = verdict.status in (trial.SUCCEEDED, trial.CAUGHT)
    data = {**verdict.data, **inspected}
    return StateTestResult(
        status=verdict.status,
        output=jsontext.write(verdict.output) if has_output else None,
        error=verdict.error,
        cause=verdict.cause,
        next=verdict.next,
        data={name: value if name in NUMBERS else jsontext.write(value) for name, value in data.items()},
        details=verdict.details,
    )
