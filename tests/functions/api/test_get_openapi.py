from __future__ import annotations

from stepwell.functions.api import get_openapi
from tests.functions.api.fakes import FakeApi, FakeContext, answer, event


def test_shows_the_document():
    document = {"openapi": "3.1.0", "info": {}, "paths": {}, "components": {}}
    assert answer(get_openapi, event(), FakeContext(functions=FakeApi(openapi=document))) == document
