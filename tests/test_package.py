"""The wheel holds one package, with all files of the product."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKED = ("stepwell", "functions", "runtime", "db", "emulator")
BUILT_FROM = ("setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE")
LOADS = """
from stepwell.db import migrate
from stepwell.functions.dashboard import queues
from stepwell.runtime.app import create_app
from stepwell.runtime.aws import json_protocol, rest_protocol
from stepwell.runtime.catalog.catalog import Catalog
import stepwell
print(stepwell.__file__)
print(len(Catalog.load().functions), len(list(migrate.DIRECTORY.glob("0*.py"))))
print(len(json_protocol.MODEL.table()["operations"]), len(rest_protocol.MODEL.table()["operations"]))
"""


def files(root: Path) -> Iterator[str]:
    """The wheel paths of all the product's files. Pages for readers of the repository are left out."""
    for folder in PACKED:
        for file in (root / folder).rglob("*"):
            if file.is_file() and file.suffix not in (".md", ".pyc"):
                path = file.relative_to(root).as_posix()
                yield path if folder == "stepwell" else f"stepwell/{path}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of this checkout without the network."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, copy)
    for folder in PACKED:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    alone = ("--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check", "--quiet")
    build = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", ".", *alone, "--wheel-dir", str(out)],
        cwd=copy,
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stderr
    (made,) = out.iterdir()
    return made


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        tops = {name.partition("/")[0] for name in packed.namelist()}
    (described,) = tops - {"stepwell"}
    assert described.startswith("stepwell-") and described.endswith(".dist-info")


def test_the_wheel_holds_every_file_of_the_product(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        held = {name for name in packed.namelist() if name.startswith("stepwell/")}
    wanted = set(files(ROOT))
    for one in ("dashboard/templates/style.css", "api/get_health.py"):
        assert f"stepwell/functions/{one}" in wanted
    assert wanted - held == set()
    assert not [name for name in held - wanted if not name.endswith(".md")]


def test_what_the_wheel_holds_loads(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site")}
    loads = [sys.executable, "-c", LOADS]
    installed = subprocess.run(loads, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    checkout = subprocess.run(loads, cwd=ROOT, capture_output=True, text=True, check=True)
    where, *loaded = installed.stdout.splitlines()
    assert where == str(tmp_path / "site" / "stepwell" / "__init__.py")
    assert loaded == checkout.stdout.splitlines()[1:] and len(loaded) == 2
