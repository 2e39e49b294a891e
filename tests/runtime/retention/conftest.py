from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.retention.aged import Aged
from tests.runtime.stage import staged


@pytest.fixture
def aged(database_url: str, tmp_path: Path) -> Iterator[Aged]:
    with staged(database_url, tmp_path / "home") as stage:
        yield Aged(stage, tmp_path / "home")
