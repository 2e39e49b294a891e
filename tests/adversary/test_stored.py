"""Hostile text in stored values: the API returns it unchanged, and every page shows it as plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.adversary.web import STEP, WAITS_FOR_TOKEN, Answer, Ask, Web, web_on

Json = Any

HTML = {"accept": "text/html"}
HOSTILE: Mapping[str, str] = {
    "a script": "<script>alert(1)</script>",
    "an image": '"><img src=x onerror=alert(1)>',
    "an attribute": "' onmouseover='alert(1)' x='",
    "an end of everything": "</pre></code></script></style></title></textarea>--><svg onload=alert(1)>",
    "a comment": "<!-- --!> <![CDATA[ <?php ?>",
    "a template": "{{ 7*7 }} {% raw %} ${7*7} #{7*7} <%= 7*7 %>",
    "an entity": "&lt;b&gt; &#60;b&#62; &amp;lt;",
    "a link": "javascript:alert(document.domain)//",
    "SQL": "'; DROP TABLE workflow; -- \" OR ''=''",
    "a LIKE": "%_\\%",
    "a shell": "$(touch x) `id` | sh; && \\\n",
    "bidi": "user\u202egpj.exe\u202c \u2066x\u2069",
    "right to left": "שלום עולם مرحبا",
    "emoji": "👩\u200d👩\u200d👧 🏴\U000e0067\U000e007f 💩",
    "combined": "Z̸̡̛͔͓̩̮a̵̲̓l̶͉̈́g̵͎̈ó",
    "controls": "\x01\x02\x1b[31mred\x07\x7f\x85\u2028\u2029",
    "line breaks": "a\r\nX-Injected: yes\r\n\r\n<b>",
    "a byte order mark": "\ufeff\ufffe\uffff",
    "a long word": "x" * 20_000,
    "long words of others": "ﷺ" * 5_000,
    "white space": " \t\n ",
}
# The page parses causes in Lambda's error form. An attacker may write that form too.
CAUSES: Mapping[str, str] = {
    "of other types": json.dumps({"errorType": [1], "errorMessage": {"a": None}, "stackTrace": [1, None, {}]}),
    "with a trace that is none": json.dumps({"errorType": "E", "errorMessage": "m", "stackTrace": 7}),
    "with hostile members": json.dumps({"errorType": "E", "errorMessage": "m", HOSTILE["an image"]: HOSTILE["a link"]}),
    "with a deep trace": '{"errorType":"E","errorMessage":"m","stackTrace":[' + "[" * 800 + "]" * 800 + "]}",
    "with a deep member": '{"errorType":"E","errorMessage":"m","x":' + "[" * 800 + "]" * 800 + "}",
    "with a deep message": '{"errorType":"E","errorMessage":' + '{"a":' * 800 + "1" + "}" * 800 + "}",
    "deeper than Python reads": '{"errorType":"E","errorMessage":' + "[" * 10_000 + "]" * 10_000 + "}",
    "with numbers that are none": '{"errorType":NaN,"errorMessage":1e999,"x":-Infinity}',
    "with a long number": '{"errorType":"E","errorMessage":' + "9" * 5_000 + "}",
    "with half a pair": '{"errorType":"\\ud800","errorMessage":"\\udfff","stackTrace":["\\ud800"]}',
    "with NUL": '{"errorType":"\\u0000","errorMessage":"\\u0000"}',
}
VOID = {"meta", "link", "input", "path", "img", "br", "hr"}


class Page(HTMLParser):
    """A page, parsed as in a browser: its elements with their attributes, and its text."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(answer.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def skeleton(self) -> set[tuple[str, tuple[str, ...]]]:
        """The set of elements, each with the names of its attributes."""
        return {(tag, tuple(sorted(attributes))) for tag, attributes in self.elements}

    def faults(self) -> Iterator[str]:
        for tag, attributes in self.elements:
            if tag in ("img", "iframe", "object", "embed", "base") or any(name.startswith("on") for name in attributes):
                yield f"<{tag} {attributes}>"
            for name in ("href", "src", "action"):
                if not re.match(r"/|#|data:image/svg|$", attributes.get(name) or ""):
                    yield f"{name} leads to {attributes[name]}"
        if sum(tag == "script" for tag, _ in self.elements) > 1:
            yield "a script that is not ours"
        if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", self.text):
            yield "a character that nobody sees"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    home: Path = tmp_path_factory.mktemp("stored")
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{home / 'stepwell.db'}" if sqlite else request.getfixturevalue("postgres_for_a_file")
    with web_on(url, home) as made:
        yield made


def page(web: Web, *segments: str, query: str = "") -> Page:
    answer = web.send("GET", "/" + "/".join(quote(one, safe="") for one in segments) + query, **HTML)
    assert answer.status in (200, 400, 404)
    assert "script-src 'sha256-" in (answer.header("content-security-policy") or "")
    made = Page(answer)
    assert not list(made.faults())
    return made


def pages_of(web: Web, execution: Json) -> list[Page]:
    """Loads every page about an execution; each must load."""
    return [
        page(web, "queues", "executions", execution["executionId"]),
        page(web, "queues", "workflows", execution["workflow"]),
        page(web, "queues", query=f"?workflow={quote(execution['workflow'], safe='')}"),
    ]


def execution_of(web: Web, begun: Answer) -> Json:
    return web.send("GET", begun.header("location") or "").json


def a_waiting_task(web: Web) -> tuple[str, str]:
    """Starts an execution with a task that waits for an answer to its token; returns its id and the token."""
    web.send("POST", "/workflows", {"name": "asks", "definition": WAITS_FOR_TOKEN})
    execution = execution_of(web, web.send("POST", "/workflows/asks/execute"))
    web.runtime.worker()[0].run(execution["tasks"][0]["id"])
    return execution["executionId"], execution["tasks"][0]["input"]["token"]


@pytest.mark.parametrize("what", HOSTILE)
def test_values_come_back_as_they_came_and_are_text_on_a_page(web: Web, what: str) -> None:
    text = HOSTILE[what]
    data = {text: [text, {"<b>": text}]}
    web.send("POST", "/workflows", {"name": "hostile", "definition": {"steps": [{"taskName": STEP, "data": data}]}})
    begun = web.send("POST", "/workflows/hostile/execute", {"input": data})
    execution = execution_of(web, begun)
    assert execution["input"] == execution["tasks"][0]["data"] == data
    assert web.send("GET", f"/tasks/{execution['tasks'][0]['id']}").json["data"] == data
    assert web.send("GET", "/workflows/hostile").json["definition"]["steps"][0]["data"] == data
    pages_of(web, execution)


@pytest.mark.parametrize("what", HOSTILE)
def test_state_names_come_back_as_they_came_and_are_text_on_a_page(web: Web, what: str) -> None:
    name = HOSTILE[what][:80]
    states = {name: {"Type": "Fail", "Error": HOSTILE[what][:256], "Cause": HOSTILE[what], "Comment": HOSTILE[what]}}
    web.send("POST", "/workflows", {"name": "hostile", "definition": {"StartAt": name, "States": states}})
    execution = execution_of(web, web.send("POST", "/workflows/hostile/execute"))
    assert (execution["status"], execution["error"]) == ("FAILED", HOSTILE[what][:256])
    assert execution["cause"] == HOSTILE[what]
    history = web.send("GET", f"/executions/{execution['executionId']}/history").json["events"]
    assert history[1]["step"] == name
    pages_of(web, execution)


@pytest.mark.parametrize("what", HOSTILE)
def test_errors_and_outputs_come_back_as_they_came_and_are_text_on_a_page(web: Web, what: str) -> None:
    text = HOSTILE[what]
    for verb, body in (("failure", {"error": text[:256], "cause": text}), ("success", {"output": {text: text}})):
        identity, token = a_waiting_task(web)
        assert web.send("POST", f"/tasks/{token}/{verb}", body).status == 204
        execution = web.send("GET", f"/executions/{identity}").json
        if verb == "failure":
            assert (execution["error"], execution["cause"]) == (text[:256], text)
        else:
            assert execution["output"] == {text: text}
        pages_of(web, execution)


@pytest.mark.parametrize("what", CAUSES)
def test_a_page_shows_any_cause(web: Web, what: str) -> None:
    identity, token = a_waiting_task(web)
    assert web.send("POST", f"/tasks/{token}/failure", {"error": "E", "cause": CAUSES[what]}).status == 204
    execution = web.send("GET", f"/executions/{identity}").json
    assert execution["cause"] == CAUSES[what]
    pages_of(web, execution)


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_asked_for_is_text_on_a_page_of_refusal(web: Web, what: str) -> None:
    text = HOSTILE[what][:500]
    page(web, "queues", "workflows", text)
    page(web, "queues", "executions", text)
    for name in ("workflow", "status", "tasks", "cursor", "nobody_knows_this"):
        page(web, "queues", query=f"?{name}={quote(text, safe='')}")


def test_a_page_of_hostile_values_is_built_of_what_a_page_of_good_ones_is_built_of(web: Web) -> None:
    def shown(text: str) -> list[Page]:
        definition = {"steps": [{"taskName": STEP, "data": {"a": text}}]}
        web.send("POST", "/workflows", {"name": "alike", "definition": definition})
        return pages_of(web, execution_of(web, web.send("POST", "/workflows/alike/execute", {"input": text})))[:2]

    good = [one.skeleton for one in shown("good")]
    for what in ("a script", "an image", "an attribute", "an end of everything", "a comment"):
        assert [one.skeleton for one in shown(HOSTILE[what])] == good


@pytest.mark.parametrize("host", ["evil.example", "a'b", "<b>", "$(id)", "a b", "x" * 500, "[::1]:3000", ""])
def test_a_host_is_refused_or_stands_on_a_page_as_a_plain_host(web: Web, host: str) -> None:
    answer = web.ask(Ask("GET", "/queues/workflows/kept", {**HTML, "host": host}))
    assert answer.status == 200 or 400 <= answer.status < 500
    made = Page(answer)
    assert not list(made.faults())
    for command in re.findall(r"curl -X POST '(.*?)'", made.text):
        assert re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+/workflows/kept/execute", command)
