"""Every fault of a definition has a location, a message, and a hint at the probable intention."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.runtime.engine.definition import steplist, validate
from stepwell.runtime.engine.definition.field_kinds import Fault
from tests.runtime.engine.random_machines import FUNCTIONS

Json = Any
Wrong = tuple[Json, str, str, str | None]
"""A definition, and its first fault: the location, words of the message and, if there is one, the hint."""

STEP = {"taskName": "step1"}


def steps(*items: Json) -> Json:
    return {"steps": list(items)}


def retry(**fields: Json) -> Json:
    return steps({**STEP, "retry": fields})


def asl(**states: Json) -> Json:
    """A machine that begins with the first of these states."""
    return {"StartAt": next(iter(states), ""), "States": states}


def ending(kind: Json, **fields: Json) -> Json:
    return {"Type": kind, **fields, "End": True}


def task(**fields: Json) -> Json:
    return ending("Task", Resource="step1", **fields)


PASS = ending("Pass")


def chain(first: int, length: int) -> Json:
    """A chain of Pass states whose names are numbers."""
    last = first + length - 1
    following = {str(n): {"Type": "Pass", "Next": str(n + 1)} for n in range(first, last)}
    return {**following, str(last): PASS}


def crowd(branches: int, length: int) -> Json:
    """A machine with this number of branches, each a chain."""
    made = [{"StartAt": str(n * length), "States": chain(n * length, length)} for n in range(branches)]
    return asl(Crowd=ending("Parallel", Branches=made))


A_PATH = "$.States.A.Parameters['a.$']"

STEP_LISTS: list[Wrong] = [
    (None, "$", "must be an object with steps, or a state machine, not null", None),
    ([], "$", "not a list", None),
    ("steps", "$", "not a string", None),
    (True, "$", "not a boolean", None),
    (1, "$", "not a number", None),
    ({}, "$", "a step list needs the field 'steps'", None),
    ({"step": []}, "$.step", "a step list has no field 'step'", "did you mean 'steps'?"),
    ({"steps": {}}, "$.steps", "must be a list, not an object", None),
    (steps(), "$.steps", "needs at least 1", None),
    ({**steps(STEP), "name": "x"}, "$.name", "has no field 'name'", None),
    ({**steps(STEP), "StartAt": "A"}, "$.StartAt", "a step list has no field 'StartAt'", None),
    (steps(7), "$.steps[0]", "a step must be an object, not a number", None),
    (steps(STEP, {}), "$.steps[1]", "a step needs the field 'taskName'", None),
    (steps({"taskName": "fetsh"}), "$.steps[0].taskName", "there is no step type 'fetsh'", "did you mean 'fetch'?"),
    (steps({"taskName": "Step1"}), "$.steps[0].taskName", "there is no step type 'Step1'", "did you mean 'step1'?"),
    (steps({"taskName": "qwertz"}), "$.steps[0].taskName", "there is no step type 'qwertz'", None),
    (steps({"taskName": 1}), "$.steps[0].taskName", "must be a string, not a number", None),
    (steps({**STEP, "taskname": "x"}), "$.steps[0].taskname", "has no field", "did you mean 'taskName'?"),
    (steps({**STEP, "timeout": 1}), "$.steps[0].timeout", "has no field 'timeout'", None),
    (steps({**STEP, "timeoutseconds": 1}), "$.steps[0].timeoutseconds", "no field", "did you mean 'timeoutSeconds'?"),
    (steps({**STEP, "timeoutSeconds": 0}), "$.steps[0].timeoutSeconds", "must be above 0 and at most 31622400", None),
    (steps({**STEP, "timeoutSeconds": True}), "$.steps[0].timeoutSeconds", "a number, not a boolean", None),
    (steps({**STEP, "timeoutSeconds": "9"}), "$.steps[0].timeoutSeconds", "a number, not a string", None),
    (steps({**STEP, "timeoutSeconds": None}), "$.steps[0].timeoutSeconds", "a number, not null", None),
    (steps({**STEP, "name": ""}), "$.steps[0].name", "must not be empty", None),
    (steps({**STEP, "name": None}), "$.steps[0].name", "must be a string", None),
    (steps({**STEP, "name": "a b"}), "$.steps[0].name", "the character ' ' is not allowed", None),
    (steps({**STEP, "name": "x" * 81}), "$.steps[0].name", "at most 80 characters, this one 81", None),
    (steps({**STEP, "name": "a"}, {**STEP, "name": "a"}), "$.steps[1].name", "'a' is taken by $.steps[0]", None),
    (
        steps({**STEP, "name": "a"}, {"parallel": [STEP, {"parallel": [{**STEP, "name": "a"}]}]}),
        "$.steps[1].parallel[1].parallel[0].name",
        "the name 'a' is taken by $.steps[0]",
        None,
    ),
    (steps({"parallel": []}), "$.steps[0].parallel", "needs at least 1", None),
    (steps({"parallel": STEP}), "$.steps[0].parallel", "must be a list, not an object", None),
    (steps({"parallel": [STEP], **STEP}), "$.steps[0].taskName", "a parallel group has no field 'taskName'", None),
    (steps({"parallel": [STEP], "name": "g"}), "$.steps[0].name", "a parallel group has no field 'name'", None),
    (steps({"parallel": [STEP, {"taskName": "x"}]}), "$.steps[0].parallel[1].taskName", "no step type 'x'", None),
    (steps({"paralel": [STEP]}), "$.steps[0].paralel", "a step has no field 'paralel'", None),
    (steps(*[STEP] * 1001), "$.steps", "has 1001 steps; the limit is 1000", None),
    (steps({"parallel": [STEP] * 500}, *[STEP] * 501), "$.steps", "has 1001 steps", None),
    (steps({**STEP, "retry": 3}), "$.steps[0].retry", "a retry must be an object, not a number", None),
    (steps({**STEP, "retry": None}), "$.steps[0].retry", "not null", None),
    (retry(maxAttempts=0), "$.steps[0].retry.maxAttempts", "at least 1 and at most 1000", None),
    (retry(maxAttempts=1001), "$.steps[0].retry.maxAttempts", "at least 1 and at most 1000", None),
    (retry(maxAttempts=2.5), "$.steps[0].retry.maxAttempts", "must be a whole number, not 2.5", None),
    (retry(maxAttempts=True), "$.steps[0].retry.maxAttempts", "must be a whole number, not a boolean", None),
    (retry(intervalSeconds=-1), "$.steps[0].retry.intervalSeconds", "at least 0", None),
    (retry(backoffRate=0.5), "$.steps[0].retry.backoffRate", "at least 1 and at most 100", None),
    (retry(backoffRate=101), "$.steps[0].retry.backoffRate", "at least 1 and at most 100", None),
    (retry(maxDelaySeconds=0), "$.steps[0].retry.maxDelaySeconds", "above 0", None),
    (retry(attempts=3), "$.steps[0].retry.attempts", "a retry has no field", "did you mean 'maxAttempts'?"),
]

INVOKE = "arn:aws:states:::lambda:invoke"
CATCH = {"ErrorEquals": ["E"], "Next": "A"}


def each(**fields: Json) -> Json:
    return asl(A=ending("Map", ItemProcessor=asl(B=PASS), **fields))


def far(**fields: Json) -> Json:
    processor = {**asl(B=PASS), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    return asl(A=ending("Map", ItemProcessor=processor, **fields))


def jsonata(kind: str = "Pass", **fields: Json) -> Json:
    state = {"Type": "Choice", **fields} if kind == "Choice" else ending(kind, **fields)
    return {**asl(A=state, **({"B": PASS} if kind == "Choice" else {})), "QueryLanguage": "JSONata"}


MACHINES: list[Wrong] = [
    ({"StartAt": "A"}, "$", "a state machine needs the field 'States'", None),
    ({"StartAt": "A", "States": []}, "$.States", "must be an object, not a list", None),
    ({"StartAt": "A", "States": None}, "$.States", "must be an object, not null", None),
    ({"StartAt": "A", "States": {}}, "$.StartAt", "there is no state 'A' here", None),
    ({"StartAt": 1, "States": {"A": PASS}}, "$.StartAt", "must be a string, not a number", None),
    ({"StartAt": "a", "States": {"A": PASS}}, "$.StartAt", "there is no state 'a' here", "did you mean 'A'?"),
    ({**asl(A=PASS), "Version": "2.0"}, "$.Version", "must be one of 1.0", None),
    ({**asl(A=PASS), "QueryLanguage": "JsonPath"}, "$.QueryLanguage", "one of JSONPath", "did you mean 'JSONPath'?"),
    ({**asl(A=PASS), "QueryLanguage": 1}, "$.QueryLanguage", "must be one of JSONPath, JSONata", None),
    (
        {**asl(A=ending("Pass", QueryLanguage="JSONPath")), "QueryLanguage": "JSONata"},
        "$.States.A.QueryLanguage",
        "cannot be JSONPath where the whole state machine is JSONata",
        None,
    ),
    (crowd(1000, 3), "$.States", "has 3001 states; the limit is 3000", None),
    (crowd(3000, 1), "$.States", "has 3001 states; the limit is 3000", None),
    (crowd(1, 3000), "$.States", "has 3001 states; the limit is 3000", None),
    ({"StartAt": "0", "States": chain(0, 3001)}, "$.States", "has 3001 states; the limit is 3000", None),
    (asl(A=ending("Parallel", Branches=[crowd(30, 100)])), "$.States", "has 3002 states; the limit is 3000", None),
    ({**asl(A=PASS), "TimeoutSeconds": 0}, "$.TimeoutSeconds", "above 0 and at most 99999999", None),
    ({**asl(A=PASS), "startAt": "A"}, "$.startAt", "has no field 'startAt'", "did you mean 'StartAt'?"),
    (asl(A="Pass"), "$.States.A", "a state must be an object, not a string", None),
    (
        asl(A={"End": True}),
        "$.States.A.Type",
        "must be one of Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map",
        None,
    ),
    (asl(A=ending("pass")), "$.States.A.Type", "must be one of", "did you mean 'Pass'?"),
    (asl(A=ending("Tsk")), "$.States.A.Type", "must be one of", "did you mean 'Task'?"),
    (asl(A=ending(["Pass"])), "$.States.A.Type", "must be one of", None),
    (asl(A=ending("Map")), "$.States.A", "needs exactly one of ItemProcessor, Iterator", None),
    (asl(A=ending("Map", Iterator=asl(B=PASS), ItemProcessor=asl(C=PASS))), "$.States.A", "needs exactly one", None),
    (asl(A=ending("Map", ItemProcessor=7)), "$.States.A.ItemProcessor", "a branch must be an object", None),
    (
        asl(A=ending("Map", Iterator=asl(B={"Type": "Pass", "Next": "A"}))),
        "$.States.A.Iterator.States.B.Next",
        "there is no state 'A' here",
        None,
    ),
    (each(MaxConcurrency=-1), "$.States.A.MaxConcurrency", "must be at least 0", None),
    (each(MaxConcurrency="3"), "$.States.A.MaxConcurrency", "must be a whole number, not a string", None),
    (each(MaxConcurrency=1, MaxConcurrencyPath="$.n"), "$.States.A", "has at most one of MaxConcurrency, Max", None),
    (each(ItemSelector={}, Parameters={}), "$.States.A", "has at most one of ItemSelector, Parameters", None),
    (each(ItemsPath="items"), "$.States.A.ItemsPath", "does not begin with $", None),
    (
        each(Items="{% $states.input %}"),
        "$.States.A.Items",
        "a Map state has no field 'Items' in JSONPath, only in JSONata",
        "did you mean 'ItemsPath'?",
    ),
    (asl(A=ending("Pass", Arguments={})), "$.States.A.Arguments", "a Pass state has no field 'Arguments'", None),
    (asl(A=ending("Pass", Assign=[])), "$.States.A.Assign", "must be an object, not a list", None),
    (asl(A=ending("Pass", Assign={"a b": 1})), "$.States.A.Assign['a b']", "cannot be the name of a variable", None),
    (asl(A=ending("Pass", Assign={"states.$": "$"})), "$.States.A.Assign['states.$']", "cannot be the name", None),
    (asl(A=ending("Pass", Assign={"a.$": "x"})), "$.States.A.Assign['a.$']", "no intrinsic function 'x'", None),
    (asl(A=ending("Pass", Assign={"x" * 81: 1})), f"$.States.A.Assign.{'x' * 81}", "cannot be the name", None),
    (
        asl(A=ending("Parallel", Assign={"x": 1}, Branches=[asl(B=ending("Pass", Assign={"x.$": "$"}))])),
        "$.States.A.Branches[0].States.B.Assign.x",
        "the variable 'x' is assigned outside already, at $.States.A.Assign",
        None,
    ),
    (jsonata(InputPath="$.a"), "$.States.A.InputPath", "no field 'InputPath' in JSONata, only in JSONPath", None),
    (jsonata(Parameters={}), "$.States.A.Parameters", "a Pass state has no field 'Parameters'", None),
    (jsonata(Output="{% $states. %}"), "$.States.A.Output", "Unexpected end of expression", None),
    (jsonata(Output={"a": [{"b": "{% ( %}"}]}), "$.States.A.Output.a[0].b", "", None),
    (jsonata(Output=" {% 1 %}"), "$.States.A.Output", "must begin with '{%' and end with '%}'", None),
    (jsonata(Output="{% total %}"), "$.States.A.Output", "'total' refers to a context, but there is none", None),
    (jsonata(Output={"a": "{% $states.result %}"}), "$.States.A.Output.a", "$states.result is not known here", None),
    (
        jsonata("Parallel", Branches=[asl(B=PASS)], Output="{% [$states.errorOutput.Cause] %}"),
        "$.States.A.Output",
        "$states.errorOutput is not known here",
        None,
    ),
    (
        jsonata("Task", Resource="step1", Arguments={"a": ["{% $states.result %}"]}),
        "$.States.A.Arguments.a[0]",
        "$states.result is not known here",
        None,
    ),
    (jsonata(Assign={"x": "{% 1 + %}"}), "$.States.A.Assign.x", "", None),
    (
        jsonata("Choice", Choices=[{"Condition": 1, "Next": "B"}]),
        "$.States.A.Choices[0].Condition",
        "not a number",
        None,
    ),
    (jsonata("Choice", Choices=[{"Next": "B"}]), "$.States.A.Choices[0]", "needs the field 'Condition'", None),
    (asl(**{"": PASS}), "$.States['']", "a state's name has 1 to 80 characters", None),
    (asl(**{"x" * 81: PASS}), f"$.States.{'x' * 81}", "a state's name has 1 to 80 characters", None),
    (asl(A={"Type": "Pass"}), "$.States.A", "needs either 'Next' or 'End': true", None),
    (asl(A={"Type": "Pass", "End": False}), "$.States.A", "needs either 'Next' or 'End': true", None),
    (asl(A=ending("Pass", Next="A")), "$.States.A", "needs either 'Next' or 'End': true", None),
    (asl(A=ending("Pass", Next=None)), "$.States.A.Next", "must be a string, not null", None),
    (asl(A={"Type": "Pass", "Next": "B"}), "$.States.A.Next", "there is no state 'B' here", None),
    (asl(A={"Type": "Succeed", "Next": "A"}), "$.States.A.Next", "a Succeed state has no field 'Next'", None),
    (asl(A=ending("Fail")), "$.States.A.End", "a Fail state has no field 'End'", None),
    (asl(A=PASS, B=PASS), "$.States.B", "no state leads here", None),
    (asl(A={"Type": "Pass", "Next": "A"}), "$", "no state ends this machine", None),
    (
        asl(A=ending("Parallel", Branches=[asl(B={"Type": "Pass", "Next": "B"})])),
        "$.States.A.Branches[0]",
        "no state ends this machine",
        None,
    ),
    (asl(A=ending("Pass", Catch=[])), "$.States.A.Catch", "a Pass state has no field 'Catch'", None),
    (asl(A=ending("Pass", result=1)), "$.States.A.result", "has no field 'result'", "did you mean 'Result'?"),
    (asl(A=ending("Pass", InputPath="a")), "$.States.A.InputPath", "does not begin with $", None),
    (asl(A=ending("Pass", InputPath="$.a b")), "$.States.A.InputPath", "is not a path", None),
    (asl(A=ending("Pass", ResultPath="$..a")), "$.States.A.ResultPath", "is not a reference path", None),
    (asl(A=ending("Pass", ResultPath="$.a[*]")), "$.States.A.ResultPath", "is not a reference path", None),
    (asl(A=ending("Pass", InputPath=1)), "$.States.A.InputPath", "must be a string, not a number", None),
    (asl(A=ending("Pass", InputPath="$" + ".a" * 65)), "$.States.A.InputPath", "has more than 64 steps", None),
    (
        asl(A=ending("Pass", ResultPath="$$.a")),
        "$.States.A.ResultPath",
        "nothing can be written into the context",
        None,
    ),
    (asl(A=ending("Pass", OutputPath=[])), "$.States.A.OutputPath", "must be a string, not a list", None),
    (asl(A=ending("Pass", Parameters={"a.$": 1})), A_PATH, "must be a path or an intrinsic", None),
    (asl(A=ending("Pass", Parameters={"a.$": "x"})), A_PATH, "no intrinsic function 'x'", None),
    (asl(A=ending("Pass", Parameters=[{"a.$": "$.["}])), "$.States.A.Parameters[0]['a.$']", "is not a path", None),
    (asl(A=ending("Pass", Parameters={"a": 1, "a.$": "$"})), "$.States.A.Parameters", "'a' is given twice", None),
    (asl(A=ending("Pass", Parameters={"a.$": "States.Nope()"})), A_PATH, "'States.Nope'", None),
    (asl(A=ending("Pass", Parameters={"a.$": "States.Format("})), A_PATH, "what is ''", None),
    (asl(A=ending("Pass", Parameters={"a.$": "States.JsonMerge($)"})), A_PATH, "takes 3 arg", None),
    (asl(A=ending("Task")), "$.States.A", "a Task state needs the field 'Resource'", None),
    (asl(A=ending("Task", Resource="step3")), "$.States.A.Resource", "no step type 'step3'", "did you mean 'step2'?"),
    (asl(A=ending("Task", Resource=[])), "$.States.A.Resource", "must be a string, not a list", None),
    (
        asl(A=ending("Task", Resource="arn:aws:lambda:eu-west-1:000000000000:function:fetsh")),
        "$.States.A.Resource",
        "there is no step type 'fetsh'",
        "did you mean 'fetch'?",
    ),
    (asl(A=task(TimeoutSeconds="9")), "$.States.A.TimeoutSeconds", "must be a number, not a string", None),
    (asl(A=task(HeartbeatSeconds=0)), "$.States.A.HeartbeatSeconds", "must be above 0", None),
    (
        asl(A=task(HeartbeatSeconds=9, HeartbeatSecondsPath="$.n")),
        "$.States.A",
        "has at most one of HeartbeatSeconds",
        None,
    ),
    (
        asl(A=ending("Task", Resource="arn:aws:states:::sqs:sendMessage", Parameters={})),
        "$.States.A.Resource",
        "the integration 'sqs:sendMessage' does not run here",
        'map this call to a function of yours: RESOURCE_ALIASES={"arn:aws:states:::sqs:sendMessage": "your_function"}',
    ),
    (
        asl(A=ending("Task", Resource="arn:aws:lambda:eu-west-1:000000000000:function:Charge-1A2B")),
        "$.States.A.Resource",
        "there is no step type 'Charge-1A2B'",
        'map it to a function of yours: RESOURCE_ALIASES={"Charge-1A2B": "your_function"}',
    ),
    (asl(A=ending("Task", Resource=INVOKE)), "$.States.A.Parameters", "needs the field 'FunctionName'", None),
    (
        asl(A=ending("Task", Resource=INVOKE, Parameters={"FunctionName": "fetsh"})),
        "$.States.A.Parameters.FunctionName",
        "there is no step type 'fetsh'",
        "did you mean 'fetch'?",
    ),
    (
        asl(A=ending("Task", Resource=INVOKE, Parameters={"FunctionName": "fetch", "Payloads": {}})),
        "$.States.A.Parameters.Payloads",
        "a call of a function has no field 'Payloads'",
        "did you mean 'Payload'?",
    ),
    (asl(A=task(Retry={})), "$.States.A.Retry", "must be a list, not an object", None),
    (asl(A=task(Retry=[{}])), "$.States.A.Retry[0]", "a retrier needs the field 'ErrorEquals'", None),
    (asl(A=task(Retry=[{"ErrorEquals": []}])), "$.States.A.Retry[0].ErrorEquals", "needs at least 1", None),
    (asl(A=task(Retry=[{"ErrorEquals": ["E", 1]}])), "$.States.A.Retry[0].ErrorEquals[1]", "must be a string", None),
    (
        asl(A=task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": -1}])),
        "$.States.A.Retry[0].MaxAttempts",
        "must be at least 0 and at most 99999999",
        None,
    ),
    (
        asl(A=task(Retry=[{"ErrorEquals": ["E"], "JitterStrategy": "full"}])),
        "$.States.A.Retry[0].JitterStrategy",
        "must be one of FULL, NONE",
        "did you mean 'FULL'?",
    ),
    (
        asl(A=task(Retry=[{"ErrorEquals": ["E"], "maxAttempts": 1}])),
        "$.States.A.Retry[0].maxAttempts",
        "a retrier has no field",
        "did you mean 'MaxAttempts'?",
    ),
    (asl(A=task(Retry=[{"ErrorEquals": ["States.ALL", "E"]}])), "$.States.A.Retry[0].ErrorEquals", "stand alone", None),
    (
        asl(A=task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}])),
        "$.States.A.Retry[0].ErrorEquals",
        "must stand alone, and in the last entry",
        None,
    ),
    (asl(A=task(Catch=5)), "$.States.A.Catch", "must be a list, not a number", None),
    (asl(A=task(Catch=[5])), "$.States.A.Catch[0]", "a catcher must be an object, not a number", None),
    (asl(A=task(Catch=[{"ErrorEquals": ["E"]}])), "$.States.A.Catch[0]", "a catcher needs the field 'Next'", None),
    (asl(A=task(Catch=[{**CATCH, "Next": "B"}])), "$.States.A.Catch[0].Next", "there is no state 'B' here", None),
    (asl(A=task(Catch=[{**CATCH, "ResultPath": "e"}])), "$.States.A.Catch[0].ResultPath", "begin with $", None),
    (
        asl(A=task(Catch=[{**CATCH, "ErrorEquals": ["States.ALL"]}, CATCH])),
        "$.States.A.Catch[0].ErrorEquals",
        "must stand alone",
        None,
    ),
    (asl(A=ending("Wait")), "$.States.A", "needs exactly one of Seconds, SecondsPath, Timestamp, TimestampPath", None),
    (asl(A=ending("Wait", Seconds=1, SecondsPath="$.n")), "$.States.A", "needs exactly one of Seconds", None),
    (asl(A=ending("Wait", Seconds=-1)), "$.States.A.Seconds", "at least 0 and at most 99999999", None),
    (asl(A=ending("Wait", Seconds=False)), "$.States.A.Seconds", "must be a number, not a boolean", None),
    (asl(A=ending("Wait", Timestamp="2026-01-01")), "$.States.A.Timestamp", "must be a timestamp such as", None),
    (asl(A={"Type": "Fail", "Error": "E", "ErrorPath": "$.e"}), "$.States.A", "has at most one of Error, Err", None),
    (asl(A={"Type": "Fail", "Error": "x" * 257}), "$.States.A.Error", "has at most 256 characters", None),
    (asl(A={"Type": "Fail", "Cause": 1}), "$.States.A.Cause", "must be a string, not a number", None),
    (asl(A=ending("Parallel")), "$.States.A", "a Parallel state needs the field 'Branches'", None),
    (asl(A=ending("Parallel", Branches=[])), "$.States.A.Branches", "needs at least 1", None),
    (asl(A=ending("Parallel", Branches=[7])), "$.States.A.Branches[0]", "a branch must be an object", None),
    (
        asl(A=ending("Parallel", Branches=[{**asl(B=PASS), "TimeoutSeconds": 5}])),
        "$.States.A.Branches[0].TimeoutSeconds",
        "a branch has no field 'TimeoutSeconds'",
        None,
    ),
    (
        asl(A=ending("Parallel", Branches=[asl(B={"Type": "Pass", "Next": "A"})])),
        "$.States.A.Branches[0].States.B.Next",
        "there is no state 'A' here",
        None,
    ),
    (
        asl(A=ending("Parallel", Branches=[asl(B=PASS), asl(B=PASS)])),
        "$.States.A.Branches[1].States.B",
        "the name 'B' is taken by $.States.A.Branches[0].States.B",
        None,
    ),
]


def job(**fields: Json) -> Json:
    return {"name": "step1", **fields}


def backoff(**fields: Json) -> Json:
    return job(opts={"backoff": fields})


FLOWS: list[Wrong] = [
    (None, "$", "a job must be an object, not null", None),
    ([], "$", "a job must be an object, not a list", None),
    ({}, "$", "a job needs the field 'name'", None),
    ({"name": "stp1"}, "$.name", "there is no step type 'stp1'", "did you mean 'step1'?"),
    ({"name": ["step1"]}, "$.name", "must be a string, not a list", None),
    (job(queueName="q"), "$.queueName", "a job has no field 'queueName'", None),
    (job(childs=[]), "$.childs", "a job has no field", "did you mean 'children'?"),
    (job(children={}), "$.children", "must be a list, not an object", None),
    (job(children=None), "$.children", "must be a list, not null", None),
    (job(children=[job(), {}]), "$.children[1]", "a job needs the field 'name'", None),
    (job(children=[job(children=[{"name": "x"}])]), "$.children[0].children[0].name", "no step type 'x'", None),
    (job(opts=[]), "$.opts", "opts must be an object, not a list", None),
    (job(opts={"priority": 1}), "$.opts.priority", "opts has no field 'priority'", None),
    (job(opts={"attempt": 1}), "$.opts.attempt", "opts has no field", "did you mean 'attempts'?"),
    (job(opts={"attempts": -1}), "$.opts.attempts", "at least 1 and at most 1000", None),
    (job(opts={"attempts": 0}), "$.opts.attempts", "at least 1 and at most 1000", None),
    (job(opts={"attempts": True}), "$.opts.attempts", "must be a whole number, not a boolean", None),
    (job(opts={"delay": -1}), "$.opts.delay", "at least 0 and at most 31622400000", None),
    (job(opts={"backoff": 1000}), "$.opts.backoff", "a backoff must be an object, not a number", None),
    (backoff(type="fixed"), "$.opts.backoff", "a backoff needs the field 'delay'", None),
    (backoff(delay=1), "$.opts.backoff", "a backoff needs the field 'type'", None),
    (backoff(type="exponentail", delay=1), "$.opts.backoff.type", "one of fixed, exp", "did you mean 'exponential'?"),
    (backoff(type="fixed", delay=1, jitter=1), "$.opts.backoff.jitter", "a backoff has no field 'jitter'", None),
    (job(children=[job()] * 1000), "$", "has 1001 steps; the limit is 1000", None),
]


def params(rows: list[Wrong]) -> list[Any]:
    return [pytest.param(*row, id=f"{number} {row[1][:40]} {row[2]}") for number, row in enumerate(rows)]


@pytest.mark.parametrize(("definition", "path", "words", "hint"), params(STEP_LISTS + MACHINES))
def test_a_wrong_definition(definition: Json, path: str, words: str, hint: str | None) -> None:
    check(validate.workflow(definition, FUNCTIONS), path, words, hint)


@pytest.mark.parametrize(("tree", "path", "words", "hint"), params(FLOWS))
def test_a_wrong_flow(tree: Json, path: str, words: str, hint: str | None) -> None:
    check(validate.flow(tree, FUNCTIONS), path, words, hint)


def check(faults: list[Fault], path: str, words: str, hint: str | None) -> None:
    """A caller sees the first fault."""
    assert (faults[0].path, faults[0].hint) == (path, hint) and words in faults[0].message, faults


def nested(levels: int) -> Json:
    item: Json = STEP
    for _ in range(levels):
        item = {"parallel": [item]}
    return steps(item)


def deep_flow(levels: int) -> Json:
    tree = job()
    for _ in range(levels):
        tree = job(children=[tree])
    return tree


def test_right_ones_have_no_fault() -> None:
    right = [
        steps(*[STEP] * 1000),
        steps({"parallel": [STEP] * 1000}),
        nested(30),
        steps({**STEP, "data": None, "name": "it's.fine-日本", "timeoutSeconds": 0.5, "retry": {}}),
        retry(maxAttempts=1, intervalSeconds=0, backoffRate=1, maxDelaySeconds=0.1),
        retry(maxAttempts=1000, intervalSeconds=31622400, backoffRate=100, maxDelaySeconds=31622400),
        {**asl(A=PASS), "Comment": "c", "Version": "1.0", "QueryLanguage": "JSONPath", "TimeoutSeconds": 0.5},
        asl(A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed", "Comment": "c", "InputPath": None}),
        asl(A=task(Catch=[{"ErrorEquals": ["E"], "Next": "B"}, {"ErrorEquals": ["States.ALL"], "Next": "A"}]), B=PASS),
        asl(A=ending("Pass", Result={"b.$": 1}, Parameters={"c": {"d.$": "States.Format('{}', $$.State.Name)"}})),
        asl(A=ending("Parallel", Branches=[asl(B={"Type": "Fail"})])),
        asl(
            A=ending("Task", Resource=INVOKE, Parameters={"FunctionName.$": "$.f", "Payload.$": "$", "LogType": "Tail"})
        ),
        jsonata("Task", Resource=INVOKE, Arguments="{% $states.input %}"),
        jsonata("Task", Resource=INVOKE, Arguments={"FunctionName": "{% $f %}", "Payload": "{% $states.input %}"}),
        asl(A=ending("Task", Resource="arn:aws:states:eu-west-1:000000000000:activity:ask", HeartbeatSeconds=60)),
        asl(A=task(Credentials={"RoleArn": "arn:aws:iam::111122223333:role/r"}, TimeoutSecondsPath="$.t")),
        far(),
        far(
            ToleratedFailureCount=0,
            ToleratedFailurePercentagePath="$.p",
            ItemBatcher={"MaxItemsPerBatch": 5},
            Label="L",
        ),
        far(
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItemsPath": "$.n"},
                "Parameters": {"Bucket": "b", "Key.$": "$.key"},
            },
            ItemsPath="$.not.looked.at",
            ResultWriter={"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}},
        ),
        each(),
        each(ItemsPath="$$.Execution.Input", ItemSelector={"v.$": "$$.Map.Item.Value"}, MaxConcurrency=0),
        asl(A=ending("Map", Iterator=asl(B=PASS), Parameters={"v.$": "$$.Map.Item.Value"}, MaxConcurrencyPath="$.n")),
        asl(A=ending("Pass", Assign={"x.$": "$.a", "größe": 1, "_y2": {"z.$": "$x"}})),
        asl(
            A=ending(
                "Parallel", Branches=[asl(B=ending("Pass", Assign={"x": 1})), asl(C=ending("Pass", Assign={"x": 2}))]
            )
        ),
        asl(A=ending("Wait", TimestampPath="$x.due")),
        asl(A={"Type": "Fail", "ErrorPath": "States.Format('E{}', $.n)", "CausePath": "$.c"}),
        asl(A=ending("Map", QueryLanguage="JSONata", Items=[1, "{% $x %}"], ItemProcessor=asl(B=PASS))),
        jsonata(Output="{% $states.input.total > 20 ? 'much' : 'little' %}", Assign={"t": "{% $states.input.total %}"}),
        jsonata(
            "Choice", Choices=[{"Condition": "{% $x = 1 %}", "Next": "B", "Assign": {"y": 1}, "Output": 1}], Default="B"
        ),
        jsonata("Task", Resource="step1", Output="{% $states.result.x %}", Assign={"y": "{% $states.result %}"}),
        jsonata(
            "Parallel",
            Branches=[asl(B=PASS)],
            Catch=[{"ErrorEquals": ["E"], "Next": "A", "Output": "{% $states.errorOutput.Error %}"}],
        ),
        jsonata("Wait", Seconds="{% $states.input.seconds %}"),
        crowd(2999, 1),
        crowd(1, 2999),
        {**asl(A=task(TimeoutSeconds=99999999)), "TimeoutSeconds": 99999999},
    ]
    assert [validate.workflow(one, FUNCTIONS) for one in right] == [[]] * len(right)


def test_right_flows_have_no_fault() -> None:
    right = [
        job(),
        job(data=None, children=[], opts={}),
        job(opts={"attempts": 1, "delay": 0.5, "backoff": {"type": "fixed", "delay": 0}}),
        job(children=[job()] * 999),
        deep_flow(30),
    ]
    assert [validate.flow(one, FUNCTIONS) for one in right] == [[]] * len(right)


def test_a_function_may_stand_for_an_integration_that_does_not_run_here() -> None:
    queue = "arn:aws:states:::sqs:sendMessage"
    machine = asl(A=ending("Task", Resource=queue, Parameters={"QueueUrl": "u", "MessageBody.$": "$"}))
    assert validate.workflow(machine, FUNCTIONS, aliases={queue: "send"}) == []
    faults = validate.workflow(machine, FUNCTIONS, aliases={queue: "sent"})
    assert [one.message for one in faults] == ["there is no step type 'sent'"]


@pytest.mark.parametrize(
    "definition", [steps(*[STEP] * 1000), steps({"parallel": [STEP] * 1000}), steps(*[{"parallel": [STEP]}] * 1000)]
)
def test_the_longest_list_may_be_stored_as_the_machine_that_it_is(definition: Json) -> None:
    machine = steplist.compile(definition, {}).machine
    assert validate.workflow(machine, FUNCTIONS) == []


def test_all_faults_are_told_at_once() -> None:
    faults = validate.workflow(steps({"taskName": 1}, {**STEP, "retry": {"maxAttempts": 0, "x": 1}}), FUNCTIONS)
    places = ["$.steps[0].taskName", "$.steps[1].retry.x", "$.steps[1].retry.maxAttempts"]
    assert [one.path for one in faults] == places


CODES = [
    ({"StartAt": "B", "States": {"A": PASS}}, ["MISSING_TRANSITION_TARGET", "MISSING_TRANSITION_TARGET"]),
    (asl(A={"Type": "Pass", "Next": "A"}), ["MISSING_END_STATE"]),
    (asl(A={"Type": "Pass", "Next": "X"}), ["MISSING_TRANSITION_TARGET", "MISSING_END_STATE"]),
    (asl(A={"Type": "Pass", "Next": "A"}, B={"Type": "Pass", "Next": "A"}), ["MISSING_END_STATE"]),
    (asl(A={"Type": "Pass", "Next": "A"}, B=PASS), ["MISSING_TRANSITION_TARGET"]),
    (asl(A=ending("Task", Resource="arn:aws:states:::sqs:sendMessage")), ["INVALID_RESOURCE"]),
    (asl(A=ending("Parallel", Branches=[asl(A=PASS)])), ["DUPLICATE_STATE_NAME"]),
    (asl(**{"A" * 81: PASS}), ["INVALID_STATE_NAME"]),
    (asl(A={**PASS, "Nxet": 1}), ["SCHEMA_VALIDATION_FAILED"]),
]


@pytest.mark.parametrize(("definition", "codes"), CODES)
def test_a_fault_is_of_one_of_awss_kinds(definition: Json, codes: list[str]) -> None:
    """The codes come together or alone as in AWS's answers: github.com/floci-io/floci/pull/2786."""
    assert [one.code for one in validate.workflow(definition, FUNCTIONS)] == codes


def test_all_that_is_wrong_in_a_template_is_told_at_once() -> None:
    wrong = {"a.$": "$.[", "b": [{"c.$": 1}, {"d": 1, "d.$": "$"}], "e.$": "$.fine"}
    faults = validate.workflow(asl(A=ending("Pass", Parameters=wrong)), FUNCTIONS)
    place = "/States/A/Parameters"
    assert [one.where.pointer for one in faults] == [f"{place}/a.$", f"{place}/b/0/c.$", f"{place}/b/1"]


def test_one_mistake_is_told_once() -> None:
    once = [one for one, *_ in STEP_LISTS + MACHINES if len(validate.workflow(one, FUNCTIONS)) == 1]
    assert len(once) > len(STEP_LISTS + MACHINES) - 12
    assert len(validate.workflow({"StartAt": "A", "States": {}}, FUNCTIONS)) == 1


def test_but_no_more_than_a_hundred() -> None:
    assert len(validate.workflow(steps(*[{"taskName": "stepp"}] * 50_000), FUNCTIONS)) == 100
    assert len(validate.workflow(asl(**{f"S{n}": {} for n in range(5000)}), FUNCTIONS)) == 100
    assert len(validate.flow(job(children=[{"name": "stepp"}] * 50_000), FUNCTIONS)) == 100


def test_the_limit_of_steps_can_be_set() -> None:
    assert validate.workflow(steps(STEP, STEP), FUNCTIONS, 2) == []
    assert [one.path for one in validate.workflow(steps(STEP, STEP), FUNCTIONS, 1)] == ["$.steps"]
    assert [one.path for one in validate.flow(job(children=[job()]), FUNCTIONS, 1)] == ["$"]


def test_which_notation() -> None:
    assert validate.is_step_list(steps(STEP)) and not validate.is_step_list(asl(A=PASS))
