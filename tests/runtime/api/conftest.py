"""What an API handler is handed."""

from __future__ import annotations

import pytest

from stepwell.functions.contract.rest import ApiContext
from tests.runtime.stage import Stage


@pytest.fixture
def api(house: Stage) -> ApiContext:
    return house.runtime.api_context("request")
