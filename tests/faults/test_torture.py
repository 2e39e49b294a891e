"""A short torture run: every kind of fault within a minute. ``make torture`` is the long run."""

from __future__ import annotations

from pathlib import Path

from tests.torture import table
from tests.torture.__main__ import complaint
from tests.torture.run import torture
from tests.torture.stack import Options


def test_a_short_run_loses_nothing(tmp_path: Path) -> None:
    report = torture(Options(minutes=0.75, rate=4, calm=1.5), tmp_path, forked=True)
    print(table.text(report))
    assert table.is_kept(report) and table.is_quick(report), "\n".join(complaint(report, tmp_path))
    assert {story.execution_id for story in report.client.stories} != {None}
