"""A worker dies at every point it passes: another one brings the execution to the same end."""

from __future__ import annotations

import signal

import pytest

from tests.crash import cases
from tests.crash.cases import Fault
from tests.crash.normal_form import NormalForm
from tests.crash.stand import WORKER, Stand


@pytest.mark.parametrize(("play", "fault"), [*cases.WORKER, *cases.WORKER_MIDWAY])
def test_what_a_worker_dies_of_changes_nothing(
    stand: Stand, undisturbed: dict[str, NormalForm], play: str, fault: Fault
):
    stand.begin(WORKER, fault)
    assert stand.perform(play) == undisturbed[play]
    stand.dies()


@pytest.mark.parametrize(("play", "fault"), cases.HANDED_BACK)
def test_a_worker_that_dies_while_it_hands_back(
    stand: Stand, undisturbed: dict[str, NormalForm], play: str, fault: Fault
):
    worker = stand.begin((*WORKER, "-t", "0.1"), fault)
    acted = stand.start(play)
    acted.until(acted.are_all_seen, "the handlers run")
    worker.send_signal(signal.SIGTERM)
    stand.dies()
    assert acted.to_the_end() == undisturbed[play]


@pytest.mark.parametrize(("play", "fault"), cases.LOST)
def test_a_worker_that_dies_over_the_loss_of_another(
    stand: Stand, undisturbed: dict[str, NormalForm], play: str, fault: Fault
):
    lost = stand.begin(WORKER)
    acted = stand.start(play)
    acted.until(acted.are_all_seen, "the handlers run")
    stand.kill(lost)
    stand.begin(WORKER, fault)
    stand.dies()
    assert acted.to_the_end() == undisturbed[play]


@pytest.mark.parametrize("fault", cases.LOST_THRICE, ids=str)
def test_a_worker_that_dies_over_the_third_loss_of_a_task(stand: Stand, fault: Fault):
    acted = stand.start("gate")
    for attempt in (1, 2, 3):
        lost = stand.begin(WORKER)
        acted.until(lambda attempt=attempt: acted.is_held(attempt), f"attempt {attempt} is made")
        stand.kill(lost)
    stand.begin(WORKER, fault)
    stand.dies()
    acted.ends_after_three_losses()
