"""A web process dies at every point it passes: the client repeats its request, which is executed once."""

from __future__ import annotations

import pytest

from stepwell.db.database import database
from stepwell.db.models import Execution
from tests.crash import cases
from tests.crash.cases import Fault
from tests.crash.normal_form import NormalForm, normal_form
from tests.crash.plays import PLAYS
from tests.crash.stand import WEB, WORKER, Stand


@pytest.mark.parametrize(("play", "fault"), [*cases.WEB, *cases.WEB_MIDWAY])
def test_what_a_web_process_dies_of_changes_nothing(
    stand: Stand, undisturbed: dict[str, NormalForm], play: str, fault: Fault
):
    stand.serve(WEB, fault)
    stand.begin(WORKER)
    assert stand.perform(play) == undisturbed[play]
    stand.dies()
    with database.connection_context():
        assert Execution.select().count() == 1


@pytest.mark.parametrize(("side", "started"), [("before", 0), ("after", 1)])
def test_a_start_without_a_key_that_nobody_answered_is_stored_and_runs_or_is_not(
    stand: Stand, undisturbed: dict[str, NormalForm], side: str, started: int
):
    stand.serve(WEB, Fault(f"start.{side}_commit"))
    stand.begin(WORKER)
    stand.ask("POST", "/workflows", {"name": "three", "definition": PLAYS["three"].definition})
    assert stand.client.send("POST", "/workflows/three/execute") is None
    with database.connection_context():
        stored = list(Execution.select())
    assert len(stored) == started
    for row in stored:
        stand.until(lambda row=row: stand.stage.status(row.id) != "IN_PROGRESS", "the execution ends")
        assert normal_form(stand.stage, row.id) == undisturbed["three"]
