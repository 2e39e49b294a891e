"""The context of an API handler."""

from __future__ import annotations

import pytest

from stepwell.functions.contract.rest import ApiContext
from tests.runtime.stage import Stage


@pytest.fixture
def api(stage: Stage) -> ApiContext:
    return stage.runtime.api_context("request")
