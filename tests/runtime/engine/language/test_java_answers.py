"""Paths and intrinsic functions answer as Java and Jayway JsonPath did, and as Python's own libraries do.

java_answers.json holds what Java said; java_oracle.py makes it anew. A path that may select many gives a list on AWS,
where Jayway may say that the way there is missing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stepwell.runtime.engine.language import java_text
from stepwell.runtime.engine.language.intrinsics import parse_call
from stepwell.runtime.engine.language.paths import PathMissing, parse

Json = Any

RECORD = json.loads(Path(__file__).with_name("java_answers.json").read_text(encoding="utf-8"))
LOOKS_AT_ALL = re.compile(r"\.\.(?:\[|\*)")
"""Where Jayway differs from its own README: behind ``..[0]``, ``..*`` and ``..[?...]`` it goes on from every element
of a list, selected or not, and some occur twice. We select what the step says."""
MOST_DIFFERENCES = 20


def answers(kind: str) -> list[tuple[Json, Json]]:
    return [(question, answer) for question, answer in RECORD["answers"] if question[0] == kind]


def text(value: Json) -> str:
    """The JSON text with members in their order; 1 and 1.0 differ."""
    return json.dumps(value, ensure_ascii=False)


def got(document: Json, path: str) -> str:
    try:
        return text(parse(path).get(document))
    except PathMissing:
        return "missing"


def wanted(answer: Json) -> str:
    if "value" in answer:
        return text(answer["value"])
    return "missing" if answer["definite"] else "[]"


def test_paths_select_what_jayway_selects() -> None:
    """Jayway fails on some names in filters, and on filters of texts and numbers. We do not, and select nothing."""
    told, refused = [], 0
    for (_, document, path), answer in answers("path"):
        found = got(RECORD["documents"][document], path)
        if "invalid" in answer:
            refused += 1
            assert found in ("[]", "missing"), path
        elif found != wanted(answer):
            told.append(path)
        assert "definite" not in answer or parse(path).is_definite is answer["definite"] or _ends_in_names(path), path
    assert [path for path in told if not LOOKS_AT_ALL.search(path)] == []
    assert len(told) <= MOST_DIFFERENCES and refused <= MOST_DIFFERENCES


def _ends_in_names(path: str) -> bool:
    """A union of names at a path's end gives one object. Jayway calls it indefinite, and gives it without a list."""
    return path.endswith("']")


def test_a_set_is_in_the_order_of_javas() -> None:
    for (_, elements), answer in answers("set"):
        assert text(parse_call("States.ArrayUnique($)").value(elements, {})) == text(answer)


@pytest.mark.parametrize(("question", "number"), answers("random"), ids=lambda one: str(one))
def test_a_seed_draws_what_it_draws_in_java(question: Json, number: int) -> None:
    _, seed, start, end = question
    assert java_text.next_int(seed, start, end) == number


def test_a_value_is_shown_as_java_shows_it() -> None:
    for (_, value), answer in answers("text"):
        assert parse_call("States.Format('{}', $)").value(value, {}) == answer


def test_there_are_answers_enough() -> None:
    counts = [len(answers(kind)) for kind in ("path", "set", "random", "text")]
    assert all(count >= least for count, least in zip(counts, (1500, 100, 140, 150), strict=True)), counts


def texts(count: int) -> list[str]:
    chance = Random(4)
    return ["".join(chance.choice("aB0 ,;ž日😀\n'{}\\") for _ in range(chance.randrange(60))) for _ in range(count)]


@pytest.mark.parametrize("name", ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"])
def test_hashes_and_base64_are_those_of_the_libraries(name: str) -> None:
    for one in texts(50):
        digest = hashlib.new(name.replace("SHA-", "sha"), one.encode()).hexdigest()
        encoded = base64.b64encode(one.encode()).decode()
        assert parse_call(f"States.Hash($, '{name}')").value(one, {}) == digest
        assert parse_call("States.Base64Encode($)").value(one, {}) == encoded
        assert parse_call("States.Base64Decode(States.Base64Encode($))").value(one, {}) == one
        assert parse_call("States.StringToJson(States.JsonToString($))").value([one], {}) == [one]


def test_sums_are_those_of_exact_numbers() -> None:
    chance = Random(5)
    for _ in range(500):
        pair = [chance.choice([chance.randrange(-999, 999), round(chance.uniform(-9, 9), 1)]) for _ in range(2)]
        halves = [(Decimal(str(one)) + Decimal("0.5")).to_integral_value(ROUND_FLOOR) for one in pair]
        assert parse_call("States.MathAdd($[0], $[1])").value(pair, {}) == sum(halves), pair


def test_ranges_and_partitions_are_those_of_counting() -> None:
    chance = Random(6)
    for _ in range(300):
        start, end, step = chance.randrange(-50, 50), chance.randrange(-50, 50), chance.choice([-7, -2, -1, 1, 2, 3])
        made = parse_call("States.ArrayRange($[0], $[1], $[2])").value([start, end, step], {})
        assert made == [at for at in range(-60, 60) if (at - start) * step >= 0 <= (end - at) * step
                        and (at - start) % step == 0][:: 1 if step > 0 else -1]  # fmt: skip
        size = chance.randrange(1, 9)
        parts = parse_call("States.ArrayPartition($.a, $.n)").value({"a": made, "n": size}, {})
        assert [one for part in parts for one in part] == made
        assert all(len(part) == size for part in parts[:-1]) and all(parts)


def test_a_split_text_is_what_other_characters_leave() -> None:
    for one in texts(200):
        parts = parse_call("States.StringSplit($, ',; ')").value(one, {})
        assert "".join(parts) == one.translate(str.maketrans("", "", ",; "))
        assert "" not in parts and not any(set(",; ") & set(part) for part in parts)
        assert len(parts) == len(re.findall("[^,; ]+", one))
