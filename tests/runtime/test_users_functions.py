"""A user may have a ``functions`` package: ours has only the name ``stepwell.functions``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.db.database import connect
from stepwell.db.migrate import migrate
from stepwell.runtime.assembly import Runtime
from stepwell.runtime.settings import Settings
from tests.runtime.stage import Script, Stage

PRICES = "def total(prices):\n    return sum(prices)\n"
ADD_UP = '''"""Add up prices, by a package of the project's own."""

import functions
from functions.prices import total
from stepwell.functions import contract
from stepwell.functions.contract import Context, Event, body_of


def handler(event: Event, context: Context):
    packages = functions.__file__, contract.__file__
    return {"total": total(event["data"]["prices"]), "packages": packages, "body": body_of({"body": "[1]"})}
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {"functions/__init__.py": "", "functions/prices.py": PRICES, "steps/add_up.py": ADD_UP}
    for name, text in files.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


@pytest.fixture
def stage(project: Path, tmp_path: Path) -> Iterator[Stage]:
    """A worker with the real sandbox and one child: every step runs in it."""
    url = f"sqlite:///{tmp_path / 'stepwell.db'}"
    connect(url)
    migrate()
    home = {"home": tmp_path, "artifacts_dir": tmp_path, "outbox_dir": tmp_path}
    runtime = Runtime(Settings(database_url=url, workers=1, function_paths=(project,), **home))
    try:
        yield Stage(runtime, Script())
    finally:
        runtime.close()


@pytest.mark.parametrize("order", [("step1", "add_up", "step2"), ("add_up", "step1", "add_up")])
def test_a_step_imports_the_projects_functions_and_our_contract(stage: Stage, project: Path, order: tuple[str, ...]):
    places = [{"taskName": name, "name": f"{name}-{place}"} for place, name in enumerate(order)]
    identity = stage.start({"steps": [{**one, "data": {"prices": [1, 2]}} for one in places]})
    stage.run()
    assert (stage.status(identity), stage.execution(identity).cause) == ("COMPLETED", None)
    results = {one.function: one.result for one in stage.rows(identity)}
    assert results.keys() == set(order)
    assert f'"total":3,"packages":["{project / "functions/__init__.py"}"' in results["add_up"]
    assert 'functions/contract/__init__.py"],"body":[1]' in results["add_up"]
