from __future__ import annotations

import pytest

from stepwell.runtime.sandbox.output import Output


def kept(limit: int, *pieces: bytes) -> str:
    output = Output(limit)
    for piece in pieces:
        output.add(piece)
    return output.text()


def test_what_fits_is_kept_as_it_is():
    assert kept(10, b"hello", b"world") == "helloworld"


@pytest.mark.parametrize("pieces", [[b"headmiddletail"], [b"he", b"adm", b"iddle", b"ta", b"il"]])
def test_head_and_tail_are_kept_and_the_gap_is_counted(pieces: list[bytes]):
    assert kept(8, *pieces) == "head\n... 6 bytes dropped ...\ntail"


def test_a_flood_is_held_in_bounded_memory():
    output = Output(1000)
    for _ in range(200):
        output.add(b"x" * 100_000)
    assert len(output._tail) <= 2 * 1000 + 65_536 + 100_000
    assert f"{200 * 100_000 - 1000} bytes dropped" in output.text()


def test_a_limit_of_nothing_keeps_nothing():
    assert kept(0, b"abc") == "\n... 3 bytes dropped ...\n"


def test_text_holds_neither_nul_nor_broken_utf8():
    assert kept(100, b"a\0b\xff\xc3\xa9") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}é"
