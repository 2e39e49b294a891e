"""Makes a state machine from a valid document.

Each state type has a loader; each field is compiled for its language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepwell.runtime.engine.definition import model as d
from stepwell.runtime.engine.definition.loops import in_loops
from stepwell.runtime.engine.definition.resources import ACTIVITY, INVOKE, NO_ALIASES, read
from stepwell.runtime.engine.language.choice_rules import Condition, Rule
from stepwell.runtime.engine.language.choice_rules import compile as compile_condition
from stepwell.runtime.engine.language.fields import Constant, Field, Reference, jsonata_of, template_of, value_of
from stepwell.runtime.engine.language.jsonata.expressions import JsonataFault, is_expression
from stepwell.runtime.engine.language.paths import Path, parse
from stepwell.runtime.engine.language.scope import Scope
from stepwell.runtime.engine.values.arns import NOWHERE, Deployment
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import Steps, slashed

LONGEST_LABEL = 40
_NO_LABEL = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(frozen=True)
class _Language:
    """The settings for reading a state.

    ``is_jsonata`` is the state's query language and ``is_default`` the machine's, ``numbers`` the planned task of each
    step, ``aliases`` the function for each resource that has one.
    """

    is_jsonata: bool
    is_default: bool
    numbers: Mapping[str, int]
    aliases: Mapping[str, str]

    def of(self, state: Mapping[str, Json]) -> _Language:
        """The same with the state's own query language, or else the machine's.

        The language of a Map or a Parallel does not apply to the states inside it.
        """
        own = state.get("QueryLanguage")
        return replace(self, is_jsonata=self.is_default if own is None else own == "JSONata")


def load(
    document: Mapping[str, Json],
    plan: tuple[d.PlannedTask, ...] = (),
    aliases: Mapping[str, str] = NO_ALIASES,
    deployment: Deployment = NOWHERE,
) -> d.StateMachine:
    """The state machine of a valid document.

    ``plan`` has the tasks whose rows exist from the start, ``aliases`` the function for each resource that has one.
    """
    numbers = {task.step: task.number for task in plan}
    is_jsonata = document.get("QueryLanguage") == "JSONata"
    machine = _machine(document, _Language(is_jsonata, is_jsonata, numbers, aliases))
    tasks = (state for state in machine.all_states() if isinstance(state, d.TaskState))
    activities = frozenset(task.call.name for task in tasks if task.call.kind == ACTIVITY)
    return replace(machine, plan=plan, deployment=deployment, activities=activities)


def _machine(document: Mapping[str, Json], language: _Language) -> d.StateMachine:
    states = {name: _state(name, body, language) for name, body in document["States"].items()}
    return d.StateMachine(document["StartAt"], states, document.get("TimeoutSeconds"), in_loops(states))


def _state(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    return _LOADERS[body["Type"]](name, body, language.of(body))


def _common(name: str, body: Mapping[str, Json], language: _Language) -> dict[str, Any]:
    return {
        "name": name,
        "next": body.get("Next"),
        "is_jsonata": language.is_jsonata,
        "input_path": _path(body, "InputPath"),
        "output_path": _path(body, "OutputPath"),
        "output": template_of(body, "Output", True) if language.is_jsonata else None,
        "assign": template_of(body, "Assign", language.is_jsonata),
    }


def _pass(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    return d.PassState(
        **_common(name, body, language),
        parameters=template_of(body, "Parameters", False),
        result=body.get("Result"),
        has_result="Result" in body,
        result_path=_path(body, "ResultPath"),
    )


def _task(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    call = read(body["Resource"], language.aliases)
    return d.TaskState(
        **_common(name, body, language),
        **_work(body, language),
        resource=body["Resource"],
        call=call,
        aliases=language.aliases,
        timeout_seconds=value_of(body, "TimeoutSeconds", language.is_jsonata),
        heartbeat_seconds=value_of(body, "HeartbeatSeconds", language.is_jsonata),
        credentials=template_of(body, "Credentials", language.is_jsonata),
        may_send=call.kind == INVOKE and not call.waits_for_token and "InvocationType" in json.dumps(body),
        names_by_data=call.kind == INVOKE and not _is_named(body),
        number=language.numbers.get(name),
    )


def _is_named(body: Mapping[str, Json]) -> bool:
    """True if a call of ``lambda:invoke`` names its function in the definition itself."""
    call = body.get("Parameters", body.get("Arguments"))
    name = call.get("FunctionName") if isinstance(call, dict) else None
    return isinstance(name, str) and not is_expression(name)


def _parallel(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    branches = tuple(_machine(branch, language) for branch in body["Branches"])
    return d.ParallelState(**_common(name, body, language), **_work(body, language), branches=branches)


def _map(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    """A Map. ``Iterator`` is the older name of ItemProcessor, and ``Parameters`` of ItemSelector."""
    processor = body.get("ItemProcessor") or body["Iterator"]
    work = {**_work(body, language), "parameters": None}
    selector = "ItemSelector" if "ItemSelector" in body else "Parameters"
    return d.MapState(
        **_common(name, body, language),
        **work,
        items=_items(body, language),
        selector=template_of(body, selector, language.is_jsonata),
        concurrency=value_of(body, "MaxConcurrency", language.is_jsonata) or Constant("MaxConcurrency", 0),
        processor=_machine(processor, language),
        tolerated_count=value_of(body, "ToleratedFailureCount", language.is_jsonata),
        tolerated_percentage=value_of(body, "ToleratedFailurePercentage", language.is_jsonata),
        distribution=_distribution(name, body, language) if is_distributed(body) else None,
    )


def is_distributed(body: Mapping[str, Json]) -> bool:
    """True if a Map is in distributed mode: its items are executions of their own."""
    processor = body.get("ItemProcessor", body.get("Iterator"))
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    return isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"


def _distribution(name: str, body: Mapping[str, Json], language: _Language) -> d.Distribution:
    arguments = "Arguments" if language.is_jsonata else "Parameters"
    reader, writer, batcher = (body.get(one, {}) for one in ("ItemReader", "ResultWriter", "ItemBatcher"))
    config = reader.get("ReaderConfig", {})
    return d.Distribution(
        label=body.get("Label") or label_of(name),
        lists_objects=reader.get("Resource", "").endswith(":s3:listObjectsV2"),
        reader=template_of(reader, arguments, language.is_jsonata, "ItemReader/"),
        reader_config={key: value for key, value in config.items() if not key.startswith("MaxItems")},
        most_items=value_of(config, "MaxItems", language.is_jsonata),
        writer=template_of(writer, arguments, language.is_jsonata, "ResultWriter/"),
        writer_config=writer.get("WriterConfig", {}),
        batch_items=value_of(batcher, "MaxItemsPerBatch", language.is_jsonata),
        batch_bytes=value_of(batcher, "MaxInputBytesPerBatch", language.is_jsonata),
        batch_input=template_of(batcher, "BatchInput", language.is_jsonata, "ItemBatcher/"),
        is_batched=bool(batcher),
    )


def label_of(name: str) -> str:
    """The label of a Map without a Label: the characters of its name that a label may hold."""
    return _NO_LABEL.sub("", name)[:LONGEST_LABEL] or "Map"


def _items(body: Mapping[str, Json], language: _Language) -> Field | None:
    """The field that gives the items; None for the state's own input."""
    if language.is_jsonata:
        return template_of(body, "Items", True)
    return Reference("ItemsPath", parse(body["ItemsPath"])) if body.get("ItemsPath") is not None else None


def _choice(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    rules = tuple(_rule(one, ("Choices", index), language) for index, one in enumerate(body["Choices"]))
    return d.ChoiceState(**_common(name, body, language), rules=rules, default=body.get("Default"))


def _rule(body: Mapping[str, Json], way: Steps, language: _Language) -> Rule:
    place = f"{slashed(way)[1:]}/"
    own = {
        "output": template_of(body, "Output", True, place) if language.is_jsonata else None,
        "assign": template_of(body, "Assign", language.is_jsonata, place),
    }
    return Rule(body["Next"], _condition(body, way, language), **own)


def _condition(body: Mapping[str, Json], way: Steps, language: _Language) -> Condition:
    """The condition of a rule. A fault of a JSONata condition names the location, with the rule's index."""
    if not language.is_jsonata:
        return compile_condition(body)
    field = jsonata_of("", body["Condition"])

    def condition(scope: Scope) -> bool:
        try:
            return bool(field.expected("boolean", field.value(scope)))
        except JsonataFault as fault:
            fault.where = (*way, "Condition")
            raise

    return condition


def _wait(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    return d.WaitState(
        **_common(name, body, language),
        seconds=value_of(body, "Seconds", language.is_jsonata),
        timestamp=value_of(body, "Timestamp", language.is_jsonata),
    )


def _succeed(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    return d.SucceedState(**_common(name, body, language))


def _fail(name: str, body: Mapping[str, Json], language: _Language) -> d.State:
    return d.FailState(
        **_common(name, body, language),
        error=value_of(body, "Error", language.is_jsonata),
        cause=value_of(body, "Cause", language.is_jsonata),
    )


_LOADERS: Mapping[str, Callable[[str, Mapping[str, Json], _Language], d.State]] = {
    "Pass": _pass,
    "Task": _task,
    "Choice": _choice,
    "Wait": _wait,
    "Parallel": _parallel,
    "Map": _map,
    "Succeed": _succeed,
    "Fail": _fail,
}


def _work(body: Mapping[str, Json], language: _Language) -> dict[str, Any]:
    arguments = "Arguments" if language.is_jsonata else "Parameters"
    return {
        "parameters": template_of(body, arguments, language.is_jsonata),
        "result_selector": template_of(body, "ResultSelector", False),
        "result_path": _path(body, "ResultPath"),
        "retriers": tuple(_retrier(one) for one in body.get("Retry", ())),
        "catchers": tuple(
            _catcher(one, f"Catch[{index}]/", language) for index, one in enumerate(body.get("Catch", ()))
        ),
    }


def _retrier(body: Mapping[str, Json]) -> d.Retrier:
    given = {ours: body[asl] for asl, ours in _RETRIER_FIELDS.items() if asl in body}
    jitter = body.get("JitterStrategy") == "FULL"
    return d.Retrier(error_equals=tuple(body["ErrorEquals"]), full_jitter=jitter, **given)


_RETRIER_FIELDS = {
    "IntervalSeconds": "interval_seconds",
    "MaxAttempts": "max_attempts",
    "BackoffRate": "backoff_rate",
    "MaxDelaySeconds": "max_delay_seconds",
}


def _catcher(body: Mapping[str, Json], place: str, language: _Language) -> d.Catcher:
    return d.Catcher(
        error_equals=tuple(body["ErrorEquals"]),
        next=body["Next"],
        result_path=_path(body, "ResultPath"),
        output=template_of(body, "Output", True, place) if language.is_jsonata else None,
        assign=template_of(body, "Assign", language.is_jsonata, place),
    )


def _path(body: Mapping[str, Json], field_name: str) -> Path | None:
    """A path field. Without the field it is the whole document; null gives None, which discards the value."""
    text = body.get(field_name, "$")
    return None if text is None else parse(text)
