"""The artifact store serves any file inside it, under any name, and no file outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adversary.web import Ask, Web, breaches, split_headers, web_on

SECRET = b"a secret"
NAMES = ("a.txt", "résumé.pdf", "a b.txt", "a\r\nX-Injected: yes.txt", "<b>.html", 'a"b;c.svg', "💩", "\u202etxt.exe")
WAYS_OUT = (
    *("../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt", "..%5csecret.txt"),
    *("%252e%252e%252fsecret.txt", "..%c0%afsecret.txt", "%c0%ae%c0%ae/secret.txt", "..%00/secret.txt"),
    *("in/../../secret.txt", "in/%2e%2e/%2e%2e/secret.txt", "./../secret.txt", "....//secret.txt", "..;/secret.txt"),
    *(
        "%2e%2e%5csecret.txt",
        ".%2e/secret.txt",
        "in/..%2f..%2fsecret.txt",
        "..%u2215secret.txt",
        "%EF%BC%8E%EF%BC%8E/secret.txt",
    ),
    *(
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "//etc/passwd",
        "%2f%2fetc%2fpasswd",
        "file:%2f%2f%2fetc%2fpasswd",
        "C:%5csecret.txt",
    ),
    *("link.txt", "loop", "out/secret.txt", "dead", "in", "in/", "", ".", "%2e", "secret.txt%00.pdf", "kept.txt/x"),
    *(
        "kept.txt/",
        "kept.txt%00",
        "kept.txt%20",
        "kept.txt.",
        "KEPT.TXT",
        "pipe",
        "x" * 300,
        "x/" * 500,
        "~/secret.txt",
    ),
)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web process with a store beside a secret file. The store has links and a pipe in it."""
    home: Path = tmp_path_factory.mktemp("artifacts")
    store = home / "artifacts"
    (store / "in").mkdir(parents=True)
    (home / "secret.txt").write_bytes(SECRET)
    (store / "link.txt").symlink_to(home / "secret.txt")
    (store / "out").symlink_to(home)
    (store / "loop").symlink_to(store / "loop")
    (store / "dead").symlink_to(store / "none")
    (store / "within.txt").symlink_to(store / "kept.txt")
    os.mkfifo(store / "pipe")
    with web_on(f"sqlite:///{home / 'stepwell.db'}", home) as made:
        yield made


@pytest.mark.parametrize("key", WAYS_OUT)
def test_nothing_leads_out_of_the_store(web: Web, key: str) -> None:
    ask = Ask("GET", f"/artifacts/{key}")
    assert not list(breaches(web, key, ask, (400, 404)))
    assert SECRET not in web.ask(ask).body


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_given_out_and_runs_nothing(web: Web, name: str) -> None:
    (web.runtime.settings.artifacts_dir / "in" / name).write_bytes(SECRET)
    answer = web.ask(Ask("GET", f"/artifacts/in/{_encoded(name)}"))
    assert (answer.status, answer.body) == (200, SECRET)
    assert not list(split_headers(answer))
    assert (answer.header("content-disposition") or "").isascii()
    assert answer.header("x-content-type-options") == "nosniff"
    if name.endswith((".html", ".svg")):
        assert (answer.header("content-disposition") or "").startswith("attachment")


def test_a_link_inside_the_store_is_followed(web: Web) -> None:
    assert web.ask(Ask("GET", "/artifacts/within.txt")).body == b"kept"


def _encoded(name: str) -> str:
    return "".join(f"%{byte:02x}" for byte in name.encode())
