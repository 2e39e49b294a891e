from __future__ import annotations

from contextlib import nullcontext

import pytest

from stepwell.runtime.http.access_keys import check_address

KEYS = {"id": "secret"}
REFUSED = pytest.raises(ValueError, match=r"does not listen on .* without access keys")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]", "/run/stepwell.sock"])
def test_this_machine_needs_no_keys(host: str):
    check_address(host, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.0.0.7", "stepwell.example", "localhost.example"])
@pytest.mark.parametrize(("keys", "answer"), [(KEYS, nullcontext()), ({}, REFUSED)])
def test_other_machines_need_keys(host: str, keys: dict[str, str], answer: nullcontext[None]):
    with answer:
        check_address(host, keys)
