"""A child runs code from the right root, and never an old version."""

from __future__ import annotations

import json
from pathlib import Path

from stepwell.runtime.sandbox.spawner import SCRIPT
from tests.runtime.sandbox.bench import Bench, answer, open_bench


def test_our_names_are_free_for_the_user(bench: Bench):
    (bench.root / "invocation.py").write_text("MINE = 1")
    assert answer(bench.run("import invocation; return invocation.MINE"))["result"] == "1"
    assert answer(bench.run("import sys; return [n for n in sys.modules if 'sandbox' in n]"))["result"] == "[]"


def test_the_childs_own_directory_is_not_on_the_path(bench: Bench):
    path = json.loads(answer(bench.run("import sys; return sys.path"))["result"])
    assert path[0] == str(bench.root)
    assert str(SCRIPT.parent) not in path


def test_an_edit_is_run_by_the_next_call(bench: Bench):
    for text in ("one", "two", "six"):  # of one length, within one second
        bench.write("edited", f"def handler(event, context): return '{text}'")
        assert bench.result("edited") == text


def test_an_edit_of_an_imported_module_is_run_by_the_next_call(bench: Bench):
    bench.write("_part", "WORD = 'old'")
    bench.write("whole", "from steps._part import WORD\ndef handler(event, context): return WORD")
    assert bench.result("whole") == "old"
    bench.write("_part", "WORD = 'new'")
    assert bench.result("whole") == "new"


def test_an_edit_of_a_module_imported_late_is_run_by_the_next_call(bench: Bench):
    bench.write("_late", "WORD = 'old'")
    bench.write("whole", "def handler(event, context):\n    from . import _late\n    return _late.WORD")
    assert [bench.result("whole"), bench.result("whole")] == ["old", "old"]
    bench.write("_late", "WORD = 'new'")
    assert bench.result("whole") == "new"


def test_an_unchanged_function_stays_in_its_child(bench: Bench):
    bench.write("count", "SEEN = []\ndef handler(event, context):\n    SEEN.append(event)\n    return len(SEEN)")
    assert [bench.result("count") for _ in range(3)] == [1, 2, 3]


def test_a_deleted_function_cannot_be_imported(bench: Bench):
    path = bench.write("brief", "def handler(event, context): return 1")
    assert bench.result("brief") == 1
    path.unlink()
    assert answer(bench.call("brief"))["error"]["errorType"] == "Runtime.ImportModuleError"


def test_two_roots_may_both_have_a_part_of_one_name(tmp_path: Path):
    for name in ("first", "second"):
        steps = tmp_path / name / "steps"
        steps.mkdir(parents=True)
        (steps / "_part.py").write_text(f"NAME = '{name}'")
        (steps / f"in_{name}.py").write_text("from ._part import NAME\ndef handler(event, context): return NAME")
    with open_bench(tmp_path / "first", tmp_path / "second") as one:
        two = Bench(tmp_path / "second", one.pool)
        assert [one.result("in_first"), two.result("in_second")] == ["first", "second"]


def test_modules_of_every_root_can_be_imported(tmp_path: Path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"only_{name}.py").write_text(f"NAME = '{name}'")
    with open_bench(tmp_path / "first", tmp_path / "second") as bench:
        ending = bench.run("import only_first, only_second\nreturn only_first.NAME + only_second.NAME")
    assert answer(ending)["result"] == '"firstsecond"'
