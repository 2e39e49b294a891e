"""The emulator, one process on SQLite, dies at every point: the next emulator continues from there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash import cases
from tests.crash.cases import Fault
from tests.crash.normal_form import NormalForm
from tests.crash.stand import EMULATOR, HASTY, Stand
from tests.runtime.stage import staged


@pytest.fixture
def laptop(undisturbed: dict[str, NormalForm], tmp_path: Path) -> Iterator[Stand]:
    """A stand on SQLite. One emulator runs after another in its directory."""
    with staged(f"sqlite:///{tmp_path / 'stepwell.db'}", tmp_path) as stage, ExitStack() as opened:
        yield Stand(stage, tmp_path, {}, opened)


@pytest.mark.parametrize(("play", "fault"), [*cases.EMULATOR, *cases.EMULATOR_MIDWAY])
def test_what_the_emulator_dies_of_changes_nothing(
    laptop: Stand, undisturbed: dict[str, NormalForm], play: str, fault: Fault
):
    laptop.serve(EMULATOR, fault)
    assert laptop.perform(play) == undisturbed[play]
    laptop.dies()


@pytest.mark.parametrize(("play", "fault"), cases.EMULATOR_HANDED_BACK)
def test_an_emulator_that_dies_while_it_hands_back(
    laptop: Stand, undisturbed: dict[str, NormalForm], play: str, fault: Fault
):
    emulator = laptop.serve(HASTY, fault)
    acted = laptop.start(play)
    acted.until(acted.are_all_seen, "the handlers run")
    emulator.send_signal(signal.SIGTERM)
    laptop.dies()
    assert acted.to_the_end() == undisturbed[play]


@pytest.mark.parametrize(("play", "fault"), cases.EMULATOR_LOST)
def test_an_emulator_that_dies_over_the_loss_of_the_one_before(
    laptop: Stand, undisturbed: dict[str, NormalForm], play: str, fault: Fault
):
    killed = laptop.serve(EMULATOR)
    acted = laptop.start(play)
    acted.until(acted.are_all_seen, "the handlers run")
    laptop.kill(killed)
    laptop.begin(EMULATOR, fault)
    laptop.dies()
    assert acted.to_the_end() == undisturbed[play]


def test_a_task_whose_third_emulator_dies_fails(laptop: Stand):
    lost = laptop.serve(EMULATOR)
    acted = laptop.start("gate")
    for attempt in (1, 2, 3):
        acted.until(lambda attempt=attempt: acted.is_held(attempt), f"attempt {attempt} is made")
        laptop.kill(lost)
        lost = laptop.begin(EMULATOR)
    acted.ends_after_three_losses()
