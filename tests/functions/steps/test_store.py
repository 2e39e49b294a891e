import os

import pytest

from stepwell.functions.steps import _store
from stepwell.functions.steps._data import InvalidData


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "deep" / "store"))
    return tmp_path / "deep" / "store"


def test_the_directory_is_made(store):
    assert _store.directory("ARTIFACTS_DIR") == store
    assert store.is_dir()


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("ARTIFACTS_DIR", raising=False)
    with pytest.raises(_store.NotConfigured, match="ARTIFACTS_DIR"):
        _store.directory("ARTIFACTS_DIR")


@pytest.mark.parametrize(
    ("name", "made"),
    [("2026-0042", "2026-0042"), ("../../etc/passwd", "etc-passwd"), ("..", "x"), ("a\r\nb", "a-b"), ("漢字", "x")],
)
def test_a_name_is_made_safe(name, made):
    assert _store.safe(name) == made


def test_a_long_name_is_cut():
    assert _store.safe("n" * 500) == "n" * 48


def test_a_digest_knows_where_its_parts_end():
    assert _store.digest("ab", "c") != _store.digest("a", "bc")


def test_writing_replaces_whole_and_leaves_no_draft(tmp_path):
    path = tmp_path / "file"
    _store.write(path, b"old and longer")
    _store.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    _store.write(path, b"old")

    def full(_descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        _store.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_artifact_is_read_by_its_key(store):
    _store.write(_store.directory("ARTIFACTS_DIR") / "a.pdf", b"%PDF")
    assert _store.read_artifact("a.pdf") == b"%PDF"
    with pytest.raises(_store.ArtifactMissing, match=r"b\.pdf"):
        _store.read_artifact("b.pdf")


@pytest.mark.parametrize("key", ["../a.pdf", "/etc/passwd", ".hidden", "a/b", "a\n", "", None, 3, ["a"]])
def test_a_key_that_leads_elsewhere_is_refused(store, key):
    with pytest.raises(InvalidData, match="the artifact's key must be a file's name"):
        _store.read_artifact(key)
