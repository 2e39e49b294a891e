from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.conftest import emptied_postgres, empty_url, migrated_postgres, stage
from tests.runtime.stage import Stage
from tests.wire.client import Wire, served

__all__ = ["emptied_postgres", "empty_url", "migrated_postgres", "stage"]


@pytest.fixture
def wire(stage: Stage, tmp_path: Path) -> Iterator[Wire]:
    """boto3 against the runtime, on each kind of database in turn. Each answer is checked against AWS's model."""
    with served(stage) as wire:
        yield wire
