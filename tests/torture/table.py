"""The table at the end of a run: its work, its findings, and the requirements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.torture import checks
from tests.torture.run import Report

Row = tuple[str, str, str]


def rows(report: Report) -> Iterator[Row]:
    """The rows: name, figure, and its requirement, if it has one."""
    statuses = Counter(record.status for record in report.records)
    acknowledged = [story for story in report.client.stories if story.execution_id]
    ends = "as expected" if not report.count(checks.WRONG) else "see wrong"
    yield "starts", str(len(report.client.stories)), ""
    yield "acknowledged", str(len(acknowledged)), ""
    yield "completed", str(statuses["COMPLETED"]), ends
    yield "failed", str(statuses["FAILED"] + statuses["TIMED_OUT"]), ends
    yield "cancelled", str(statuses["CANCELLED"]), ends
    yield from _required(report)
    yield "duplicate side effects", str(report.duplicates), ""
    yield from _losses(report)
    yield from _faults(report)


def is_kept(report: Report) -> bool:
    """True if no promise was broken. The recovery time is judged apart, as it also depends on the machine."""
    return all(figure == "0" for _, figure, required in _required(report) if required == "0")


def is_quick(report: Report) -> bool:
    """True if no standstill was longer than allowed."""
    return report.standstill is None or report.standstill.seconds <= report.recovery_limit


def text(report: Report) -> str:
    """The table as Markdown; it reads well on a terminal, too."""
    found = [("", "figure", "required"), *rows(report)]
    widths = [max(len(row[column]) for row in found) for column in range(3)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in found
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _required(report: Report) -> Iterator[Row]:
    for kind in (checks.STUCK, checks.LOST, checks.WRONG, checks.RECORDED_TWICE, checks.RAN_AGAIN):
        yield kind, str(report.count(kind)), "0"
    yield "terminal changes", str(len(report.watcher.changes)), "0"
    yield "answers no client should see", str(len(report.client.faults)), "0"
    yield "processes that ended by themselves", str(len(report.faults.problems)), "0"
    seconds = report.standstill.seconds if report.standstill else 0
    yield "longest recovery", f"{seconds:.1f} s", f"{report.recovery_limit:g} s at most"


def _losses(report: Report) -> Iterator[Row]:
    tasks = [task for record in report.records for task in record.tasks]
    outcomes = Counter(one.outcome for task in tasks for one in task.attempts)
    yield "tasks run", str(sum(task.status in ("COMPLETED", "FAILED") for task in tasks)), ""
    yield "task tokens answered", str(report.tokens), ""
    yield "worker losses", str(outcomes["LOST"]), ""
    yield "handed back", str(outcomes["RETURNED"]), ""
    yield "ended by three losses", str(sum(bool(checks.lost_tries(record)) for record in report.records)), ""
    answers = report.client.answers
    yield "503", str(answers["503"]), ""
    yield "unanswered requests", str(sum(count for name, count in answers.items() if not name.isdigit())), ""


def _faults(report: Report) -> Iterator[Row]:
    yield "faults", str(len(report.faults.done)), ""
    for kind, count in sorted(Counter(fault.kind for fault in report.faults.done).items()):
        yield f"- {kind}", str(count), ""
