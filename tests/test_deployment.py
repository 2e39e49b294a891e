"""The ways to run: Procfile, image and compose file agree; their commands run, and end at SIGTERM."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
import yaml

from stepwell.runtime.settings import READERS, read_settings
from tests.services import free_port, until
from tests.test_docs import README, Emulator, blocks, executions_of

ROOT = Path(__file__).resolve().parents[1]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one.get("image") == "stepwell"}
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
FOR_GUNICORN = frozenset(re.findall(r"environ\.get\([\"'](\w+)", (ROOT / "gunicorn.conf.py").read_text()))
FOR_PYTHON = frozenset({"PYTHONUNBUFFERED"})
GRACE_OPTIONS = ("-t", "--graceful-timeout")


def procfile() -> dict[str, list[str]]:
    """Each process type's command, as words."""
    lines = (line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    return {name: shlex.split(command.removeprefix("exec ")) for name, command in lines}


def without(options: tuple[str, ...], command: list[str]) -> list[str]:
    """The command without these options and their values."""
    left = list(command)
    for option in set(options).intersection(left):
        at = left.index(option)
        del left[at : at + 2]
    return left


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def image_environment() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(instructions("ENV"))))


# The files' contents


@pytest.mark.parametrize(("service", "process"), [("web", "web"), ("worker", "worker"), ("migrate", "release")])
def test_compose_runs_what_the_procfile_runs(service: str, process: str) -> None:
    command = SERVICES[service]["command"]
    assert without(GRACE_OPTIONS, command) == without(GRACE_OPTIONS, procfile()[process])


def test_the_image_runs_the_web_process_unless_told() -> None:
    (command,) = (json.loads(text) for text in instructions("CMD"))
    assert command == SERVICES["web"]["command"]


def test_what_runs_is_given_less_time_than_the_container() -> None:
    for name in ("web", "worker"):
        command = SERVICES[name]["command"]
        (option,) = set(GRACE_OPTIONS).intersection(command)
        assert int(command[command.index(option) + 1]) + 5 <= int(SERVICES[name]["stop_grace_period"].removesuffix("s"))


def test_every_name_in_an_environment_is_known() -> None:
    composed = {name for service in OURS.values() for name in service["environment"]}
    example = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert composed | example | image_environment().keys() <= READERS.keys() | FOR_GUNICORN | FOR_PYTHON


def test_the_environments_are_understood() -> None:
    for service in OURS.values():
        settings = read_settings({**image_environment(), **environment_of(service)})
        assert settings.database_url == "postgresql://postgres:postgres@postgres:5432/stepwell"
        assert settings.access_keys == ()
        assert str(settings.artifacts_dir) in mounted(service)
        assert str(settings.outbox_dir) in mounted(service)


def environment_of(service: dict[str, Any], **given: str) -> dict[str, str]:
    """The environment that a service gets where Compose was given these variables."""
    return {name: filled(str(value), given) for name, value in service["environment"].items()}


def filled(value: str, given: dict[str, str]) -> str:
    """A value of the compose file with its variables filled in. One without a default fails the test."""
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: given.get(found[1]) or found[2], value)
    assert "$" not in text, value
    return text


def test_compose_wants_no_variable_and_keys_are_passed_on() -> None:
    variables = re.findall(r"\$\{[^}]*\}", COMPOSE_TEXT)
    assert len(variables) > 2 and all(":-" in one for one in variables)
    for service in OURS.values():
        assert environment_of(service)["STEPWELL_ACCESS_KEYS"] == ""
        assert environment_of(service, STEPWELL_ACCESS_KEYS="me:x")["STEPWELL_ACCESS_KEYS"] == "me:x"


@pytest.mark.parametrize("given", [{}, {"PUBLISH": "0.0.0.0"}, {"PUBLISH": "::1"}, {"PUBLISH": ""}])
def test_web_is_told_the_address_that_its_port_is_published_at(given: dict[str, str]) -> None:
    (port,) = SERVICES["web"]["ports"]
    address = filled(port["host_ip"], given)
    assert environment_of(SERVICES["web"], **given)["PUBLISH"] == address == (given.get("PUBLISH") or "127.0.0.1")
    assert (port["published"], port["target"]) == ("3000", int(image_environment()["PORT"]))


def mounted(service: dict[str, Any]) -> set[str]:
    return {volume.split(":")[1] for volume in service["volumes"]}


def test_what_is_copied_into_the_image_exists_and_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    for source in (words.split()[0] for words in instructions("COPY")):
        assert (ROOT / source).exists()
        assert f"!{source}" in rules
    assert rules[0] == "*"


@pytest.mark.parametrize("secret", [".env", ".git", ".stepwell", "tests", "Makefile"])
def test_nothing_else_enters_the_image(secret: str) -> None:
    assert f"!{secret}" not in (ROOT / ".dockerignore").read_text().splitlines()
    assert not any(fnmatch(secret, words.split()[0]) for words in instructions("COPY"))


def test_the_image_s_python_is_one_we_support_and_its_user_is_not_root() -> None:
    (version,) = re.findall(r"^FROM python:3\.(\d+)-slim$", DOCKERFILE, re.MULTILINE)
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert int(version) >= int(least.removeprefix(">=3."))
    assert instructions("USER") == ["stepwell"]
    assert DOCKERFILE.index("useradd") < DOCKERFILE.index("USER stepwell") < DOCKERFILE.index("\nCMD")


def test_web_and_worker_wait_for_the_schema() -> None:
    for name in ("web", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["restart"] == "no"


def test_more_workers_can_be_had() -> None:
    assert not {"ports", "container_name", "hostname"}.intersection(SERVICES["worker"])


def test_the_servers_are_this_machine_s_alone_wherever_the_api_is_published() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one and name != "web"}
    assert published == {"postgres": ["127.0.0.1:5432:5432"], "redis": ["127.0.0.1:6379:6379"]}


def test_every_volume_is_declared_and_every_server_says_whether_it_is_well() -> None:
    used = {volume.split(":")[0] for one in SERVICES.values() for volume in one.get("volumes", ())}
    assert used == COMPOSE["volumes"].keys()
    assert all("test" in SERVICES[name]["healthcheck"] for name in ("postgres", "redis"))


# The started processes


@pytest.fixture
def environment(postgres_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PORT": str(free_port()),
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "STEPWELL_HOME": str(tmp_path),
    }


@contextmanager
def started(process: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the Procfile. It is gone at the end, whatever the test does."""
    log = Path(environment["STEPWELL_HOME"]) / f"{process}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(procfile()[process], cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def api(environment: dict[str, str]) -> Callable[..., Any]:
    def ask(path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{environment['PORT']}{path}"
        with urlopen(Request(address, data, {"content-type": "application/json"}), timeout=30) as answer:
            return json.load(answer)

    return ask


def is_up(ask: Callable[..., Any]) -> bool:
    with suppress(URLError, ConnectionError):
        return bool(ask("/ready").items() >= {"database": "ok", "queue": "ok"}.items())
    return False


def ends_on_sigterm(child: subprocess.Popen[bytes]) -> int:
    child.send_signal(signal.SIGTERM)
    return child.wait(60)


def begin(ask: Callable[..., Any], name: str, seconds: float) -> str:
    """Start an execution of a sleeping step. Returns its task's id once it runs."""
    ask("/workflows", {"name": name, "definition": {"steps": [{"taskName": "sleep", "data": {"seconds": seconds}}]}})
    execution = ask(f"/workflows/{name}/execute", {})["executionId"]
    until(lambda: ask(f"/executions/{execution}")["tasks"][0]["status"] != "QUEUED", f"{name} is claimed")
    return str(ask(f"/executions/{execution}")["tasks"][0]["id"])


def test_sigterm_lets_short_work_finish_and_hands_long_work_back(environment: dict[str, str]) -> None:
    subprocess.run(procfile()["release"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    ask = api(environment)
    with started("web", environment) as web, started("worker", environment) as worker:
        until(lambda: is_up(ask), "the web process is ready")
        long, short = begin(ask, "long", 900), begin(ask, "short", 0.5)
        assert ends_on_sigterm(worker) == 0
        handed_back, finished = ask(f"/tasks/{long}"), ask(f"/tasks/{short}")
        assert (handed_back["status"], handed_back["losses"]) == ("QUEUED", 0)
        assert [attempt["outcome"] for attempt in handed_back["attempts"]] == ["RETURNED"]
        assert finished["status"] == "COMPLETED"
        assert ends_on_sigterm(web) == 0


@pytest.mark.parametrize("bind", ["0.0.0.0", "[::]"])
@pytest.mark.parametrize("how", ["BIND", "GUNICORN_CMD_ARGS"])
def test_nobody_listens_for_others_without_keys(environment: dict[str, str], bind: str, how: str) -> None:
    bound = {"BIND": bind} if how == "BIND" else {how: f"--bind {bind}:{environment['PORT']}"}
    ended = subprocess.run(procfile()["web"], cwd=ROOT, env=environment | bound, capture_output=True, timeout=60)
    assert ended.returncode == 1
    said = ended.stderr.decode()
    assert f"does not listen on {bind.strip('[]')} without access keys" in said and "Traceback" not in said
    assert "Set STEPWELL_ACCESS_KEYS=id:secret" in said


def test_with_keys_it_listens_for_others_and_answers_who_has_one(environment: dict[str, str]) -> None:
    environment |= {"BIND": "0.0.0.0", "STEPWELL_ACCESS_KEYS": "me:a-secret-of-sixteen"}
    subprocess.run(procfile()["release"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{environment['PORT']}"

    def is_healthy() -> bool:
        with suppress(URLError, ConnectionError), urlopen(f"{address}/health", timeout=30) as answer:
            return bool(answer.status == 200)
        return False

    with started("web", environment) as web:
        until(is_healthy, "the web process answers")
        with pytest.raises(HTTPError, match="401") as caught:
            urlopen(f"{address}/ready", timeout=30)
        caught.value.close()
        keyed = Request(f"{address}/ready", headers={"authorization": "Bearer me:a-secret-of-sixteen"})
        with urlopen(keyed, timeout=30) as answer:
            assert json.load(answer)["database"] == "ok"
        assert ends_on_sigterm(web) == 0


@pytest.mark.parametrize("process", ["web", "worker"])
def test_without_a_database_nothing_is_kept_in_a_file_that_nobody_named(
    environment: dict[str, str], process: str
) -> None:
    del environment["DATABASE_URL"]
    ended = subprocess.run(procfile()[process], cwd=ROOT, env=environment, capture_output=True, timeout=60)
    said = ended.stderr.decode()
    assert ended.returncode == 1
    assert "Stepwell does not start: DATABASE_URL is not set" in said and "Traceback" not in said
    assert list(Path(environment["STEPWELL_HOME"]).iterdir()) == []


def test_web_needs_keys_where_its_container_is_published(environment: dict[str, str]) -> None:
    published = {"BIND": "0.0.0.0", "PUBLISH": "192.0.2.1"}
    ended = subprocess.run(procfile()["web"], cwd=ROOT, env=environment | published, capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert "does not listen on 192.0.2.1 without access keys" in ended.stderr.decode()


def copied(folder: Path) -> None:
    """Carry out the image's COPY instructions."""
    for source, target in (words.split() for words in instructions("COPY")):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__", "*.md"))
        else:
            shutil.copy(ROOT / source, folder / target)


def test_the_image_s_files_run_the_whole_stack_and_the_readme_s_commands(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """All of the containers' processes, with the files and the environment of the containers, but no container."""
    app, data, mine = (tmp_path / name for name in ("app", "data", "mine"))
    (mine / "steps").mkdir(parents=True)
    (mine / "steps" / "greet.py").write_text(blocks(README, "python")[0])
    app.mkdir()
    copied(app)
    image = {name: value.replace("/data", str(data)) for name, value in image_environment().items()}
    here = {name: environment[name] for name in ("PATH", "PORT", "DATABASE_URL", "REDIS_URL")}
    url = {"STEPWELL_URL": f"http://127.0.0.1:{environment['PORT']}", "FUNCTIONS_PATH": str(mine)}

    def run(name: str, log: Any) -> subprocess.Popen[bytes]:
        given = {**image, **environment_of(SERVICES[name]), **here, **url}
        return subprocess.Popen(SERVICES[name]["command"], cwd=app, env=given, stdout=log, stderr=log)

    client = Emulator(tmp_path, int(environment["PORT"]))
    with (tmp_path / "log").open("wb") as log:
        assert run("migrate", log).wait(60) == 0
        processes = [run("web", log), run("worker", log)]
        try:
            until(client.answers, "the web process answers")
            ended = executions_of(README, client)
        finally:
            for one in processes:
                one.terminate()
            statuses = [one.wait(60) for one in processes]
    assert sorted(one["status"] for one in ended.values()) == [*["COMPLETED"] * 4, "FAILED"]
    assert list((data / "artifacts").glob("*.pdf")) and list((data / "outbox").glob("*.eml"))
    assert statuses == [0, 0]


def test_the_emulator_runs_on_the_servers_of_the_compose_file(environment: dict[str, str], tmp_path: Path) -> None:
    client = Emulator(tmp_path, int(environment["PORT"]))
    command = [sys.executable, "-m", "emulator"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as one:
        try:
            until(client.answers, "the emulator answers")
            assert client.get("/ready").items() >= {"database": "ok", "queue": "ok"}.items()
            client.run("curl http://localhost:3000/tasks/sample-flow")
            assert client.ended(client.started[-1])["status"] == "COMPLETED"
            assert ends_on_sigterm(one) == 0
        finally:
            one.kill()
    assert not (tmp_path / "stepwell.db").exists()


MALFORMED = {
    "no request line": (b"NONSENSE\r\n\r\n", 400, "InvalidRequest"),
    "a length that is no number": (b"GET /health HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "InvalidRequest"),
    "a line that is too long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "InvalidRequest"),
    "headers that are too large": (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431, "InvalidRequest"),
}


def test_what_gunicorn_itself_refuses_is_refused_in_our_form(environment: dict[str, str]) -> None:
    subprocess.run(procfile()["release"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    ask = api(environment)
    with started("web", environment) as web:
        until(lambda: is_up(ask), "the web process is ready")
        answers = {name: answer_to(sent, environment) for name, (sent, _, _) in MALFORMED.items()}
        assert ends_on_sigterm(web) == 0
    assert answers == {name: (status, "application/json", code) for name, (_, status, code) in MALFORMED.items()}
    assert "HTML" not in (Path(environment["STEPWELL_HOME"]) / "web.log").read_text()


def answer_to(sent: bytes, environment: dict[str, str]) -> tuple[int, str, str]:
    """Send these bytes. Returns the answer's status, media type and error code."""
    with closing(socket.create_connection(("127.0.0.1", int(environment["PORT"])), timeout=30)) as client:
        client.sendall(sent)
        with client.makefile("rb") as file:
            head, _, body = file.read().decode().partition("\r\n\r\n")
    (media_type,) = re.findall(r"^Content-Type: (.*)\r?$", head, re.MULTILINE)
    return int(head.split()[1]), media_type.strip(), json.loads(body)["error"]["code"]
