"""``python -m tests.torture --minutes 3 --seed 1``: exit code 0 if nothing was lost, 1 if a promise was broken."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from tests.torture import neighbours, table
from tests.torture.run import Report, torture
from tests.torture.stack import Options

MOST_SHOWN = 20


def main() -> int:
    given = _arguments()
    options = Options(**{field.name: getattr(given, field.name) for field in fields(Options)})
    place = Path(tempfile.mkdtemp(prefix="stepwell-torture-"))
    print(f"torture: {options}, logs in {place}", flush=True)
    if given.hostile:
        found = neighbours.run(options, place, given.hostile.split(","))
        print(neighbours.text(found))
        return 0 if found.is_kept else 1
    report = torture(options, place)
    is_kept = table.is_kept(report) and table.is_quick(report)
    print(table.text(report))
    if not is_kept:
        print("\n".join(complaint(report, place)))
    if is_kept and not given.keep:
        shutil.rmtree(place)
    return 0 if is_kept else 1


def complaint(report: Report, place: Path) -> Iterator[str]:
    """The lines that report all faults of a run, with the places to look."""
    yield f"\nBROKEN with seed {report.options.seed}; logs and faults.log are in {place}\n"
    yield from (f"{one.kind}: {one.execution_id}: {one.what}" for one in report.breaches[:MOST_SHOWN])
    yield from report.watcher.changes[:MOST_SHOWN]
    yield from report.client.faults[:MOST_SHOWN]
    yield from report.faults.problems[:MOST_SHOWN]
    yield (place / "histories").read_text()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    for field in fields(Options):
        kind = int if field.name == "seed" else float
        parser.add_argument(f"--{field.name}", type=kind, default=field.default, help=f"{field.default} unless told")
    parser.add_argument(
        "--hostile",
        nargs="?",
        const=",".join(neighbours.KINDS),
        help="measure healthy executions beside hostile neighbours instead: all kinds, or these, with commas between",
    )
    parser.add_argument("--keep", action="store_true", help="keep the logs although nothing is wrong")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
