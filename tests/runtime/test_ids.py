from __future__ import annotations

import time
import uuid

import pytest

from stepwell.runtime.ids import TASK_BITS, is_id, new_execution_id, new_id, task_id


@pytest.mark.parametrize("made", [new_id, new_execution_id])
def test_an_id_is_a_uuid_of_version_7_with_the_present_time(made):
    before = int(time.time() * 1000)
    value = uuid.UUID(made())
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert before <= value.int >> 80 <= int(time.time() * 1000)


def test_ids_differ():
    assert len({new_id() for _ in range(1000)}) == len({new_execution_id() for _ in range(1000)}) == 1000


def test_the_tasks_of_an_execution_follow_it_in_the_order_of_their_numbers():
    execution = new_execution_id()
    ids = [task_id(execution, number) for number in (1, 2, 25_000, (1 << TASK_BITS) - 1)]
    assert ids == sorted(ids) and execution < ids[0]
    assert {uuid.UUID(one).int >> TASK_BITS for one in ids} == {uuid.UUID(execution).int >> TASK_BITS}
    assert all(is_id(one) and uuid.UUID(one).version == 7 for one in ids)


@pytest.mark.parametrize(
    "text",
    ["", "x", "0" * 32, "{00000000-0000-7000-8000-000000000000}", "ABCDEF00-0000-7000-8000-000000000000", "é" * 36],
)
def test_only_our_own_spelling_is_an_id(text: str):
    assert not is_id(text)
    assert is_id(new_id())
