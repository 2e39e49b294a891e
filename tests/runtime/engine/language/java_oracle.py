"""Makes ``java_answers.json`` anew: the results of Java, and of Jayway JsonPath on it, for random values.

AWS runs both: paths are Jayway's, and intrinsic functions let Java's own sets, texts and random numbers be seen.
``python -m tests.runtime.engine.language.java_oracle CLASSPATH``: of json-path 2.10 (com.jayway.jsonpath), json-smart,
accessors-smart, asm and slf4j-api. It needs Java 17; the tests do not. The same seed asks the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

Json = Any

HERE = Path(__file__).parent
RECORD = HERE / "java_answers.json"
ORACLE = HERE / "JavaOracle.java"
SEED, TRIED, LONGEST = 4, 2000, 300
DOCUMENTS: list[Json] = [
    {
        "a": [{"b": 1, "c": "x"}, {"b": 2, "c": None}, {"b": 2.5}, {"c": [1, {"b": 3}]}, 7, "t", [1, 2], {}],
        "b": {"a": {"b": {"c": 1}}, "c": [[1, 2], [3, [4]]], "n": None},
        "c": [0, -1, 2.5, "x", True, False, None, [], {}],
        "n": None,
        "s": "text",
        "t": True,
    },
    [{"a": 1, "b": {"c": [{"a": "x"}, {"a": "y", "b": False}]}}, {"a": "1", "n": 0}, [{"a": 2}, [{"a": 3}]], None, 5],
    {"x y": {"it's": [1, {"a": 2}]}, "a.b": {"c-d": 1}, "": {"a": 1}, "ž": {"日": [{"a": "é"}]}, "a": {"a": {"a": 1}}},
    {"a": [], "b": {}, "c": [{"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 3}]}, {"a": {"b": 4}}, {"a": None}, {"a": "b"}]},
]
NAMES = ["a", "b", "c", "n", "s", "t", "x y", "it's", "a.b", "c-d", "ž", "日", "nope"]
LITERALS = ["1", "2", "2.5", "-1", "0", "'x'", "'1'", "'b'", '"y"', "true", "false", "null", "1e0", "'é'", "''"]
RELATIONS = ["==", "!=", "<", "<=", ">", ">="]


class Paths:
    """Makes random paths of the forms that the guide allows."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def path(self) -> str:
        parts = [self.part() for _ in range(self.chance.choice([1, 1, 2, 2, 3, 3, 4, 5]))]
        return "$" + "".join(parts)

    def part(self) -> str:
        kinds = [self.name] * 6 + [self.index] * 3 + [self.every, self.descent, self.slice, self.union, self.filter] * 2
        return self.chance.choice(kinds)()

    def name(self) -> str:
        name = self.chance.choice(NAMES)
        quoted = "['" + name.replace("'", "\\'") + "']"
        return f".{name}" if name.isalnum() and self.chance.random() < 0.7 else quoted

    def index(self) -> str:
        return f"[{self.chance.choice([0, 0, 1, 1, 2, 3, 9, -1, -2, -9])}]"

    def every(self) -> str:
        return self.chance.choice([".*", "[*]"])

    def descent(self) -> str:
        inside = self.chance.choice([self.name, self.name, self.index, self.every, self.filter])()
        return "." + inside if inside.startswith(".") else ".." + inside

    def slice(self) -> str:
        ends = [str(self.chance.choice([0, 1, 2, 3, -1, -2])) if self.chance.random() < 0.7 else "" for _ in range(2)]
        return f"[{':'.join(ends)}]" if any(ends) else "[0:]"

    def union(self) -> str:
        if self.chance.random() < 0.5:
            indexes = [str(self.chance.choice([0, 1, 2, 9])) for _ in range(self.chance.choice([2, 3]))]
            return f"[{','.join(indexes)}]"
        return "['" + "','".join(self.chance.sample(["a", "b", "c", "n", "nope"], self.chance.choice([2, 3]))) + "']"

    def filter(self) -> str:
        return f"[?({self.test(2)})]"

    def test(self, depth: int) -> str:
        kind = self.chance.random()
        if depth and kind < 0.2:
            return f"{self.test(depth - 1)} {self.chance.choice(['&&', '||'])} {self.test(depth - 1)}"
        if depth and kind < 0.3:
            return f"({self.test(depth - 1)})"
        if kind < 0.4:
            return f"!{self.member()}"
        if kind < 0.6:
            return self.member()
        other = self.member() if self.chance.random() < 0.2 else self.chance.choice(LITERALS)
        return f"{self.member()} {self.chance.choice(RELATIONS)} {other}"

    def member(self) -> str:
        steps = [self.chance.choice([self.name, self.name, self.name, self.index])() for _ in range(2)]
        return "@" + "".join([self.name(), *steps][: self.chance.choice([1, 1, 1, 2])])


class Values:
    """Makes random values that an execution may have."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def value(self, depth: int = 2) -> Json:
        kinds = [self.number, self.number, self.text, self.word]
        return self.chance.choice(kinds + [self.list, self.object] * (depth > 0))(depth - 1)

    def number(self, _: int) -> Json:
        whole = self.chance.choice([self.chance.randrange(-40, 40), self.chance.getrandbits(40) - (1 << 39)])
        return whole if self.chance.random() < 0.7 else whole * 10.0 ** self.chance.randrange(-12, 12)

    def text(self, _: int) -> str:
        return "".join(self.chance.choice("abAB01 ž日😀") for _ in range(self.chance.randrange(4)))

    def word(self, _: int) -> Json:
        return self.chance.choice([None, True, False])

    def list(self, depth: int) -> list[Json]:
        return [self.value(depth) for _ in range(self.chance.randrange(4))]

    def object(self, depth: int) -> dict[str, Json]:
        return {self.text(0): self.value(depth) for _ in range(self.chance.randrange(4))}


def paths(chance: Random) -> list[Json]:
    made = Paths(chance)
    pairs = {(chance.randrange(len(DOCUMENTS)), made.path()): None for _ in range(TRIED)}
    return [["path", document, path] for document, path in pairs]


def others(chance: Random) -> list[Json]:
    values = Values(chance)
    sets = [["set", [values.value() for _ in range(chance.randrange(2, 20))]] for _ in range(150)]
    ends = [sorted(chance.sample(range(-1000, 1000), 2)) for _ in range(100)]
    ends += [[0, 1 << chance.randrange(30)] for _ in range(20)] + [[1, chance.randrange(1 << 30, 1 << 31)]] * 20
    randoms = [["random", chance.getrandbits(50) - (1 << 49), *two] for two in ends]
    return [*sets, *randoms, *(["text", values.value()] for _ in range(150))]


def answered(classpath: str, questions: list[Json]) -> list[Json]:
    """Java's answers."""
    asked = [["path", DOCUMENTS[one[1]], one[2]] if one[0] == "path" else one for one in questions]
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", classpath, str(ORACLE)]
    said = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in said.stdout.splitlines()]


def main(classpath: str) -> None:
    chance = Random(SEED)
    questions = paths(chance) + others(chance)
    pairs = zip(questions, answered(classpath, questions), strict=True)
    kept = [json.dumps(pair, ensure_ascii=False) for pair in pairs if len(json.dumps(pair[1])) <= LONGEST]
    documents = ",\n".join(json.dumps(one, ensure_ascii=False) for one in DOCUMENTS)
    answers = ",\n".join(kept)
    text = f'{{\n"documents": [\n{documents}\n],\n"answers": [\n{answers}\n]\n}}\n'
    RECORD.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
