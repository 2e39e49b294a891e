"""Files go with the execution that alone they belong to, by rows that name them; no other file is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runtime.maps import fan
from tests.runtime.retention.aged import Aged
from tests.runtime.stage import Json, returns, steps

WRITER = {
    "Resource": "arn:aws:states:::s3:putObject",
    "Parameters": {"Bucket": "b", "Prefix": "results"},
}


def made(aged: Aged, *names: str) -> list[Path]:
    paths = [aged.home / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept?")
    return paths


def ending_with(aged: Aged, result: Json) -> str:
    """An old execution whose task returned this, with its id in place of <id>."""
    execution = aged.stage.start(steps("step1"))
    text = json.dumps(result).replace("<id>", execution)
    aged.stage.script.let("step1", returns(json.loads(text)))
    aged.stage.run()
    aged.age()
    return execution


@pytest.mark.parametrize(
    ("result", "file"),
    [
        ({"key": "invoice-1-<id>-x.pdf"}, "invoice-1-<id>-x.pdf"),
        ({"key": "reports/<id>.csv"}, "reports/<id>.csv"),
        ({"via": "outbox", "path": "/data/outbox/<id>-x.eml"}, "<id>-x.eml"),
    ],
)
def test_a_file_that_a_result_names_and_that_bears_the_execution_s_id_goes(aged: Aged, result: Json, file: str) -> None:
    execution = ending_with(aged, result)
    (path,) = made(aged, file.replace("<id>", execution))
    aged.delete()
    assert not path.exists() and not aged.exists(execution)


@pytest.mark.parametrize(
    "result",
    [
        {"key": "shared.pdf", "of": "<id>"},
        {"key": "<id>/shared.pdf"},
        {"key": "../outside-<id>.pdf"},
        {"key": "/tmp/<id>.pdf"},
        {"key": ["<id>.pdf"]},
        {"path": {"<id>": 1}},
        ["<id>.pdf"],
        "<id>.pdf",
    ],
)
def test_any_other_file_stays(aged: Aged, result: Json) -> None:
    execution = ending_with(aged, result)
    paths = made(aged, "shared.pdf", f"{execution}.pdf", f"../outside-{execution}.pdf", f"{execution}/shared.pdf")
    aged.delete()
    assert not aged.exists(execution)
    assert all(path.exists() for path in paths)


def test_a_link_that_leads_out_of_the_store_is_not_followed(aged: Aged, tmp_path: Path) -> None:
    execution = ending_with(aged, {"key": "link/<id>.pdf"})
    (outside,) = made(aged, f"../elsewhere/{execution}.pdf")
    (aged.home / "link").symlink_to(outside.parent)
    aged.delete()
    assert outside.exists()


def test_a_file_that_is_gone_already_keeps_nothing(aged: Aged) -> None:
    execution = ending_with(aged, {"key": "<id>.pdf"})
    aged.delete()
    assert not aged.exists(execution)


def test_the_results_of_a_map_run_go_with_its_execution(aged: Aged) -> None:
    (other,) = made(aged, "results/other/manifest.json")
    aged.old(fan(ItemsPath="$.items", ResultWriter=WRITER), {"items": [1, 2]})
    assert len(list(aged.home.rglob("manifest.json"))) == 2
    aged.delete()
    assert list(aged.home.rglob("manifest.json")) == [other]
    assert [path.name for path in (aged.home / "results").iterdir()] == ["other"]
