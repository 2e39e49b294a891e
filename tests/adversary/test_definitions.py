"""Definitions and flows that must not be stored: too large, too deep, too expensive, or badly named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.adversary.web import JSON, STEP, Ask, Web, breaches

Json = Any

YEAR = 366 * 24 * 3600
MIB = 1 << 20
STEP_1 = {"taskName": STEP}
END = {"Type": "Pass", "End": True}


def steps(*items: Json) -> Json:
    return {"steps": list(items)}


def machine(states: Json, start: str = "A") -> Json:
    return {"StartAt": start, "States": states}


def passes(**fields: Json) -> Json:
    return machine({"A": {**END, **fields}})


def grouped(depth: int) -> Json:
    step: Json = STEP_1
    for _ in range(depth):
        step = {"parallel": [step]}
    return steps(step)


def branching(depth: int) -> Json:
    made = machine({"S": END}, "S")
    for level in range(depth):
        state = {"Type": "Parallel", "Branches": [made], "End": True}
        made = machine({f"P{level}": state}, f"P{level}")
    return made


def lost(count: int) -> Json:
    """A machine in which every ``Next`` misspells a state's name."""
    return machine({f"state number {n}": {"Type": "Pass", "Next": f"state numbex {n}"} for n in range(count)})


def padded(size: int) -> Json:
    """A step list with exactly this many bytes in its stored form."""
    empty = steps({**STEP_1, "data": ""})
    return steps({**STEP_1, "data": "x" * (size - len(json.dumps(empty, separators=(",", ":"))))})


def asl_call(text: str) -> Json:
    return passes(Parameters={"x.$": text})


REFUSED: Mapping[str, tuple[Json, int, str]] = {
    # Size
    "more than 1 MiB": (padded(MIB + 1), 413, "$.definition"),
    "1,001 steps": (steps(*[STEP_1] * 1_001), 400, "$.definition.steps"),
    "1,001 steps in groups": (steps(*[{"parallel": [STEP_1] * 91}] * 11), 400, "$.definition.steps"),
    "100,000 steps": (steps(*[STEP_1] * 100_000), 400, "$.definition.steps"),
    "60,000 states that are not reached": (machine({str(n): END for n in range(60_000)}, "0"), 400, "$.definition."),
    "30,000 states that lead nowhere": (lost(30_000), 400, "$.definition."),
    "300 states that lead nowhere": (lost(300), 400, "$.definition."),
    "200,000 fields": (passes(**{f"Typ{n}": 1 for n in range(200_000)}), 400, "$.definition.States.A.Typ0"),
    "a step type with a long name": (steps({"taskName": "x" * MIB}), 400, "$.definition.steps[0].taskName"),
    "a field with a long name": (steps({**STEP_1, "x" * MIB: 1}), 400, "$.definition.steps[0]['x"),
    "a state with a long name": (machine({"x" * MIB: END}, "x" * MIB), 400, "$.definition.States['x"),
    "a state to which a long name leads": (passes(Next="x" * MIB, End=False), 400, "$.definition.States.A.Next"),
    "a member with a long name, twice": (
        passes(Parameters={"x" * MIB: 1, "x" * MIB + ".$": "$"}),
        400,
        "$.definition.States.A.Parameters",
    ),
    # Depth
    "groups 40 deep": (grouped(40), 400, None),
    "branches 40 deep": (branching(40), 400, None),
    "calls in calls": (asl_call("States.Format(" * 50_000), 400, "$.definition.States.A.Parameters"),
    "a path of 400,000 steps": (passes(InputPath="$" + ".a" * 400_000), 400, "$.definition.States.A.InputPath"),
    "a path of back slashes": (passes(OutputPath="$['" + "\\" * 400_001), 400, "$.definition.States.A.OutputPath"),
    "a call of quotes": (asl_call("States.Format('" + "\\'" * 300_000), 400, "$.definition.States.A.Parameters"),
    # Time
    "a wait longer than any on AWS": (
        machine({"A": {"Type": "Wait", "Seconds": 100_000_000, "End": True}}),
        400,
        "$.definition.States.A.Seconds",
    ),
    "a wait of less than no time": (
        machine({"A": {"Type": "Wait", "Seconds": -1, "End": True}}),
        400,
        "$.definition.States.A.Seconds",
    ),
    "a time-out of more than a year": (
        steps({**STEP_1, "timeoutSeconds": YEAR + 1}),
        400,
        "$.definition.steps[0].timeoutSeconds",
    ),
    "no time at all": (steps({**STEP_1, "timeoutSeconds": 0}), 400, "$.definition.steps[0].timeoutSeconds"),
    "a retry of more than a year": (
        steps({**STEP_1, "retry": {"intervalSeconds": 1e300}}),
        400,
        "$.definition.steps[0].retry.intervalSeconds",
    ),
    "attempts without end": (
        steps({**STEP_1, "retry": {"maxAttempts": 1 << 62}}),
        400,
        "$.definition.steps[0].retry.maxAttempts",
    ),
    # Form
    "neither notation": ({}, 400, "$.definition"),
    "both notations": ({**steps(STEP_1), "StartAt": "A"}, 400, "$.definition.StartAt"),
    "a loop of states": (machine({"A": {"Type": "Pass", "Next": "A"}}), 400, "$.definition"),
    "a state that is Python's": (machine({"A": {"Type": "__class__"}}), 400, "$.definition.States.A.Type"),
    "a step type that is a path": (steps({"taskName": "../steps/step1"}), 400, "$.definition.steps[0].taskName"),
    "a step type that is a module": (steps({"taskName": "os.system"}), 400, "$.definition.steps[0].taskName"),
    "a step type that is private": (steps({"taskName": "_store"}), 400, "$.definition.steps[0].taskName"),
    "an endpoint for a step type": (steps({"taskName": "get_home"}), 400, "$.definition.steps[0].taskName"),
    "an ARN of nothing": (
        machine({"A": {"Type": "Task", "Resource": "arn:aws:lambda:::function:", "End": True}}),
        400,
        "$.definition.States.A.Resource",
    ),
    "JSONata with a path": (
        {**passes(InputPath="$.a"), "QueryLanguage": "JSONata"},
        400,
        "$.definition.States.A.InputPath",
    ),
    "JSONata of brackets": (
        {**passes(Output="{% " + "(" * 50_000 + " %}"), "QueryLanguage": "JSONata"},
        400,
        "$.definition.States.A.Output",
    ),
    "a variable that is JSONata's": (passes(Assign={"states": 1}), 400, "$.definition.States.A.Assign.states"),
    "a Map of nothing": (machine({"A": {"Type": "Map", "End": True}}), 400, "$.definition.States.A"),
    "an expression for a path": (passes(ResultPath="$.a[?(@.b)]"), 400, "$.definition.States.A.ResultPath"),
    "a filter for a path": (passes(ResultPath="$..a"), 400, "$.definition.States.A.ResultPath"),
    "writing into the context": (passes(ResultPath="$$.Execution.Id"), 400, "$.definition.States.A.ResultPath"),
}


def test_many_members_that_nobody_knows_are_refused_at_once(web: Web) -> None:
    body = {f"nam{n}": 1 for n in range(200_000)}
    assert not list(breaches(web, "members", Ask("POST", "/workflows", JSON, json.dumps(body).encode()), (400,)))


BAD_NAMES = (
    *("", " ", "a b", "\t", "a\nb", "a/b", "..%2f", "a\\b", "<b>", "a&b", "a;b", 'a"b', "a,b", "a:b", "a|b"),
    *("a?b", "a*b", "a#b", "a%b", "a^b", "a~b", "a`b", "a$b", "a{b}", "a[b]", "\x7f", "\x85", "\u200a", "\u2028"),
    *("\ufffe", "x" * 81, "x" * 5_000, "\u3000"),
)
GOOD_NAMES = (
    "a",
    "x" * 80,
    "résumé",
    "名前",
    "💩",
    "a.b",
    "...",
    "-",
    "'",
    "(a)!=+@",
    "אבג",
    "\u202etxt.exe",
    "0",
    "null",
)


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_definition_is_refused(web: Web, name: str) -> None:
    definition, status, place = REFUSED[name]
    ask = Ask("POST", "/workflows", JSON, json.dumps({"name": "bad", "definition": definition}).encode())
    assert not list(breaches(web, name, ask, (status,)))
    error = web.ask(ask).json["error"]
    assert place is None or error["path"].startswith(place)


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize(
    ("target", "body", "place"),
    [
        ("/workflows", lambda name: {"name": name, "definition": steps(STEP_1)}, "$.name"),
        ("/workflows/kept/execute", lambda name: {"name": name}, "$.name"),
        (
            "/workflows",
            lambda name: {"name": "bad", "definition": steps({**STEP_1, "name": name})},
            "$.definition.steps[0].name",
        ),
    ],
    ids=["workflow", "execution", "step"],
)
def test_a_bad_name_is_refused(web: Web, target: str, body: Any, place: str, name: str) -> None:
    ask = Ask("POST", target, JSON, json.dumps(body(name)).encode())
    assert not list(breaches(web, name, ask, (400,)))
    error = web.ask(ask).json["error"]
    assert error["path"] == place
    assert error["code"] == ("InvalidName" if place == "$.name" else "InvalidDefinition")


@pytest.mark.parametrize("name", [".", ".."])
def test_a_workflow_that_no_url_could_reach_is_refused(web: Web, name: str) -> None:
    ask = Ask("POST", "/workflows", JSON, json.dumps({"name": name, "definition": steps(STEP_1)}).encode())
    assert not list(breaches(web, name, ask, (400,)))
    assert web.ask(ask).json["error"]["code"] == "InvalidName"


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_good_name_is_kept_as_it_is(web: Web, name: str) -> None:
    stored = web.send("POST", "/workflows", {"name": name, "definition": steps({**STEP_1, "name": name})})
    assert (stored.status, stored.json["name"]) == (201, name)
    place = stored.header("location") or ""
    assert place.isascii()
    assert web.send("GET", place).json["definition"] == steps({**STEP_1, "name": name})
    begun = web.send("POST", f"{place}/execute", {"name": name})
    execution = web.send("GET", begun.header("location") or "").json
    assert (execution["workflow"], execution["name"], execution["tasks"][0]["step"]) == (name, name, name)
    assert web.send("DELETE", place).status == 204


def test_a_definition_at_its_limits_is_stored(web: Web) -> None:
    for definition in (padded(MIB), steps(*[STEP_1] * 1_000), grouped(28), branching(14)):
        assert web.send("POST", "/workflows", {"name": "largest", "definition": definition}).status == 201


def test_a_limit_s_message_names_the_limit(web: Web) -> None:
    error = web.send("POST", "/workflows", {"name": "bad", "definition": steps(*[STEP_1] * 1_001)}).json["error"]
    limit = {"message": "has 1001 steps; the limit is 1000", "path": "$.definition.steps"}
    fault = {"code": "SCHEMA_VALIDATION_FAILED", **limit, "pointer": "/definition/steps"}
    assert error == {"code": "InvalidDefinition", **limit, "faults": [fault]}


FLOWS: Mapping[str, tuple[Json, str]] = {
    "1,001 jobs": ({"name": STEP, "children": [{"name": STEP}] * 1_000}, "$"),
    "an unknown step type": ({"name": "no_such"}, "$.name"),
    "an unknown option": ({"name": STEP, "opts": {"priority": 1}}, "$.opts.priority"),
    "attempts without end": ({"name": STEP, "opts": {"attempts": 1 << 40}}, "$.opts.attempts"),
    "a delay of more than a year": ({"name": STEP, "opts": {"delay": YEAR * 1000 + 1}}, "$.opts.delay"),
    "a child that is no job": ({"name": STEP, "children": [STEP]}, "$.children[0]"),
    "a bad job, deep": ({"name": STEP, "children": [{"name": STEP, "children": [{"name": 7}]}]}, "$.children[0].chi"),
}


@pytest.mark.parametrize("name", FLOWS)
def test_a_bad_flow_is_refused(web: Web, name: str) -> None:
    tree, place = FLOWS[name]
    ask = Ask("POST", "/flows", JSON, json.dumps(tree).encode())
    assert not list(breaches(web, name, ask, (400,)))
    assert web.ask(ask).json["error"]["path"].startswith(place)
