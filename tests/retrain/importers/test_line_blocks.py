"""Blocks of lines: the same lines however they are cut, packed or ended; what is no text is refused."""

import bz2
import gzip
from pathlib import Path

import pytest

from retrain.importers.line_blocks import LONGEST_LINE, LineBlock, line_blocks
from schemas.errors import UsageError

LINES = [b"first", b"", b"second,2", b"\xc3\xa9", b"last"]
SOURCE = Path("lines.txt")


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_the_same_however_they_are_cut(block_bytes: int, end: bytes, packed: bool) -> None:
    text = end.join(LINES)
    SOURCE.write_bytes(gzip.compress(text) if packed else text)
    read: list[int] = []
    blocks = list(line_blocks(SOURCE, read.append, block_bytes))
    assert b"".join(block.text for block in blocks) == b"\n".join(LINES) + b"\n"
    assert [line for block in blocks for line in block.lines()] == [line for line in LINES if line]
    places = [block.place(at) for block in blocks for at in range(len(block.lines()))]
    assert places == ["lines.txt:1", "lines.txt:3", "lines.txt:4", "lines.txt:5"]
    assert sum(read) == SOURCE.stat().st_size


def test_first_line_is_dropped_with_the_blank_ones_before_it() -> None:
    block = LineBlock(SOURCE, b"\n\nname\n\nvalue\n", first_line=4)
    rest = block.after_first_line()
    assert rest.lines() == [b"value"]
    assert rest.place(0) == "lines.txt:8"


def test_place_beyond_the_block_is_our_mistake() -> None:
    with pytest.raises(IndexError):
        LineBlock(SOURCE, b"one\n", first_line=1).place(1)


def test_byte_order_mark_is_no_part_of_the_first_line() -> None:
    SOURCE.write_bytes(b"\xef\xbb\xbffirst\n")
    assert next(line_blocks(SOURCE)).lines() == [b"first"]


def test_empty_file_has_no_blocks() -> None:
    SOURCE.touch()
    assert list(line_blocks(SOURCE)) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "is a zip archive; unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it first"),
        (bz2.compress(b"text"), "is packed with bzip2; unpack it first"),
        (b"PAR1rest", "is a Parquet file; importers read the publisher's text files"),
        ("text".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (
            gzip.compress(b"some text" * 100, mtime=0)[:-9],
            "cannot be unpacked (Compressed file ended before ",
        ),
        (
            gzip.compress(b"text", mtime=0)[:10] + b"garbage of bytes",
            "cannot be unpacked (Error -3 while decompressing",
        ),
        (gzip.compress(b"text", mtime=0)[:-8] + b"\0" * 8, "cannot be unpacked (CRC check failed "),
    ],
)
def test_what_is_no_text_is_refused_with_the_remedy(content: bytes, said: str) -> None:
    SOURCE.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        list(line_blocks(SOURCE))
    assert str(refused.value).startswith(f"lines.txt: {said}")


def test_line_without_an_end_is_refused() -> None:
    SOURCE.write_bytes(b"fine\n" + b"x" * (LONGEST_LINE + 10))
    with pytest.raises(
        UsageError, match=r"^lines\.txt:2: no line end within 1,048,576 bytes; a text file is"
    ):
        list(line_blocks(SOURCE, block_bytes=2**18))


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^lines\.txt: no such file$"):
        list(line_blocks(SOURCE))
    with pytest.raises(UsageError, match=r": this is a directory; give one file$"):
        list(line_blocks(tmp_path))


def test_file_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        list(line_blocks(Path("/proc/self/mem")))
