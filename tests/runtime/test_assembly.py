"""The assembled runtime, with the genuine sandbox."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from stepwell.db.database import connect, database
from stepwell.db.migrate import migrate
from stepwell.runtime.assembly import INVOICE_PDF, Runtime, build
from stepwell.runtime.settings import Settings, read_settings
from tests.runtime.stage import Stage, steps
from tests.services import until


def settings_at(url: str, home: Path) -> Settings:
    return Settings(home=home, database_url=url, artifacts_dir=home, outbox_dir=home)


def threads() -> set[threading.Thread]:
    """The threads of this process, without the connections' watchdog, which belongs to no runtime."""
    return {one for one in threading.enumerate() if one.name != "stepwell-watchdog"}


def test_a_runtime_is_built_used_and_leaves_nothing_running(database_url: str, tmp_path: Path):
    before = threads()
    connect(database_url)
    migrate()
    runtime = build(settings_at(database_url, tmp_path))
    api = runtime.api_context("r1")
    assert api.request_id == "r1"
    assert api.workflows.get("invoice_pdf").definition == INVOICE_PDF
    answer = api.functions.invoke("step1", {"data": {"a": 1}})
    assert answer["result"]["received"] == {"a": 1} and "step1 done" in answer["logs"]
    assert api.functions.invoke("always_fails", {"data": {}})["error"] == "AlwaysFails"
    api.workflows.create("w", steps("step1", "step2"))
    begun = api.executions.start("w", None)
    work, _ = runtime.worker()
    work.run(api.executions.get(begun.id).tasks[0].id)
    until(lambda: api.executions.get(begun.id).status == "COMPLETED", "the execution completes")
    runtime.close()
    assert threads() == before


def test_a_runtime_without_tables_is_built_and_says_what_is_missing(database_url: str, tmp_path: Path, caplog):
    runtime = build(settings_at(database_url, tmp_path))
    assert "the sample workflow was not stored" in caplog.text
    runtime.close()


def test_each_worker_has_an_owner_name_of_its_own(stage: Stage):
    owners = {stage.another_worker().claims.owner for _ in range(5)}
    assert len(owners) == 5 and all(":" in owner for owner in owners)


def modes(home: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.iterdir())}


@pytest.mark.parametrize("is_there", [False, True])
def test_the_state_directory_is_its_users_alone(tmp_path: Path, is_there: bool):
    home = tmp_path / "deep" / "home"
    if is_there:  # as an earlier release has made it
        for name in ("artifacts", "outbox", "code"):
            (home / name).mkdir(parents=True)
        (home / "stepwell.db").touch(0o644)
        (home / "somebody's").touch(0o644)
    settings = read_settings({"STEPWELL_HOME": str(home)})
    runtime = Runtime(settings)
    migrate()
    with database.connection_context():
        database.execute_sql("SELECT 1 FROM execution")
        found = modes(home)
    runtime.close()
    assert found.pop("home") == (0o755 if is_there else 0o700)
    assert found.pop("somebody's", 0o644) == 0o644
    folders, files = {"artifacts", "outbox", "code"}, {"stepwell.db", "stepwell.db-wal", "stepwell.db-shm"}
    assert found == dict.fromkeys(folders, 0o700) | dict.fromkeys(files, 0o600)
