"""The code base keeps its rules; and each rule fails on a breach."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import house
from tests.rooms import TABLE

ROOT = Path(__file__).resolve().parents[1]


def lines(count: int, indent: str = "") -> str:
    return f"{indent}pass\n" * count


def function(count: int) -> str:
    return f"def f():\n{lines(count - 1, '    ')}"


BREACHES: dict[house.Rule, list[tuple[str, str, str]]] = {
    house.each_room_imports_only_what_lies_below_it: [
        (
            "functions/api/a.py",
            "import stepwell.runtime.executions",
            "a.py:1: functions may not import runtime.executions",
        ),
        ("functions/api/a.py", "from stepwell.db import models", "may not import db.models"),
        ("db/a.py", "from stepwell.runtime.engine import jsontext", "db may not import runtime.engine.jsontext"),
        ("db/a.py", "def f():\n    import stepwell.runtime.worker", "a.py:2"),
        ("db/a.py", "import_module('stepwell.runtime.app')", "may not import runtime.app"),
        ("runtime/app.py", "from stepwell.emulator import web", "runtime/app may not import emulator.web"),
        ("runtime/http/a.py", "from tests import services", "may not import tests.services"),
        ("runtime/engine/core/a.py", "import stepwell.runtime.tasks", "engine/core may not import runtime.tasks"),
        ("runtime/engine/core/a.py", "from stepwell.functions import errors", "may not import functions.errors"),
        ("runtime/engine/values/a.py", "from stepwell.runtime.engine.core import run", "may not import"),
        ("runtime/moves/a.py", "from stepwell.runtime.executions import Executions", "may not import"),
        ("runtime/workflows.py", "from stepwell.runtime.moves import load", "may not import runtime.moves.load"),
    ],
    house.every_module_lies_in_a_room: [
        ("runtime/a.py", "", "runtime/a.py: no room of tests/rooms.py holds it"),
        ("runtime/engine/a/b.py", "", "runtime/engine/a/b.py: no room"),
    ],
    house.a_folder_holds_at_most_14_modules: [],
    house.a_function_imports_contract_errors_and_its_own_folder: [
        ("functions/api/a.py", "import stepwell.functions.api.b", "functions.api._x; not functions.api.b"),
        ("functions/api/a.py", "import stepwell.functions", "not functions"),
        ("functions/api/a.py", "from stepwell.functions.steps._store import put", "not functions.steps._store.put"),
        ("functions/steps/a.py", "from stepwell.functions.steps import b", "not functions.steps.b"),
        ("functions/contract.py", "from stepwell.functions.api import _x", "not functions.api._x"),
    ],
    house.private_files_stay_in_their_folder: [
        ("runtime/a.py", "from stepwell.functions.api._x import y", "a.py:1: _x is private to functions/api"),
        ("runtime/a.py", "from stepwell.functions.api import _x", "a.py:1: _x is private to functions/api"),
        ("runtime/a.py", "import stepwell.runtime.aws._x", "a.py:1: _x is private to runtime/aws"),
        ("runtime/aws/a.py", "from stepwell.runtime import _x", "a.py:1: _x is private to runtime"),
        ("runtime/aws_lambda/a.py", "from stepwell.runtime.aws import _x", "a.py:1: _x is private to runtime/aws"),
        ("runtime/a.py", "from stepwell.runtime.aws.b import _f", "a.py:1: _f is private to runtime/aws/b"),
        (
            "tests/wire/test_a.py",
            "from stepwell.functions.sfn import _x",
            "a.py:1: _x is private to functions/sfn",
        ),
        ("tests/functions/api/test_a.py", "from stepwell.functions.sfn._x import y", "_x is private to functions/sfn"),
        ("tests/a.py", "import_module('stepwell.functions.sfn._x')", "a.py:1: _x is private to functions/sfn"),
    ],
    house.the_engine_is_pure: [
        ("runtime/engine/states/a.py", "import time", "a.py:1: the engine is pure: no import of time"),
        ("runtime/engine/a.py", "from os import path", "no import of os.path"),
        ("runtime/engine/a.py", "import urllib.request", "no import of urllib.request"),
        ("runtime/engine/a.py", "from random import random", "no import of random.random"),
        ("runtime/engine/a.py", "from random import Random\nRandom()", "a.py:2: the engine is pure: no call of Random"),
        ("runtime/engine/a.py", "at = datetime.now(UTC)", "no .now"),
        ("runtime/engine/a.py", "f = field(default_factory=datetime.utcnow)", "no .utcnow"),
        ("runtime/engine/a.py", "date.today()", "no .today"),
        ("runtime/engine/a.py", "open('x')", "no call of open"),
    ],
    house.imports_are_written_from_the_top: [
        ("db/a.py", "from . import b", "a.py:1: write the import from the top"),
        ("db/a.py", "from ..runtime import b", "a.py:1: write the import from the top"),
    ],
    house.imports_of_ours_say_stepwell: [
        ("runtime/a.py", "from db import models", "a.py:1: import stepwell.db.models, not db.models"),
        ("emulator/a.py", "import_module('runtime.app')", "import stepwell.runtime.app, not runtime.app"),
    ],
    house.no_import_leads_back: [
        ("db/a.py", "import stepwell.db.b", "db.a -> db.b -> db.a"),
        ("db/a.py", "def f():\n    from stepwell.db.b import x", "db.a -> db.b -> db.a"),
    ],
    house.a_file_is_no_longer_than_450_lines: [("db/a.py", lines(451), "db/a.py: 451 lines")],
    house.a_function_is_no_longer_than_50_lines: [
        ("db/a.py", function(51), "db/a.py:1: f has 51 lines"),
        ("db/a.py", f"async {function(51)}", "db/a.py:1: f has 51 lines"),
    ],
    house.functions_are_short: [
        ("db/a.py", function(9), "the median function has 9 lines"),
        ("db/a.py", function(2) * 9 + function(26), "one function in ten has 26 lines"),
    ],
    house.blocks_stand_no_deeper_than_3: [
        ("db/a.py", "def f():\n for a in b:\n  with c:\n   try:\n    if d: pass\n   finally: pass", "f nests 4 deep"),
    ],
    house.names_say_something: [
        ("runtime/task_utils.py", "", "runtime/task_utils.py: the name says nothing: utils"),
        ("runtime/common/a.py", "", "the name says nothing: common"),
        ("db/a.py", "class PoolManager: pass", "db/a.py:1: the name says nothing: class PoolManager"),
        ("db/a.py", "class TaskINFO: pass", "class TaskINFO"),
    ],
    house.module_names_are_words_that_readers_know: [
        ("runtime/bell.py", "", "runtime/bell.py: 'bell' stands neither in docs/glossary.md nor in tests/words.py"),
        ("runtime/task_seats.py", "", "'seats' stands neither"),
    ],
    house.every_handler_has_a_test_of_its_own: [
        ("functions/api/a.py", "", "functions/api/a.py: its test tests/functions/api/test_a.py is missing"),
        ("functions/steps/a.py", "", "tests/functions/steps/test_a.py is missing"),
    ],
}

ALLOWED = [
    (
        "emulator/a.py",
        "from stepwell.runtime.app import create_app\nfrom stepwell.db import models\nimport stepwell.runtime.settings",
    ),
    (
        "runtime/aws/step_functions/a.py",
        "from stepwell.runtime.engine import trial\nimport stepwell.db.queries, time\nimport stepwell.functions.errors",
    ),
    ("runtime/engine/states/a.py", "from stepwell.runtime.engine.core import b\nfrom random import Random\nRandom(7)"),
    (
        "runtime/engine/core/a.py",
        "import json\nfrom urllib.parse import quote\nfrom datetime import datetime\nevent.at",
    ),
    (
        "functions/api/a.py",
        "from stepwell.functions.api._x import y\nfrom stepwell.functions import contract, errors",
    ),
    ("functions/api/_x.py", "import stepwell.functions.contract"),
    ("runtime/aws/a.py", "from stepwell.runtime.aws import _x"),
    ("tests/functions/api/test_b.py", "from stepwell.functions.api._x import y"),
    ("tests/functions/api/fakes.py", "from stepwell.functions.api import _x"),
    ("tests/runtime/aws/test_b.py", "from stepwell.runtime.aws.b import _f"),
    ("tests/wire/test_b.py", "from tests.wire._x import y\nimport _thread, stepwell.functions.__init__"),
    ("functions/api/__init__.py", ""),
    ("functions/api/a.py", "import runtimes, tests_of_others, database"),
    ("db/a.py", "def f():\n if a: pass\n elif b: pass\n elif c: pass\n elif d: pass\n elif e: pass"),
    ("db/a.py", "def f():\n if a:\n  with b:\n   if c:\n    def g():\n     if d: pass"),
    ("db/a.py", f"def f():\n    '''{lines(60)}'''\n"),
    ("db/a.py", lines(450)),
    ("db/a.py", function(2) * 9 + function(25)),
    ("db/a.py", "class ServiceUnavailable(Exception): pass\nclass Information: pass"),
    ("db/README.md", "from . import what_is_no_python"),
]


def plant(folder: Path, path: str, text: str) -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)
    return folder


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_code_base_keeps(rule: house.Rule) -> None:
    breaches = list(rule(ROOT))
    assert not breaches, "\n" + "\n".join(breaches)


def test_the_code_base_is_not_empty() -> None:
    folders = house.FOLDERS | {house.ENGINE}
    assert {source.room for source in house.sources(ROOT)} - folders == set(TABLE) - folders


def test_no_arrow_of_the_table_leads_back_up() -> None:
    rooms = list(TABLE)
    assert [(room, one) for room in rooms for one in TABLE[room] if rooms.index(one) >= rooms.index(room)] == []


def test_the_table_grants_nothing_that_is_not_used() -> None:
    imports = ((one.room, name) for one in house.sources(ROOT) for _, name in house.imports(one))
    used = {(room, house.room_of(name.replace(".", "/"))) for room, name in imports}
    assert [(room, one) for room in TABLE for one in TABLE[room] if (room, one) not in used] == []


def test_every_room_has_a_readme_with_its_rule_in_bold() -> None:
    folders = {ROOT / source.path.rpartition("/")[0] for source in house.sources(ROOT)} - {ROOT / "db" / "migrations"}
    assert [one for one in folders if "**" not in (one / "README.md").read_text()] == []


def test_a_crowded_folder_is_a_breach(tmp_path: Path) -> None:
    for number in range(15):
        plant(tmp_path, f"db/m{number}.py", "")
        plant(tmp_path, f"functions/api/m{number}.py", "")
    assert list(house.a_folder_holds_at_most_14_modules(tmp_path)) == ["db: 15 modules, at most 14"]


@pytest.mark.parametrize(
    ("rule", "path", "text", "message"),
    [
        pytest.param(rule, *case, id=f"{rule.__name__}-{n}")
        for rule, cases in BREACHES.items()
        for n, case in enumerate(cases)
    ],
)
def test_a_breach_is_told(rule: house.Rule, path: str, text: str, message: str, tmp_path: Path) -> None:
    plant(tmp_path, "db/b.py", "import stepwell.db.a")
    (breach,) = rule(plant(tmp_path, path, text))
    assert message in breach


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_what_is_allowed_is_not_told(path: str, text: str, tmp_path: Path) -> None:
    plant(tmp_path, "tests/functions/api/test_a.py", "")
    plant(tmp_path, path, text)
    assert [breach for rule in house.RULES for breach in rule(tmp_path)] == []


def test_every_rule_was_seen_to_go_red() -> None:
    assert BREACHES.keys() == set(house.RULES)
