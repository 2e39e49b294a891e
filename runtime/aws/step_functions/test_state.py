"""TestState: tests one state by itself, with a mock in place of its work, or with its real function."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping

from stepwell.db import queries
from stepwell.db.database import database
from stepwell.functions.contract import Json
from stepwell.functions.contract.state_tests import StateTest, StateTestResult
from stepwell.functions.errors.step_functions import ServiceUnavailable, ThrottlingException, ValidationException
from stepwell.runtime.aws.step_functions import definitions, mocks, test_context
from stepwell.runtime.aws.step_functions.executions import read_input
from stepwell.runtime.engine import trial
from stepwell.runtime.engine.core import commands
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.definition.model import StateMachine
from stepwell.runtime.engine.definition.validate import machine as machine_faults
from stepwell.runtime.engine.trial import Failure, Given, MapFields, Result
from stepwell.runtime.engine.values import arns, jsontext
from stepwell.runtime.engine.values.arns import Deployment
from stepwell.runtime.engine.values.limits import EngineLimits
from stepwell.runtime.http.waiting import WaitingLimit
from stepwell.runtime.ids import new_id
from stepwell.runtime.invoke.call import Caller, TaskCall
from stepwell.runtime.invoke.outcome import Outcome
from stepwell.runtime.workflows import Workflows

SECONDS = 300.0
"""The longest time AWS gives a test."""
MOCK = "mock"
"""The function in place of mocked work. It is never looked up."""
NUMBERS = ("toleratedFailureCount", "toleratedFailurePercentage", "maxConcurrency")
"""The members of the inspected data that are numbers. All others are JSON text."""


class _AnyFunction(frozenset[str]):
    """The functions that a tested state may name: all, whether they exist or not."""

    def __contains__(self, name: object) -> bool:
        return True


class WireStateTests:
    """The tests of states that ``functions.contract.step_functions`` promises."""

    def __init__(self, workflows: Workflows, caller: Caller, limits: EngineLimits, waiting: WaitingLimit) -> None:
        self._workflows = workflows
        self._caller = caller
        self._limits = limits
        self._waiting = waiting

    def run(self, wanted: StateTest) -> StateTestResult:
        given = Given(read_input(wanted.input, self._limits), self._variables(wanted.variables), wanted.retries)
        state, name, language = self._state(wanted)
        document = trial.alone(state, name, language, None)
        self._check(document, None)
        mocks.check(state, wanted)
        if wanted.mock is None:
            self._check(document, _AnyFunction())
        machine = self._loaded(document)
        context = None if wanted.context is None else self._context(state, wanted.context)
        mock = None if wanted.mock is None else self._mock(state, wanted.mock)
        before = self._execution(state, given, wanted.role, context)
        if mock is None:
            return _tried(trial.tried(machine, machine, before, given, self._work, self._limits), {})
        fields = self._fields(state, machine, before, given, wanted)
        played = self._loaded(trial.alone(state, name, language, MOCK))
        outcome = _mocked(fields, mock, wanted.failures or 0)
        return _tried(trial.tried(machine, played, before, given, lambda _: outcome, self._limits), fields.data)

    def _fields(
        self, state: Mapping[str, Json], machine: StateMachine, before: Execution, given: Given, wanted: StateTest
    ) -> MapFields:
        """What a Map makes of its fields. Raises ValidationException for more failures than it has items."""
        if state["Type"] != "Map":
            return MapFields({})
        read = self._items(state, wanted.reader_data)
        fields = trial.map_fields(machine, before, given, read, self._limits)
        mocks.check_failures(wanted.failures, fields.items)
        return fields

    def _items(self, state: Mapping[str, Json], text: str | None) -> Json:
        """The items in the text that replaces a Map's source; None for a format that is not JSON."""
        kind = state.get("ItemReader", {}).get("ReaderConfig", {}).get("InputType", "JSON")
        return None if text is None or kind != "JSON" else read_input(text, self._limits)

    def _check(self, document: dict[str, Json], functions: Collection[str] | None) -> None:
        """Raises InvalidDefinition. Without functions nothing that a Task calls is looked into."""
        if found := machine_faults(document, functions, self._workflows.limits.steps, self._workflows.aliases):
            raise definitions.refusal([definitions.as_aws(one) for one in found])

    def _loaded(self, document: dict[str, Json]) -> StateMachine:
        deployment = Deployment(arns.REGION, arns.ACCOUNT, arns.ROLE)
        return load(document, (), self._workflows.aliases, deployment)

    def _state(self, wanted: StateTest) -> tuple[dict[str, Json], str, str | None]:
        """The state to test, its name, and its machine's language. Raises InvalidDefinition, ValidationException."""
        definition, faults = definitions.read(self._workflows, wanted.definition)
        if faults:
            raise definitions.refusal(faults)
        language = definition.get("QueryLanguage") if "States" in definition else None
        state: Json = definition if wanted.state is None else trial.found(definition, wanted.state)
        if state is None:
            raise ValidationException("State not found in definition")
        if not isinstance(state, dict) or "States" in state:
            raise ValidationException("stateName must name a state of the definition that is a whole state machine")
        return state, wanted.state or trial.ALONE, language

    def _variables(self, text: str) -> Mapping[str, Json]:
        variables = read_input(text, self._limits)
        if not isinstance(variables, dict):
            raise ValidationException("The variables must be a JSON object")
        return variables

    def _context(self, state: Mapping[str, Json], text: str) -> Mapping[str, Json]:
        try:
            context = jsontext.read(text, self._limits.depth)
        except jsontext.NotJson as fault:
            raise ValidationException(f"Invalid Context object provided: {fault}") from None
        return test_context.check(context, _resource_of(state))

    def _mock(self, state: Mapping[str, Json], mock: Mapping[str, Json]) -> Result | Failure:
        if failure := mocks.failure_of(mock):
            return failure
        try:
            value = jsontext.read(mock["result"], self._limits.depth)
        except jsontext.NotJson:
            raise ValidationException("Mocked result must be valid JSON") from None
        return mocks.result_of(state, mock, value)

    def _execution(
        self, state: Mapping[str, Json], given: Given, role: str | None, context: Mapping[str, Json] | None
    ) -> Execution:
        """The execution that expressions see, by the context object."""
        identity = str(uuid.uuid4())
        with database.connection_context():
            now = queries.now()
        if context is None:
            context = test_context.made_up(given.input, given.retries, role, now, _resource_of(state))
        return Execution(identity, identity, "TestState", given.input, now, context=context)

    def _work(self, task: commands.DispatchTask) -> Result | Failure:
        """The result of the real function, run once."""
        outcome = self._outcome(task)
        if outcome.away:
            raise ServiceUnavailable()
        if outcome.result is None:
            return Failure(outcome.error or "States.TaskFailed", outcome.cause)
        return Result(json.loads(outcome.result))

    def _outcome(self, task: commands.DispatchTask) -> Outcome:
        identity, seconds = new_id(), min(task.timeout_seconds or SECONDS, SECONDS)
        call = TaskCall(task.function, jsontext.write(task.input), identity, identity, seconds)
        with self._waiting.place(ThrottlingException()):
            return self._caller.run(call)


def _resource_of(state: Mapping[str, Json]) -> str:
    return str(state.get("Resource", "")) if state["Type"] == "Task" else ""


def _mocked(fields: MapFields, mock: Result | Failure, failures: int) -> Result | Failure:
    """The outcome of mocked work. A Map that fails of its fields, or of its items, does not come to its mock."""
    if fields.failure is not None:
        return fields.failure
    return trial.TOO_MANY if isinstance(mock, Result) and trial.is_too_much(fields, failures) else mock


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
