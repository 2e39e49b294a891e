from __future__ import annotations

import io
import stat
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stepwell.runtime.lambdas import archive
from stepwell.runtime.lambdas.archive import BadArchive
from tests.wire.packages import package


def entry(name: str, mode: int = 0) -> bytes:
    """A zip of one member with this name and Unix mode."""
    made, member = io.BytesIO(), zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(member, "/etc/passwd")
    return made.getvalue()


def files(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_package_is_unpacked_as_it_is(tmp_path: Path) -> None:
    content = package({"app.py": "1", "pkg/deep/word.txt": "é", "./dotted.py": "2", "empty/": ""})
    archive.check(content)
    archive.unpack(content, tmp_path / "code" / "one")
    assert files(tmp_path / "code") == {"one/app.py": "1", "one/pkg/deep/word.txt": "é", "one/dotted.py": "2"}
    assert (tmp_path / "code" / "one" / "empty").is_dir()


@pytest.mark.parametrize(
    "name",
    [
        "../up.py",
        "/abs.py",
        "a/../../up.py",
        "a/..",
        "..",
        "a\\..\\up.py",
        "C:up.py",
        "n" * 256,
        "a/" + "é" * 200,
        "a/" * 510 + "app.py",
        ".",
    ],
)
def test_nothing_climbs_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadArchive, match="is no path inside"):
        archive.check(entry(name))
    with pytest.raises(BadArchive):
        archive.unpack(entry(name), tmp_path / "code" / "one")
    assert files(tmp_path) == {} and not (tmp_path / "code" / "one").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind: int) -> None:
    with pytest.raises(BadArchive, match="is a link or a device"):
        archive.check(entry("app.py", kind | 0o777))


def test_a_file_is_executable_where_it_was_and_nothing_more(tmp_path: Path) -> None:
    archive.unpack(entry("run", stat.S_IFREG | 0o4711), tmp_path / "one")
    archive.unpack(entry("read", stat.S_IFREG | 0o600), tmp_path / "two")
    assert stat.S_IMODE((tmp_path / "one" / "run").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "two" / "read").stat().st_mode) == 0o644


@pytest.mark.parametrize("names", [("a", "a/b.py"), ("a/b.py", "a"), ("a", "a/"), ("a/", "a"), ("a/b/c", "a/b")])
def test_what_is_both_file_and_directory_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(BadArchive, match=r"a(/b)? is both a file and a directory"):
        archive.check(package({**dict.fromkeys(names, ""), "app.py": ""}))


def test_of_two_files_of_one_name_the_last_is_there(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file, pytest.warns(UserWarning, match="Duplicate name"):
        for content in ("first, and longer", "last"):
            file.writestr("app.py", content)
    archive.check(made.getvalue())
    archive.unpack(made.getvalue(), tmp_path / "code" / "one")
    assert files(tmp_path / "code") == {"one/app.py": "last"}


def test_directories_are_bounded_as_files_are() -> None:
    """The limit counts directories at any depth, and holds before any of them is created."""
    deep = {f"{number}/{'d/' * 400}app.py": "" for number in range(40)}
    with pytest.raises(BadArchive, match="may have 10000 directories"):
        archive.check(package(deep), most_files=10_000)
    archive.check(package(deep), most_files=20_000)


def test_the_longest_path_can_be_unpacked(tmp_path: Path) -> None:
    name = f"{'d/' * 508}app.py"
    content = package({name: "1", f"{name}y": "2"})
    archive.check(content)
    archive.unpack(content, tmp_path / "code" / "one")
    assert len(files(tmp_path / "code")) == 2


def test_the_unpacked_size_counts() -> None:
    archive.check(package({"a": "x" * 1000, "b": "y"}), most_bytes=1001)
    with pytest.raises(BadArchive, match="Unzipped size must be smaller than 262144000 bytes"):
        archive.check(package({"a": "x" * 1000, "b": "yy"}), most_bytes=1001)


def test_a_bomb_is_stopped_before_it_has_gone_off() -> None:
    bomb = package({f"{n}": b"\0" * (64 << 20) for n in range(4)})
    assert len(bomb) < 1 << 20
    with pytest.raises(BadArchive, match="Unzipped size"):
        archive.check(bomb)


def test_a_size_that_lies_is_found_out() -> None:
    content = bytearray(package({"a": "x" * 100_000}))
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<I", 10)
    with pytest.raises(BadArchive, match="Could not unzip"):
        archive.check(bytes(content))


def test_the_number_of_files_is_bounded() -> None:
    archive.check(package({"a": "", "b": ""}), most_files=2)
    with pytest.raises(BadArchive, match="may have 1 files, this one has 2"):
        archive.check(package({"a": "", "b": ""}), most_files=1)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x05\x06", package("pass")[:-30], package("pass")[5:]])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(BadArchive, match="Could not unzip uploaded file"):
        archive.check(content)


def test_a_damaged_file_is_refused() -> None:
    content = package({"a": b"word" * 1000})
    broken = content[:60] + bytes([content[60] ^ 0xFF]) + content[61:]
    with pytest.raises(BadArchive, match="Could not unzip"):
        archive.check(broken)


def test_an_encrypted_file_is_refused() -> None:
    content = bytearray(package({"a": "1"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    with pytest.raises(BadArchive, match="Could not unzip"):
        archive.check(bytes(content))


def test_an_empty_package_is_refused() -> None:
    with pytest.raises(BadArchive, match="non-empty zip"):
        archive.check(package({}))


def test_many_may_unpack_the_same_at_once(tmp_path: Path) -> None:
    content = package({f"{n}/app.py": str(n) for n in range(50)})
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: archive.unpack(content, tmp_path / "code" / "one"), range(16)):
            pass
    assert len(files(tmp_path / "code" / "one")) == 50
    assert [path.name for path in (tmp_path / "code").iterdir()] == ["one"]


def test_a_file_in_place_of_the_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("kept")
    with pytest.raises(NotADirectoryError):
        archive.unpack(package("return 1"), tmp_path / "one")
    assert files(tmp_path) == {"one": "kept"}


def zip_of(count: int, comment: bytes = b"", zip64: bool = False) -> bytes:
    """A zip of this many empty files; ``zip64`` writes the end record of a large one, whatever its size."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for number in range(count):
            file.writestr(f"{number}", "")
        file.comment = comment
    content = made.getvalue()
    if not zip64:
        return content
    at = content.rindex(b"PK\x05\x06")
    _, *_, entries, size, offset, length = struct.unpack("<4s4H2LH", content[at : at + 22])
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, length)
    return content[:at] + large + locator + end + content[at + 22 :]


def with_count(content: bytes, entries: int) -> bytes:
    """The same zip, whose end record says that it has this many entries."""
    at = content.rindex(b"PK\x05\x06") + 8
    return content[:at] + struct.pack("<2H", entries, entries) + content[at + 4 :]


def marked(content: bytes) -> bytes:
    """The same zip, with the mark of an end record inside its end record, in place of the directory's offset."""
    return content[:-6] + b"PK\x05\x06" + content[-2:]


@pytest.mark.parametrize(
    "content",
    [
        zip_of(30),
        with_count(zip_of(30), 1),
        zip_of(30, comment=b"x" * 65_535),
        marked(zip_of(30)),
        zip_of(30, zip64=True),
    ],
    ids=["plain", "a false count", "a comment", "a mark inside the record", "zip64"],
)
def test_an_archive_of_too_many_files_is_refused_before_its_directory_is_parsed(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(zipfile.ZipFile(io.BytesIO(content)).infolist()) == 30
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *args: pytest.fail("an entry was made"))
    with pytest.raises(BadArchive, match="may have 29 files, this one has 30"):
        archive.check(content, most_files=29)


@pytest.mark.parametrize("zip64", [False, True])
def test_the_entries_of_an_archive_inside_do_not_count(zip64: bool) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as file:
        file.writestr("inner.zip", zip_of(50, zip64=zip64))
        file.writestr("app.py", "")
    archive.check(made.getvalue(), most_files=2)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06", zip_of(3)[:-1], zip_of(3)[:-10], b"\0" * 100])
def test_what_has_no_end_record_is_unreadable(content: bytes) -> None:
    with pytest.raises(BadArchive, match="Could not unzip"):
        archive.check(content)
