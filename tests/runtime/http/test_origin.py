from __future__ import annotations

import io

import pytest

from stepwell.functions.errors import CrossSite, UnknownHost
from stepwell.runtime.http.origin import Origins
from stepwell.runtime.http.request import Request, host_of, joined

HOME = "http://web:3000"


def check(method="GET", url=HOME, hosts=(), changes=False, **headers):
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    Origins(url, hosts).check(Request(method, "/", joined(named), io.BytesIO()), changes)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:3000", "localhost.", "app.localhost:3000"),
        *("127.0.0.1", "127.0.0.1:3000", "127.9.9.9", "[::1]:3000", "[::1]"),
        *("192.168.1.7:3000", "[fe80::1]", "10.1.2.3"),
        *("web:3000", "web", "WEB", ""),
    ],
)
def test_it_answers_to_what_it_is_called_and_to_any_address(host):
    check(host=host)


def test_a_client_may_name_no_host():
    check()


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:3000", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example"),
        *("127.1", "0x7f000001", "[evil.example]", "user@localhost", "localhost,evil.example", "localhost/x", ":::::"),
        *("web.evil.example", "*", "a." * 4000, "\xe9vil.example"),
    ],
)
def test_it_answers_to_no_other_name(host):
    with pytest.raises(UnknownHost) as refusal:
        check(host=host)
    assert len(refusal.value.message) < 120 and "STEPWELL_HOSTS" in refusal.value.hint


def test_it_may_be_called_more_or_anything():
    check(hosts=("well.example", "other.example"), host="well.example:443")
    check(hosts=("*",), host="evil.example")
    with pytest.raises(UnknownHost):
        check(hosts=("well.example",), host="sub.well.example")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "nonsense", "same-origin,cross-site"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "BREW"])
def test_a_page_that_is_not_its_own_changes_nothing(method, site):
    with pytest.raises(CrossSite):
        check(method, host="localhost", sec_fetch_site=site)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://localhost:5173", "http://localhost", "localhost:3000"]
)
def test_a_page_whose_origin_is_another_changes_nothing_whatever_else_it_says(origin):
    with pytest.raises(CrossSite):
        check("POST", host="localhost:3000", origin=origin, sec_fetch_site="same-origin")


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_its_own_pages_may_change_something(site):
    check("POST", host="localhost:3000", sec_fetch_site=site, origin="http://localhost:3000")
    check("POST", host="Well.example", hosts=("well.example",), origin="https://well.example")


def test_who_is_no_browser_may_change_something():
    check("POST", host="localhost")


def test_a_page_of_another_site_may_look():
    for method in ("GET", "HEAD", "OPTIONS"):
        check(method, host="localhost", sec_fetch_site="cross-site", origin="https://evil.example")


OTHERS = (
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"origin": "https://evil.example"},
    {"referer": "https://evil.example/page?x#y"},
    {"referer": "https://evil.example"},
    {"referer": "https://[evil"},
    {"referer": "http://localhost:3000@evil.example/"},
)


@pytest.mark.parametrize("headers", OTHERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_of_another_site_may_not_send_a_get_that_changes_something(method, headers):
    with pytest.raises(CrossSite):
        check(method, changes=True, host="localhost:3000", **headers)
    check(method, host="localhost:3000", **headers)


@pytest.mark.parametrize("headers", [{}, {"sec_fetch_site": "none"}, {"referer": "http://localhost:3000/queues?x"}])
def test_anybody_else_may_send_one(headers):
    check(changes=True, host="localhost:3000", **headers)


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("Api.Local.:80", "api.local"),
        ("[::1]:3000", "::1"),
        ("a", "a"),
        ("a:", "a"),
        ("a:b", ""),
        ("::1", ""),
        ("", ""),
    ],
)
def test_a_host_is_read_without_its_port(authority, name):
    assert host_of(authority) == name
