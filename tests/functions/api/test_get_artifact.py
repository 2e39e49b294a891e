from __future__ import annotations

import base64

import pytest

from stepwell.functions.api import get_artifact
from stepwell.functions.errors import NotFound
from tests.functions.api.fakes import FakeApi, FakeContext, event


def fetch(key, content, media_type):
    response = get_artifact.handler(
        event(path={"key": key}), FakeContext(artifacts=FakeApi(read=(content, media_type)))
    )
    assert response["statusCode"] in get_artifact.ANSWERS
    assert response["headers"]["x-content-type-options"] == "nosniff"
    return response


def test_the_bytes_as_they_are():
    response = fetch("invoices/1.pdf", b"%PDF\x00\xff", "application/pdf")
    assert response["isBase64Encoded"] is True
    assert base64.b64decode(response["body"]) == b"%PDF\x00\xff"
    assert response["headers"]["content-type"] == "application/pdf"


@pytest.mark.parametrize(
    ("media_type", "place"),
    [
        ("application/pdf", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("image/png", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
def test_only_what_runs_no_script_is_shown_in_place(media_type, place):
    disposition = fetch("a/b.bin", b"", media_type)["headers"]["content-disposition"]
    assert disposition == f"{place}; filename*=UTF-8''b.bin"


def test_all_but_a_pdf_is_sandboxed():
    assert "sandbox" in fetch("a", b"", "text/html")["headers"]["content-security-policy"]
    assert "content-security-policy" not in fetch("a", b"", "application/pdf")["headers"]


def test_a_name_cannot_break_out_of_the_header():
    disposition = fetch('x/ü";\r\nX: y.txt', b"", "text/plain")["headers"]["content-disposition"]
    assert disposition == "inline; filename*=UTF-8''%C3%BC%22%3B%0D%0AX%3A%20y.txt"


@pytest.mark.parametrize("key", ["/etc/passwd", "a/../b", "..", "a//b", "a/", "./a"])
def test_a_key_that_climbs_is_never_looked_for(key):
    artifacts = FakeApi(read=(b"", "text/plain"))
    with pytest.raises(NotFound):
        get_artifact.handler(event(path={"key": key}), FakeContext(artifacts=artifacts))
    assert artifacts.calls == []
