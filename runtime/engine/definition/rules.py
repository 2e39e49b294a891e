"""The rules for definitions, as tables: for each object its fields, the kind of each, and whether it is required.

The tables for state machines follow the Amazon States Language specification, one set for each query language. Those
for step lists and flows are our own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from stepwell.runtime.engine.definition.field_kinds import (
    LARGEST_ON_AWS,
    Fault,
    FieldRule,
    Kind,
    Table,
    a_path,
    an_object,
    anything,
    assign,
    check,
    choice,
    credentials,
    expression,
    flag,
    jsonata,
    jsonata_seeing,
    list_of,
    name,
    number,
    object_of,
    or_jsonata,
    path_or_null,
    pattern,
    reference_path_or_null,
    template,
    text,
    text_up_to,
    timestamp,
)
from stepwell.runtime.engine.definition.map_rules import DISTRIBUTED, JSONATA_DISTRIBUTED
from stepwell.runtime.engine.language import choice_rules
from stepwell.runtime.engine.values.jsontext import Json
from stepwell.runtime.engine.values.locations import Location

YEAR = 366 * 24 * 3600
SECONDS = number(0, YEAR, above=True)

RETRY: Table = {
    "maxAttempts": FieldRule(number(1, 1000, whole=True)),
    "intervalSeconds": FieldRule(number(0, YEAR)),
    "backoffRate": FieldRule(number(1, 100)),
    "maxDelaySeconds": FieldRule(SECONDS),
}

STEP: Table = {
    "taskName": FieldRule(text, required=True),
    "name": FieldRule(name),
    "data": FieldRule(anything),
    "retry": FieldRule(object_of(RETRY, "a retry")),
    "timeoutSeconds": FieldRule(SECONDS),
}

BACKOFF: Table = {
    "type": FieldRule(choice("fixed", "exponential"), required=True),
    "delay": FieldRule(number(0, YEAR * 1000), required=True),
}

FLOW_OPTIONS: Table = {
    "attempts": FieldRule(number(1, 1000, whole=True)),
    "backoff": FieldRule(object_of(BACKOFF, "a backoff")),
    "delay": FieldRule(number(0, YEAR * 1000)),
}

RETRIER: Table = {
    "ErrorEquals": FieldRule(list_of(text, least=1), required=True),
    "IntervalSeconds": FieldRule(number(1, LARGEST_ON_AWS)),
    "MaxAttempts": FieldRule(number(0, LARGEST_ON_AWS, whole=True)),
    "BackoffRate": FieldRule(number(1, 1000)),
    "MaxDelaySeconds": FieldRule(SECONDS),
    "JitterStrategy": FieldRule(choice("FULL", "NONE")),
    "Comment": FieldRule(text),
}

_CATCHER: Table = {
    "ErrorEquals": FieldRule(list_of(text, least=1), required=True),
    "Next": FieldRule(text, required=True),
    "Comment": FieldRule(text),
}
_ASSIGN: Table = {"Assign": FieldRule(assign(template))}


def _jsonata_ending(*members: str) -> Table:
    kind = jsonata_seeing(*members)
    return {"Output": FieldRule(kind), "Assign": FieldRule(assign(kind))}


CATCHER: Table = {**_CATCHER, **_ASSIGN, "ResultPath": FieldRule(reference_path_or_null)}
JSONATA_CATCHER: Table = {**_CATCHER, **_jsonata_ending("errorOutput")}


def choice_rule(value: Json, where: Location) -> Iterator[Fault]:
    """The kind of a rule of ``Choices``."""
    yield from _rule(value, where, CHOICE_RULE, "a choice rule")


def nested_rule(value: Json, where: Location) -> Iterator[Fault]:
    """The kind of a rule inside And, Or and Not."""
    yield from _rule(value, where, NESTED_RULE, "a nested rule")


def _rule(value: Json, where: Location, table: Table, what: str) -> Iterator[Fault]:
    yield from check(value, where, table, what)
    # With an unknown field the operator may only be misspelled, and the fault above reports that.
    if isinstance(value, dict) and value.keys() <= table.keys():
        yield from _one_operator(value, where, what)


def _one_operator(rule: Mapping[str, Json], where: Location, what: str) -> Iterator[Fault]:
    found = [name for name in rule if name in OPERATORS or name in COMBINATIONS]
    if not found:
        yield Fault(where, f"{what} needs an operator, such as 'StringEquals' or 'And'")
    elif len(found) > 1:
        yield Fault(where, f"{what} has one operator, not {len(found)}: {', '.join(found)}")
    elif found[0] in OPERATORS and "Variable" not in rule:
        yield Fault(where, f"{what} with {found[0]!r} needs the field 'Variable'")
    elif found[0] in COMBINATIONS and "Variable" in rule:
        yield Fault(where / "Variable", f"{what} with {found[0]!r} has no field 'Variable'")


_OPERANDS: Mapping[str, Kind] = {
    "String": text,
    "Numeric": number(-math.inf, math.inf),
    "Boolean": flag,
    "Timestamp": timestamp,
}

OPERATORS: Table = {
    **{name: FieldRule(_OPERANDS[one.kind]) for name, one in choice_rules.COMPARISONS.items()},
    **{f"{name}Path": FieldRule(a_path) for name in choice_rules.COMPARISONS},
    **{name: FieldRule(flag) for name in (*choice_rules.TESTS, "IsPresent")},
    "StringMatches": FieldRule(pattern),
}

COMBINATIONS: Table = {
    "And": FieldRule(list_of(nested_rule, least=1)),
    "Or": FieldRule(list_of(nested_rule, least=1)),
    "Not": FieldRule(nested_rule),
}

NESTED_RULE: Table = {"Variable": FieldRule(a_path), "Comment": FieldRule(text), **OPERATORS, **COMBINATIONS}
CHOICE_RULE: Table = {**NESTED_RULE, **_ASSIGN, "Next": FieldRule(text, required=True)}
JSONATA_RULE: Table = {
    **_jsonata_ending(),
    "Condition": FieldRule(or_jsonata(flag), required=True),
    "Next": FieldRule(text, required=True),
    "Comment": FieldRule(text),
}

LANGUAGES = ("JSONPath", "JSONata")

MACHINE: Table = {
    "StartAt": FieldRule(text, required=True),
    "States": FieldRule(an_object, required=True),
    "Comment": FieldRule(text),
    "TimeoutSeconds": FieldRule(number(0, LARGEST_ON_AWS, above=True)),
    "Version": FieldRule(choice("1.0")),
    "QueryLanguage": FieldRule(choice(*LANGUAGES)),
}

BRANCH: Table = {name: MACHINE[name] for name in ("StartAt", "States", "Comment")}
PROCESSOR_CONFIG: Table = {
    "Mode": FieldRule(choice("INLINE", "DISTRIBUTED")),
    "ExecutionType": FieldRule(choice("STANDARD", "EXPRESS")),
}
PROCESSOR: Table = {**BRANCH, "ProcessorConfig": FieldRule(object_of(PROCESSOR_CONFIG, "a processor's configuration"))}

_ANY: Table = {
    "Type": FieldRule(text, required=True),
    "Comment": FieldRule(text),
    "QueryLanguage": FieldRule(choice(*LANGUAGES)),
}
_GOES_ON: Table = {"Next": FieldRule(text), "End": FieldRule(flag)}
_RETRY: Table = {"Retry": FieldRule(list_of(object_of(RETRIER, "a retrier")))}
_INSIDE: Table = {"ItemProcessor": FieldRule(anything), "Iterator": FieldRule(anything)}
_BRANCHES: Table = {"Branches": FieldRule(list_of(anything, 1), required=True)}
_TIMEOUT = number(0, LARGEST_ON_AWS, above=True)
_CONCURRENCY = number(0, LARGEST_ON_AWS, whole=True)

_PATHS: Table = {**_ANY, "InputPath": FieldRule(path_or_null), "OutputPath": FieldRule(path_or_null)}
_RESULT_PATH: Table = {"ResultPath": FieldRule(reference_path_or_null)}
_CATCH: Table = {"Catch": FieldRule(list_of(object_of(CATCHER, "a catcher")))}
_WORK: Table = {
    **_PATHS,
    **_GOES_ON,
    **_ASSIGN,
    **_RESULT_PATH,
    **_RETRY,
    **_CATCH,
    "ResultSelector": FieldRule(template),
    "Parameters": FieldRule(template),
}

_JSONATA: Table = {**_ANY, **_jsonata_ending()}
_JSONATA_CATCH: Table = {"Catch": FieldRule(list_of(object_of(JSONATA_CATCHER, "a catcher")))}
_JSONATA_WORK: Table = {**_ANY, **_jsonata_ending("result"), **_GOES_ON, **_RETRY, **_JSONATA_CATCH}

JSONPATH_STATES: Mapping[str, Table] = {
    "Pass": {
        **_PATHS,
        **_GOES_ON,
        **_ASSIGN,
        **_RESULT_PATH,
        "Parameters": FieldRule(template),
        "Result": FieldRule(anything),
    },
    "Task": {
        **_WORK,
        "Resource": FieldRule(text, required=True),
        "TimeoutSeconds": FieldRule(_TIMEOUT),
        "TimeoutSecondsPath": FieldRule(a_path),
        "HeartbeatSeconds": FieldRule(_TIMEOUT),
        "HeartbeatSecondsPath": FieldRule(a_path),
        "Credentials": FieldRule(credentials(template)),
    },
    "Choice": {
        **_PATHS,
        **_ASSIGN,
        "Choices": FieldRule(list_of(choice_rule, least=1), required=True),
        "Default": FieldRule(text),
    },
    "Wait": {
        **_PATHS,
        **_GOES_ON,
        **_ASSIGN,
        "Seconds": FieldRule(number(0, LARGEST_ON_AWS)),
        "SecondsPath": FieldRule(a_path),
        "Timestamp": FieldRule(timestamp),
        "TimestampPath": FieldRule(a_path),
    },
    "Parallel": {**_WORK, **_BRANCHES},
    "Map": {
        **_WORK,
        **_INSIDE,
        **DISTRIBUTED,
        "ItemsPath": FieldRule(path_or_null),
        "ItemSelector": FieldRule(template),
        "MaxConcurrency": FieldRule(_CONCURRENCY),
        "MaxConcurrencyPath": FieldRule(a_path),
    },
    "Succeed": _PATHS,
    "Fail": {
        **_ANY,
        "Error": FieldRule(text_up_to(256)),
        "ErrorPath": FieldRule(expression),
        "Cause": FieldRule(text_up_to(32768)),
        "CausePath": FieldRule(expression),
    },
}

JSONATA_STATES: Mapping[str, Table] = {
    "Pass": {**_JSONATA, **_GOES_ON},
    "Task": {
        **_JSONATA_WORK,
        "Resource": FieldRule(text, required=True),
        "Arguments": FieldRule(jsonata),
        "TimeoutSeconds": FieldRule(or_jsonata(_TIMEOUT)),
        "HeartbeatSeconds": FieldRule(or_jsonata(_TIMEOUT)),
        "Credentials": FieldRule(credentials(jsonata)),
    },
    "Choice": {
        **_JSONATA,
        "Choices": FieldRule(list_of(object_of(JSONATA_RULE, "a choice rule"), least=1), required=True),
        "Default": FieldRule(text),
    },
    "Wait": {
        **_JSONATA,
        **_GOES_ON,
        "Seconds": FieldRule(or_jsonata(number(0, LARGEST_ON_AWS))),
        "Timestamp": FieldRule(or_jsonata(timestamp)),
    },
    "Parallel": {**_JSONATA_WORK, **_BRANCHES, "Arguments": FieldRule(jsonata)},
    "Map": {
        **_JSONATA_WORK,
        **_INSIDE,
        **JSONATA_DISTRIBUTED,
        "Items": FieldRule(jsonata),
        "ItemSelector": FieldRule(jsonata),
        "MaxConcurrency": FieldRule(or_jsonata(_CONCURRENCY)),
    },
    "Succeed": {**_ANY, "Output": FieldRule(jsonata)},
    "Fail": {
        **_ANY,
        "Error": FieldRule(or_jsonata(text_up_to(256))),
        "Cause": FieldRule(or_jsonata(text_up_to(32768))),
    },
}

STATES: Mapping[str, Mapping[str, Table]] = {"JSONPath": JSONPATH_STATES, "JSONata": JSONATA_STATES}
TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
"""The types of states, in the order in which AWS lists them."""
ELSEWHERE: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    mine: {
        kind: dict.fromkeys(STATES[other][kind].keys() - table.keys(), f" in {mine}, only in {other}")
        for kind, table in STATES[mine].items()
    }
    for mine, other in (("JSONPath", "JSONata"), ("JSONata", "JSONPath"))
}
"""By query language and state type: the end of the message for a field that only the other language has."""

_INVOCATION_FIELDS = ("FunctionName", "Payload", "ClientContext", "InvocationType", "LogType", "Qualifier")
INVOCATION: Table = {
    **{name: FieldRule(anything) for name in _INVOCATION_FIELDS},
    **{f"{name}.$": FieldRule(anything) for name in _INVOCATION_FIELDS},
    "FunctionName": FieldRule(text),
}
"""The arguments of ``lambda:invoke``. Source: developer guide, "Optimized Lambda APIs"."""

_START_FIELDS = ("StateMachineArn", "Input", "Name", "TraceHeader")
START: Table = {f"{name}{suffix}": FieldRule(anything) for name in _START_FIELDS for suffix in ("", ".$")}
"""The arguments of ``states:startExecution``. Source: API reference, "StartExecution"."""

_ANSWER_FIELDS = ("TaskToken", "Output", "Error", "Cause")
ANSWER: Table = {f"{name}{suffix}": FieldRule(anything) for name in _ANSWER_FIELDS for suffix in ("", ".$")}
"""The arguments of ``aws-sdk:sfn:sendTask...``. Source: API reference, "SendTaskSuccess", "SendTaskFailure"."""

ONE_OF: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Wait": (("Seconds", "SecondsPath", "Timestamp", "TimestampPath"),),
    "Map": (("ItemProcessor", "Iterator"),),
}
"""By state type: groups of fields of which a state has exactly one."""

AT_MOST_ONE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Task": (("TimeoutSeconds", "TimeoutSecondsPath"), ("HeartbeatSeconds", "HeartbeatSecondsPath")),
    "Map": (
        ("MaxConcurrency", "MaxConcurrencyPath"),
        ("ItemSelector", "Parameters"),
        ("ItemReader", "Items"),
        ("ToleratedFailureCount", "ToleratedFailureCountPath"),
        ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    ),
    "Fail": (("Error", "ErrorPath"), ("Cause", "CausePath")),
}
"""By state type: groups of fields of which a state has at most one."""
