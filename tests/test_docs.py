"""The documentation is true: its examples run, its tables are complete, its links have targets."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from stepwell.functions import errors
from stepwell.runtime.catalog.catalog import Catalog
from stepwell.runtime.engine.definition import rules, validate
from stepwell.runtime.engine.language import intrinsics
from stepwell.runtime.settings import READERS, Limits, Settings
from tests.services import free_port, until

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
CATALOG = Catalog.load(())


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)


def rows(path: Path) -> dict[str, str]:
    """First and second cell of each table row that begins with code."""
    return dict(re.findall(r"^\| `([^`]+)` \| (.*?) \|", path.read_text(), re.MULTILINE))


def prose(path: Path) -> str:
    """A page without its code."""
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


# The examples


@dataclass
class Emulator:
    """A running emulator, and a client that understands curl commands."""

    home: Path
    port: int = field(default_factory=free_port)
    started: list[str] = field(default_factory=list)

    def run(self, command: str) -> tuple[int, Any]:
        """Run a page's curl command. Returns status and body. ``<uuid>`` stands for the last started execution."""
        request = curl(command.replace("<uuid>", self.started[-1] if self.started else "<uuid>"))
        request.full_url = request.full_url.replace("localhost:3000", f"127.0.0.1:{self.port}")
        with urlopen(request, timeout=60) as answer:
            status, body = answer.status, json.load(answer)
        if set(body) == {"executionId", "status"}:
            self.started.append(body["executionId"])
        return status, body

    def get(self, path: str) -> Any:
        return self.run(f"curl http://localhost:3000{path}")[1]

    def ended(self, execution: str) -> dict[str, Any]:
        until(lambda: self.get(f"/executions/{execution}")["status"] != "IN_PROGRESS", f"{execution} ends")
        return dict(self.get(f"/executions/{execution}"))

    def answers(self) -> bool:
        try:
            return bool(self.get("/health"))
        except (URLError, ConnectionError):
            return False


def curl(command: str) -> Request:
    """The request of a curl command. An unknown option fails the test."""
    parser = argparse.ArgumentParser("curl")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("url")
    given = parser.parse_args(shlex.split(command)[1:])
    headers = dict(header.split(": ", 1) for header in given.headers)
    return Request(given.url, given.data and given.data.encode(), headers, method=given.method)


def commands(path: Path) -> list[str]:
    return re.findall(r"^curl .*$", "\n".join(blocks(path, "sh")), re.MULTILINE)


def expected_status(command: str) -> int:
    """201 for a command that stores or starts something; 200 for one that reads, or that runs at once."""
    return 201 if "-X POST" in command and not re.search(r"/invoke\b", command) else 200


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator with the README's example step, started as the README says."""
    folder = tmp_path_factory.mktemp("readme")
    greet = folder / "mine" / "steps" / "greet.py"
    greet.parent.mkdir(parents=True)
    greet.write_text(blocks(README, "python")[0])
    stage = Emulator(folder / "home")
    settings = {"PORT": str(stage.port), "STEPWELL_HOME": str(stage.home), "FUNCTIONS_PATH": str(folder / "mine")}
    environment = {"PATH": os.environ["PATH"], **settings}
    command = [sys.executable, "-m", "emulator"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            until(stage.answers, "the emulator answers")
            yield stage
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def executions_of(page: Path, emulator: Emulator) -> dict[str, dict[str, Any]]:
    """Run a page's commands. Returns each started execution, after its end, by its command."""
    started: dict[str, str] = {}
    for command in commands(page):
        before = len(emulator.started)
        assert emulator.run(command)[0] == expected_status(command), command
        if len(emulator.started) > before:
            started[command] = emulator.started[-1]
    return {command: emulator.ended(execution) for command, execution in started.items()}


def test_the_readme_s_examples_do_what_it_says(emulator: Emulator) -> None:
    ended = executions_of(README, emulator)
    fails = next(command for command in ended if "failing" in command)
    assert ended.pop(fails)["error"] == "AlwaysFails"
    assert [one["status"] for one in ended.values()] == ["COMPLETED"] * 4
    (output,) = re.findall(r"`output` is now `(.*?)`", README.read_text())
    hello = next(one for one in ended.values() if one["workflow"] == "hello")
    assert hello["output"] == json.loads(output)
    assert emulator.get(f"/tasks/{hello['tasks'][0]['id']}")["attempts"][0]["logs"] == "greeting Ada\n"
    assert list((emulator.home / "artifacts").glob("*.pdf"))
    assert list((emulator.home / "outbox").glob("*.eml"))


@pytest.mark.parametrize(
    "page", [path for path in PAGES if path != README and commands(path)], ids=lambda one: one.name
)
def test_the_examples_of_the_other_pages_are_answered(page: Path, emulator: Emulator) -> None:
    for command in commands(page):
        assert emulator.run(command)[0] == expected_status(command), command


def test_the_readme_has_the_examples_that_people_know() -> None:
    known = [
        'curl -X POST http://localhost:3000/workflows -H "Content-Type: application/json" -d \''
        '{"name":"hello_world","definition":{"steps":[{"taskName":"step1","data":{}}]}}' + "'",
        "curl -X POST http://localhost:3000/workflows/hello_world/execute",
        "curl http://localhost:3000/executions/<uuid>",
        "curl -X POST http://localhost:3000/workflows/invoice_pdf/execute",
        "curl http://localhost:3000/tasks/sample-flow",
        "curl http://localhost:3000/tasks/sample-failing-flow",
    ]
    assert commands(README)[: len(known)] == known


@pytest.mark.parametrize("text", blocks(DOCS / "workflows.md", "json"))
def test_every_definition_shown_can_be_stored(text: str) -> None:
    definition = json.loads(text)
    check = validate.flow if "children" in definition else validate.workflow
    assert check(definition, CATALOG.steps) == []


# The tables


def test_every_setting_is_documented_with_its_default() -> None:
    shown = {name: default for name, default in rows(DOCS / "configuration.md").items() if name.isupper()}
    ours = {name: default_of(attribute) for name, (attribute, _) in READERS.items()}
    gunicorn = (ROOT / "gunicorn.conf.py").read_text()
    its = dict(re.findall(r"environ\.get\([\"'](\w+)[\"'](?:, [\"'](.*?)[\"'])?\)", gunicorn))
    assert shown == {**{name: f"`{value}`" if value else "none" for name, value in its.items()}, **ours}


def default_of(attribute: str) -> str:
    value = getattr(Settings(), attribute)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if value else "none"


def test_every_limit_is_documented() -> None:
    shown = {name: int(value.split()[0]) for name, value in rows(DOCS / "configuration.md").items() if name.islower()}
    assert shown == {one.name: one.default for one in fields(Limits)}


def test_every_route_is_documented_and_no_other() -> None:
    shown = {name for name in rows(DOCS / "api.md") if " /" in name}
    assert shown == {route.key for route, one in CATALOG.routes.items() if one.kind != "lambda"}


def test_every_error_is_documented_with_its_status() -> None:
    shown = set(re.findall(r"^\| (\d+) \| `(\w+)` \|", (DOCS / "api.md").read_text(), re.MULTILINE))
    ours = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.StepwellError)]
    assert shown == {(str(one.status), one.code) for one in ours}


def test_the_states_fields_and_functions_that_run_are_documented() -> None:
    text = (DOCS / "workflows.md").read_text()
    assert rules.JSONPATH_STATES.keys() == rules.JSONATA_STATES.keys() <= rows(DOCS / "workflows.md").keys()
    assert set(re.findall(r"`(States\.\w+)`", text)) == intrinsics.FUNCTIONS.keys()
    fields = {field for tables in rules.STATES.values() for table in tables.values() for field in table}
    assert [field for field in sorted(fields) if f"`{field}`" not in text and f'"{field}"' not in text] == []


def test_every_word_of_the_glossary_is_used() -> None:
    words = re.findall(r"^\| ([a-z ]+) \| (?!is \|)", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    used = "\n".join(page.read_text().lower() for page in PAGES if page != DOCS / "glossary.md")
    assert len(words) > 20
    assert [word for word in words if not re.search(rf"\b{word}", used)] == []


def test_every_file_that_a_room_s_readme_names_is_there() -> None:
    for page in ROOT.glob("*/README.md"):
        first_cells = re.findall(r"^\|((?: `\w+\.py`)+) \|", page.read_text(), re.MULTILINE)
        for name in re.findall(r"\w+\.py", " ".join(first_cells)):
            assert (page.parent / name).is_file(), f"{page} names {name}"


# The links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The link anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_of_the_documentation_is_linked_from_the_readme_and_says_what_it_is_good_for() -> None:
    for page in DOCS.glob("*.md"):
        assert f"(docs/{page.name})" in README.read_text()
        assert re.match(r"# .*\n\nAfter reading this you ", page.read_text()), page.name
