"""A page of another site changes nothing, with any method."""

from __future__ import annotations

import pytest

from tests.adversary.web import Web

CHANGING = ("/tasks/sample-flow", "/tasks/sample-failing-flow")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", CHANGING)
def test_a_link_or_an_image_on_another_site_starts_nothing(web: Web, target: str, method: str) -> None:
    before = web.counts()
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"referer": "http://evil/"}):
        assert web.send(method, target, None, host="localhost:3000", **headers).status == 403
    assert web.counts() == before
    assert web.send("GET", target, None, host="localhost:3000", **{"sec-fetch-site": "none"}).status == 200


def test_these_are_all_the_gets_of_ours_that_change_something(web: Web) -> None:
    changing = [route.path for route, one in web.catalog.routes.items() if one.builtin and one.changes]
    assert sorted(changing) == sorted(CHANGING)
