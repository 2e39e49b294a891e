"""``python -m tests.adversary.one_move``: definitions whose first move would take too much, and what each took.

Each is decided in a process of its own. Prints a JSON object: by name, the megabytes that the move has taken at most,
and the execution's status, error and cause after it.
"""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from typing import Any

from stepwell.runtime.engine.core import events
from stepwell.runtime.engine.core.execution import Execution
from stepwell.runtime.engine.definition.load import load
from stepwell.runtime.engine.transition import transition

Json = Any

ZEROS = [0] * 120_000
OBJECTS: Json = [{} for _ in range(80_000)]
OBJECTS_TEXT = json.dumps(OBJECTS).replace(" ", "")
LISTS = {f"k{n}": [1] for n in range(20_000)}
NUMBERS = {f"k{n}": 0 for n in range(20_000)}


def chain(*states: Json, **top: Json) -> Json:
    names = [f"S{n}" for n in range(len(states))]
    ends = [{"Next": name} for name in names[1:]] + [{"End": True}]
    return {
        **top,
        "StartAt": "S0",
        "States": {name: {**end, **one} for name, one, end in zip(names, states, ends, strict=True)},
    }


def passing(count: int = 1, **fields: Json) -> Json:
    return chain(*[{"Type": "Pass", **fields}] * count)


def discarding(call: str, count: int = 300) -> Json:
    return passing(count, Parameters={"a.$": call}, ResultPath=None)


def members(call: str, count: int = 3000) -> Json:
    return passing(Parameters={f"m{n}.$": call for n in range(count)})


def query(*texts: str, count: int = 1) -> Json:
    outputs = {f"m{n}": f"{{% {text} %}}" for n in range(count) for text in texts}
    return chain({"Type": "Pass", "Output": outputs}, QueryLanguage="JSONata")


def loop(state: Json, choices: Json, **top: Json) -> Json:
    again = {"Type": "Choice", "Choices": choices, "Default": "A"}
    return {**top, "StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B", **state}, "B": again}}


def fan(branch: Json, count: int) -> Json:
    return chain({"Type": "Parallel", "Branches": [branch] * count})


def items(processor: Json, **fields: Json) -> Json:
    return chain({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, **fields})


JSONATA = {"QueryLanguage": "JSONata"}
SUCCEED = {"StartAt": "E", "States": {"E": {"Type": "Succeed"}}}
FORMAT = "States.Format('{}{}', $$.Execution.Input.s, $)"

SHAPES: dict[str, tuple[Json, Json]] = {
    "a part, 300 times": (members("$[*]", 300), ZEROS),
    "a part, discarded": (discarding("$[*]", 60), ZEROS),
    "all parts of all parts": (passing(300, InputPath="$..*..*..*"), [[0] * 300] * 300),
    "a text read, 300 times": (members("States.StringToJson($)", 300), OBJECTS_TEXT),
    "a text read and counted": (members("States.ArrayLength(States.StringToJson($))"), OBJECTS_TEXT),
    "a text written": (members("States.ArrayLength(States.Array(States.JsonToString($)))"), ZEROS),
    "a text that grows": (passing(2000, Parameters={"a.$": "States.Format('{}x', $.a)"}), {"a": "x" * 250_000}),
    "lists in lists": (passing(1000, Parameters={"a.$": "States.Array($.a, $.a)"}), {"a": 1}),
    "ranges": (passing(3000, Parameters={"a.$": "States.ArrayRange(1, 1000, 1)"}), {}),
    "partitions": (discarding("States.ArrayPartition($, 1)"), ZEROS),
    "sets": (discarding("States.ArrayUnique($)"), [[n] for n in range(30_000)]),
    "searches": (discarding("States.ArrayContains($, 'x')"), ZEROS),
    "split texts": (discarding("States.StringSplit($, ',')"), "ab," * 80_000),
    "decoded texts": (discarding("States.Base64Decode($)", 2000), "YWFh" * 2500),
    "merged objects": (discarding("States.JsonMerge($, $, false)"), NUMBERS),
    "a variable that doubles": (
        loop(
            {"Assign": {"x.$": "States.Format('{}{}', $$.Execution.Input.a, $.a)"}},
            [{"Variable": "$.a", "IsNull": True, "Next": "A"}],
        ),
        {"a": "x" * 100_000},
    ),
    "many variables": (chain(*({"Type": "Pass", "Assign": {f"v{n}.$": "$"}} for n in range(45))), OBJECTS),
    "a large input, copied": (passing(500, Result=1, ResultPath="$.q"), NUMBERS),
    "many rules": (loop({}, [{"Variable": "$.a", "NumericEquals": n, "Next": "A"} for n in range(15_000)]), {"a": -1}),
    "a long text, matched": (
        loop({}, [{"Variable": "$.a", "StringMatches": "*a*b*a*x", "Next": "A"}] * 1000),
        {"a": "ab" * 120_000},
    ),
    "a loop in JSONata": (
        loop(
            {"Output": "{% $states.input %}"},
            [{"Condition": "{% $count($states.input.items[n > 100]) > 0 %}", "Next": "A"}],
            **JSONATA,
        ),
        {"items": [{"n": n} for n in range(40)]},
    ),
    "twelve sums": (query("$sum($map([1..60000], function($v){$v*2}))", count=12), 1),
    "the input, 2000 times": (query("$states.input", count=2000), [OBJECTS]),
    "paddings": (query("$length($pad('', 6900000))", count=2000), 1),
    "a list of paddings": (query("$count($map([1..30], function($i){$pad('', 3400000, '😀')}))"), 1),
    "large texts": (query("($b := $pad('x', 6000000); $map([1..40], function($i){$length($uppercase($b) & $i)}))"), 1),
    "a list of lists": (query("($b := $range(1,300000,1); [" + ",".join(["$b"] * 300) + "])"), 1),
    "a step of lists": (query("($b := $range(1,100000,1); $range(1,40,1).($b))"), 1),
    "closures": (query("$count($map([1..60000], function($x){function(){$x}}))"), 1),
    "tuples": (query("$count(($a := $range(1,60,1); $a@$x.$a@$y.$a@$z.($x+$z)))"), 1),
    "matches": (query("$count($match($pad('',400000,'a'), /a/))"), 1),
    "splits": (query("$count($split($pad('',6900000,'ab,'), ','))"), 1),
    "characters": (query("$count($split($pad('',6900000,'ab,'), ''))"), 1),
    "zips": (query("($r := $range(1,300000,1); $count($zip(" + ",".join(["$r"] * 100) + ")))"), 1),
    "lists of one": (query("$count($partition($range(1,360000,1),1))"), 1),
    "parsed texts": (query("$count($parse($states.input))", count=200), OBJECTS_TEXT),
    "merged lists": (query("($x := $range(1,20,1).($states.input); $count($keys($merge($x))))", count=500), NUMBERS),
    "equal values": (query("$states.input = $states.input", count=5000), [ZEROS]),
    "wildcards": (query("$count($states.input.*)", count=5000), LISTS),
    "descendants": (query("$count($states.input.**)", count=500), [OBJECTS]),
    "written values": (query("$length($string($states.input))", count=5000), ZEROS),
    "transformed values": (query("$count($states.input ~> |$|{'a':1}|)", count=500), OBJECTS),
    "slow regular expressions": (query("$contains('aaaaaaaaaaaaaaaaaaa', /(?:a|a)*[bc]/)", count=1000), 1),
    "a long text, searched": (query("$contains($pad('',6900000,'ab') & 'x', /^(a|b|ab)*[cd]$/)"), 1),
    "a text of a payload, searched": (query("$contains($pad('',260000,'ab'), /((((a|b)*)*)*)*[cd]/)"), 1),
    "encoded texts": (query("$length($encodeUrlComponent($pad('',6900000,'é')))", count=50), 1),
    "decoded addresses": (query("$length($decodeUrlComponent($pad('',6900000,'%41')))", count=50), 1),
    "tails of a text": (query("($s := $pad('',6900000); $count($map([1..200], function($i){$substring($s,$i)})))"), 1),
    "groups": (query("$count($keys($range(1,60000,1){$string($): $}))"), 1),
    "wide pictures": (query("$fromMillis(0, '[Y,999]')", count=5000), 1),
    "a thousand branches": (fan(SUCCEED, 1000), "x" * 200_000),
    "a thousand items": (items(passing(Parameters={"a.$": FORMAT})), {"items": [*range(4000)], "s": "x" * 100_000}),
    "a selector": (items(SUCCEED, ItemSelector={"a.$": "$.items[*]"}), {"items": [0] * 4000}),
}


def main() -> None:
    print(json.dumps(dict(taken())))


def taken() -> Iterator[tuple[str, list[Json]]]:
    for name, (definition, given) in SHAPES.items():
        machine = load(definition)
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.write(writer, json.dumps(decided(machine, given)).encode())
            os._exit(0)
        os.close(writer)
        with open(reader, "rb") as answer:
            yield name, json.load(answer)
        os.wait()


def decided(machine: Any, given: Json) -> list[Json]:
    before = Execution("e", "e", "w", given, 0)
    took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    after = transition(machine, before, events.ExecutionStarted(0, 1)).execution
    took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - took
    return [took >> 10, after.status, after.error, (after.cause or "")[-4096:]]


if __name__ == "__main__":
    main()
