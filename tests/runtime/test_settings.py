"""The environment is read once, and an error names its variable."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from stepwell.runtime.assembly import Runtime
from stepwell.runtime.settings import READERS, Settings, SettingsError, read_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_a_variable_that_is_set_to_nothing_counts_as_unset() -> None:
    assert read_settings(dict.fromkeys(READERS, "")) == Settings()


def test_names_that_are_not_ours_are_let_be() -> None:
    assert read_settings({"HOME": "/root", "STEPWELLNESS": "1"}) == Settings()


def test_what_is_not_given_lies_in_the_home() -> None:
    settings = read_settings({"STEPWELL_HOME": "/srv/well"})
    assert settings.home == Path("/srv/well")
    assert settings.database_url == "sqlite:////srv/well/stepwell.db"
    assert settings.artifacts_dir == Path("/srv/well/artifacts")
    assert settings.outbox_dir == Path("/srv/well/outbox")


def test_a_home_may_be_relative() -> None:
    settings = read_settings({"STEPWELL_HOME": "here"})
    assert settings.database_url == "sqlite:///here/stepwell.db"
    assert settings.artifacts_dir == Path("here/artifacts")


def test_what_is_given_does_not_move_with_the_home() -> None:
    given = {"DATABASE_URL": "postgresql://db/app", "ARTIFACTS_DIR": "/a", "OUTBOX_DIR": "/o", "STEPWELL_HOME": "/srv"}
    settings = read_settings(given)
    assert (settings.database_url, settings.artifacts_dir, settings.outbox_dir) == (
        "postgresql://db/app",
        Path("/a"),
        Path("/o"),
    )


def test_the_url_follows_the_port_until_it_is_given() -> None:
    assert read_settings({"PORT": "8080"}).url == "http://127.0.0.1:8080"
    assert read_settings({"PORT": "8080", "STEPWELL_URL": "https://well.example"}).url == "https://well.example"


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("PORT", "0", "port", 0),
        ("PORT", "65535", "port", 65535),
        ("DATABASE_URL", "sqlite:///x.db", "database_url", "sqlite:///x.db"),
        ("DATABASE_URL", "postgres://u:p@h/d", "database_url", "postgres://u:p@h/d"),
        ("REDIS_URL", "redis://:p@h:6379/1", "redis_url", "redis://:p@h:6379/1"),
        ("REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
        ("SMTP_URL", "smtps://u:p@h", "smtp_url", "smtps://u:p@h"),
        ("STEPWELL_HOSTS", " Well.example, web,", "hosts", ("well.example", "web")),
        ("STEPWELL_HOSTS", "*", "hosts", ("*",)),
        ("STEPWELL_WORKERS", "1", "workers", 1),
        ("STEPWELL_LEASE_SECONDS", "0.5", "lease_seconds", 0.5),
        ("STEPWELL_SQLITE_SYNCHRONOUS", "full", "sqlite_synchronous", "FULL"),
    ],
)
def test_a_value_is_read(name: str, text: str, field: str, value: Any) -> None:
    assert getattr(read_settings({name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("PORT", "http", "'http'"),
        ("PORT", "-1", "between 0 and 65535"),
        ("PORT", "65536", "between 0 and 65535"),
        ("DATABASE_URL", "mysql://h/d", "must begin with sqlite:// or postgresql:// or postgres://"),
        ("DATABASE_URL", "stepwell.db", "must begin with sqlite://"),
        ("DATABASE_URL", "postgresql://[h/d", "Invalid IPv6 URL"),
        ("REDIS_URL", "localhost:6379", "must begin with redis://"),
        ("SMTP_URL", "mail.example", "must begin with smtp://"),
        ("STEPWELL_URL", "well.example", "must begin with http://"),
        ("FUNCTIONS_PATH", "/no/such/folder", "/no/such/folder is not a directory"),
        ("STEPWELL_HOSTS", "well.example,http://web", "'http://web' is no host's name"),
        ("STEPWELL_HOSTS", "web:3000", "without a scheme and a port"),
        ("STEPWELL_HOSTS", "*.well.example", "'*.well.example' is no host's name"),
        ("STEPWELL_WORKERS", "0", "must be 1 or more"),
        ("STEPWELL_WORKERS", "2.5", "'2.5'"),
        ("STEPWELL_LEASE_SECONDS", "0", "above 0"),
        ("STEPWELL_HEARTBEAT_SECONDS", "nan", "above 0"),
        ("STEPWELL_SWEEP_SECONDS", "inf", "above 0"),
        ("STEPWELL_FUNCTION_TIMEOUT_SECONDS", "15m", "'15m'"),
        ("STEPWELL_SQLITE_SYNCHRONOUS", "OFF", "must be NORMAL or FULL"),
    ],
)
def test_a_malformed_value_is_refused_by_name(name: str, text: str, why: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read_settings({name: text})
    assert str(refusal.value).startswith(name)
    assert why in str(refusal.value)


@pytest.mark.parametrize("name", [name for name in READERS if name.endswith("_URL")])
def test_a_refusal_shows_no_password(name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read_settings({name: "ftp://user:hunter2@host"})
    assert "hunter2" not in str(refusal.value)


def test_an_unknown_name_of_ours_is_refused_and_the_known_are_listed() -> None:
    with pytest.raises(SettingsError, match=r"^STEPWELL_WORKER is not a setting\. Known: .*STEPWELL_WORKERS"):
        read_settings({"STEPWELL_WORKER": "2"})


def test_an_unknown_name_is_refused_even_when_it_is_empty() -> None:
    with pytest.raises(SettingsError, match="STEPWELL_OLD"):
        read_settings({"STEPWELL_OLD": ""})


def test_functions_path_is_a_list_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    text = os.pathsep.join(["one", "", "~/two"])
    assert read_settings({"FUNCTIONS_PATH": text}).function_paths == (
        (tmp_path / "one").resolve(),
        (tmp_path / "two").resolve(),
    )


def test_the_process_s_own_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name in READERS or name.startswith("STEPWELL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORT", "4000")
    assert read_settings().port == 4000


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_a_handler_is_given_where_to_write_and_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret@h/d")
    environment = read_settings({"SMTP_URL": "smtp://mail", "REDIS_URL": "redis://h"}).child_environment()
    assert environment["PATH"] == "/bin"
    assert environment["SMTP_URL"] == "smtp://mail"
    assert environment["STEPWELL_URL"] == "http://127.0.0.1:3000"
    assert environment["ARTIFACTS_DIR"] == str(tmp_path.resolve() / ".stepwell" / "artifacts")
    assert environment["OUTBOX_DIR"] == str(tmp_path.resolve() / ".stepwell" / "outbox")
    assert not {"AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "REDIS_URL"} & environment.keys()


def test_a_handler_is_told_of_no_mail_server_where_there_is_none() -> None:
    assert "SMTP_URL" not in read_settings({}).child_environment()


def test_a_heartbeat_comes_before_its_lease_runs_out() -> None:
    assert read_settings({"STEPWELL_LEASE_SECONDS": "6"}).heartbeat_seconds == 2
    with pytest.raises(SettingsError, match="STEPWELL_HEARTBEAT_SECONDS must be less than STEPWELL_LEASE_SECONDS"):
        read_settings({"STEPWELL_LEASE_SECONDS": "5", "STEPWELL_HEARTBEAT_SECONDS": "5"})


@pytest.mark.parametrize("text", ["send", "[]", '{"arn:aws:states:::sqs:sendMessage": 1}'])
def test_aliases_are_an_object_of_functions(text: str) -> None:
    with pytest.raises(SettingsError, match="RESOURCE_ALIASES"):
        read_settings({"RESOURCE_ALIASES": text})
    assert read_settings({"RESOURCE_ALIASES": '{"a": "b"}'}).resource_aliases == {"a": "b"}


def test_an_alias_names_a_function_that_is_there(tmp_path: Path) -> None:
    aliased = replace(Settings(), database_url=f"sqlite:///{tmp_path}/a.db", resource_aliases={"arn:x": "nobody"})
    with pytest.raises(SettingsError, match="arn:x is to be 'nobody', and there is no such step type"):
        Runtime(aliased)


def test_access_keys_are_pairs_and_never_shown():
    settings = read_settings({"STEPWELL_ACCESS_KEYS": "me:a-secret/of+sixteen=, you:another:of-sixteen-x"})
    assert settings.access_keys == (("me", "a-secret/of+sixteen="), ("you", "another:of-sixteen-x"))
    assert "sixteen" not in repr(settings)
    for text in (
        "me",
        "me:short",
        ":a-secret-of-sixteen",
        "me:a-secret-of-sixteen,me:another-of-sixteen",
        ",",
        "a b:" + "x" * 16,
    ):
        with pytest.raises(SettingsError, match="STEPWELL_ACCESS_KEYS: ") as caught:
            read_settings({"STEPWELL_ACCESS_KEYS": text})
        assert "sixteen" not in str(caught.value).replace("a secret has 16 characters", "")
