"""Reads and checks the environment, once. READERS lists every variable that a process of Stepwell reads."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import stepwell

ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds ``functions/``: the top of a checkout, or the installed package."""
IMPORT_ROOT = Path(stepwell.__file__).resolve().parents[1]
"""The folder that ``stepwell`` is imported from; a process that runs built-in handlers has it on its path."""
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class SettingsError(ValueError):
    """The environment holds a name or a value that Stepwell does not understand."""


@dataclass(frozen=True)
class Limits:
    """Limits that no variable changes; sizes in bytes, times in seconds."""

    body: int = 1 << 20
    definition_body: int = 3 << 20
    invoke_body: int = 6_291_556
    code_body: int = 70_167_211
    payload: int = 256 << 10
    definition: int = 1 << 20
    steps: int = 1000
    depth: int = 64
    history: int = 25_000
    wait_seconds: int = 366 * 24 * 3600
    logs: int = 64 << 10
    artifact: int = 32 << 20


@dataclass(frozen=True)
class Settings:
    """The settings of a process. Times are in seconds."""

    home: Path = Path(".stepwell")
    port: int = 3000
    database_url: str = "sqlite:///.stepwell/stepwell.db"
    redis_url: str | None = None
    function_paths: tuple[Path, ...] = ()
    artifacts_dir: Path = Path(".stepwell/artifacts")
    outbox_dir: Path = Path(".stepwell/outbox")
    code_dir: Path = Path(".stepwell/code")
    smtp_url: str | None = None
    url: str = "http://127.0.0.1:3000"
    hosts: tuple[str, ...] = ()
    lease_seconds: float = 15.0
    heartbeat_seconds: float = 5.0
    sweep_seconds: float = 2.0
    workers: int = 4
    function_timeout_seconds: float = 900.0
    event_retry_seconds: float = 60.0
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    body_rate: int = 1024
    waiting: int = 32
    sqlite_synchronous: str = "NORMAL"
    retention_days: float | None = None
    """How long ended executions are kept; infinite: for ever; None: as long as the database says."""
    resource_aliases: Mapping[str, str] = field(default_factory=dict)
    access_keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    limits: Limits = field(default_factory=Limits)

    def child_environment(self) -> dict[str, str]:
        """The variables of a handler's process, beside Lambda's own: no database, no queue, no keys."""
        kept = {name: value for name, value in os.environ.items() if name in KEPT_FOR_CHILDREN}
        ours = {
            "ARTIFACTS_DIR": str(self.artifacts_dir.resolve()),
            "OUTBOX_DIR": str(self.outbox_dir.resolve()),
            "STEPWELL_URL": self.url,
        }
        return {**kept, **ours, **({"SMTP_URL": self.smtp_url} if self.smtp_url else {})}


KEPT_FOR_CHILDREN = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "TZ"})


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("must be 1 or more")
    return value


def _port(text: str) -> int:
    if not 0 <= int(text) <= 65535:
        raise ValueError("must be between 0 and 65535")
    return int(text)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError("must be a number of seconds above 0")
    return value


def _days(text: str) -> float:
    if text.lower() == "off":
        return inf
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError("must be a number of days above 0, or off")
    return value


def _paths(text: str) -> tuple[Path, ...]:
    paths = tuple(Path(part).expanduser().resolve() for part in text.split(os.pathsep) if part)
    for path in paths:
        if not path.is_dir():
            raise ValueError(f"{path} is not a directory")
    return paths


def _url(*schemes: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError(f"must begin with {' or '.join(scheme + '://' for scheme in schemes)}")
        return text

    return check


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for host in hosts:
        if not (host == "*" or _HOST.fullmatch(host)):
            raise ValueError(f"{host!r} is no host's name; write it without a scheme and a port, or * for any")
    return hosts


def _access_keys(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
    if not pairs or not all(_KEY_ID.fullmatch(key_id) and len(secret) >= 16 for key_id, _, secret in pairs):
        raise ValueError("must be pairs id:secret with , between them; a secret has 16 characters or more")
    if len({key_id for key_id, _, _ in pairs}) != len(pairs):
        raise ValueError("has an id twice")
    return tuple((key_id, secret) for key_id, _, secret in pairs)


def _synchronous(text: str) -> str:
    if text.upper() not in ("NORMAL", "FULL"):
        raise ValueError("must be NORMAL or FULL")
    return text.upper()


def _aliases(text: str) -> dict[str, str]:
    aliases = json.loads(text)
    if not isinstance(aliases, dict) or not all(isinstance(function, str) for function in aliases.values()):
        raise ValueError('must be a JSON object such as {"arn:aws:states:::sqs:sendMessage": "my_function"}')
    return aliases


READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "PORT": ("port", _port),
    "DATABASE_URL": ("database_url", _url("sqlite", "postgresql", "postgres")),
    "REDIS_URL": ("redis_url", _url("redis", "rediss", "unix")),
    "FUNCTIONS_PATH": ("function_paths", _paths),
    "ARTIFACTS_DIR": ("artifacts_dir", Path),
    "OUTBOX_DIR": ("outbox_dir", Path),
    "CODE_DIR": ("code_dir", Path),
    "SMTP_URL": ("smtp_url", _url("smtp", "smtps")),
    "RESOURCE_ALIASES": ("resource_aliases", _aliases),
    "STEPWELL_HOME": ("home", Path),
    "STEPWELL_URL": ("url", _url("http", "https")),
    "STEPWELL_HOSTS": ("hosts", _hosts),
    "STEPWELL_ACCESS_KEYS": ("access_keys", _access_keys),
    "STEPWELL_WORKERS": ("workers", _whole),
    "STEPWELL_LEASE_SECONDS": ("lease_seconds", _seconds),
    "STEPWELL_HEARTBEAT_SECONDS": ("heartbeat_seconds", _seconds),
    "STEPWELL_SWEEP_SECONDS": ("sweep_seconds", _seconds),
    "STEPWELL_FUNCTION_TIMEOUT_SECONDS": ("function_timeout_seconds", _seconds),
    "STEPWELL_EVENT_RETRY_SECONDS": ("event_retry_seconds", _seconds),
    "STEPWELL_RETENTION_DAYS": ("retention_days", _days),
    "STEPWELL_HEAD_SECONDS": ("head_seconds", _seconds),
    "STEPWELL_BODY_SECONDS": ("body_seconds", _seconds),
    "STEPWELL_BODY_RATE": ("body_rate", _whole),
    "STEPWELL_WAITING": ("waiting", _whole),
    "STEPWELL_SQLITE_SYNCHRONOUS": ("sqlite_synchronous", _synchronous),
}


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from an environment. Raises SettingsError, which names the variable at fault."""
    environ = os.environ if environ is None else environ
    unknown = sorted(name for name in environ if name.startswith("STEPWELL_") and name not in READERS)
    if unknown:
        raise SettingsError(f"{unknown[0]} is not a setting. Known: {', '.join(sorted(READERS))}")
    values = {field: _read(name, read, environ[name]) for name, (field, read) in READERS.items() if environ.get(name)}
    home = values.get("home", Settings.home)
    values.setdefault("database_url", f"sqlite:///{home}/stepwell.db")
    values.setdefault("artifacts_dir", home / "artifacts")
    values.setdefault("outbox_dir", home / "outbox")
    values.setdefault("code_dir", home / "code")
    values.setdefault("url", f"http://127.0.0.1:{values.get('port', Settings.port)}")
    values.setdefault("heartbeat_seconds", values.get("lease_seconds", Settings.lease_seconds) / 3)
    settings = Settings(**values)
    if settings.heartbeat_seconds >= settings.lease_seconds:
        raise SettingsError("STEPWELL_HEARTBEAT_SECONDS must be less than STEPWELL_LEASE_SECONDS")
    return settings


def read_server_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a web process or a worker. Raises SettingsError, also if there is no DATABASE_URL.

    Only the emulator has a default: processes of one deployment that each fell back to a file of their own would not
    meet, and what they were told would be lost with the machine.
    """
    environ = os.environ if environ is None else environ
    if not environ.get("DATABASE_URL"):
        raise SettingsError(
            "DATABASE_URL is not set. A web process or a worker needs one, for example "
            "postgresql://user:password@host:5432/stepwell; SQLite has to be named, too: sqlite:///stepwell.db "
            "(python -m emulator runs without any)"
        )
    return read_settings(environ)


def _read(name: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as fault:
        shown = name if name.endswith(("_URL", "_KEYS")) else f"{name}={text!r}"  # a URL may hold a password
        raise SettingsError(f"{shown}: {fault}") from None
