"""Blocks of whole lines of a text file, plain or gzipped, with their line numbers, in bounded memory.

Owns opening and unpacking, byte order marks, line ends, and the count of bytes read. Knows nothing of
fields. Callers: `retrain.importers.delimited_text`, `retrain.importers.otto`.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from schemas.errors import UsageError

BLOCK_BYTES = 16 * 2**20
"""Text held at once; its fields take about five times as much."""
LONGEST_LINE = 2**20
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_NO_TEXT = {
    b"PK\x03\x04": "is a zip archive; unpack it first",
    b"7z\xbc\xaf": "is a 7z archive; unpack it first",
    b"BZh": "is packed with bzip2; unpack it first",
    b"\xfd7zXZ": "is packed with xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "is packed with zstd; unpack it first",
    b"PAR1": "is a Parquet file; importers read the publisher's text files",
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
}


@dataclass(frozen=True)
class LineBlock:
    """Whole lines of a file, each ended by one newline."""

    source: Path
    text: bytes
    first_line: int
    """The number in the file, counted from 1, of the first line of `text`."""

    def place(self, at: int) -> str:
        """`FILE:LINE` of a line of the block, counted from 0 without the blank ones."""
        numbers = (number for number, line in enumerate(self.text.split(b"\n")) if line)
        for skipped, number in enumerate(numbers):
            if skipped == at:
                return f"{self.source}:{self.first_line + number}"
        raise IndexError(at)

    def lines(self) -> list[bytes]:
        """The lines that are not blank, without their ends."""
        return [line for line in self.text.split(b"\n") if line]

    def after_first_line(self) -> "LineBlock":
        """The block without its first line that is not blank."""
        blank = len(self.text) - len(self.text.lstrip(b"\n"))
        end = self.text.index(b"\n", blank) + 1
        return LineBlock(self.source, self.text[end:], self.first_line + blank + 1)


def line_blocks(
    source: Path, advance: Callable[[int], None] = lambda _: None, block_bytes: int = BLOCK_BYTES
) -> Iterator[LineBlock]:
    """Read a file block by block.

    Args:
        source: text in UTF-8, or such text gzipped; told by its first bytes, not by its name.
        advance: called with the bytes of the file read since the call before, packed ones where it is packed.
        block_bytes: about the size of a block.

    Yields:
        Blocks of whole lines, CRLF made LF, without a byte order mark. None of an empty file.

    Raises:
        UsageError: the file is missing, cannot be read or unpacked, or is no text.
    """
    try:
        with source.open("rb") as raw:
            yield from _blocks(source, raw, advance, block_bytes)
    except FileNotFoundError as error:
        raise UsageError(f"{source}: no such file") from error
    except IsADirectoryError as error:
        raise UsageError(f"{source}: this is a directory; give one file") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{source}: cannot be unpacked ({error}); fetch it again") from error
    except OSError as error:
        raise UsageError(f"{source}: cannot be read ({error.strerror or error})") from error


def _blocks(
    source: Path, raw: BinaryIO, advance: Callable[[int], None], block_bytes: int
) -> Iterator[LineBlock]:
    first_line, reported = 1, 0
    text, rest = _opened(source, raw), b""
    while piece := text.read(block_bytes):
        if first_line == 1 and not rest:
            piece = piece.removeprefix(_BOM)
        lines, newline, after = piece.rpartition(b"\n")
        block, rest = rest + lines + newline if newline else b"", after if newline else rest + piece
        if len(rest) > LONGEST_LINE:
            number = first_line + block.count(b"\n")
            raise UsageError(
                f"{source}:{number}: no line end within {LONGEST_LINE:,} bytes; a text file is needed"
            )
        if block:
            yield _block(source, block, first_line)
            first_line += block.count(b"\n")
        advance(raw.tell() - reported)
        reported = raw.tell()
    if rest:
        yield _block(source, rest + b"\n", first_line)


def _block(source: Path, text: bytes, first_line: int) -> LineBlock:
    return LineBlock(source, text.replace(b"\r\n", b"\n") if b"\r" in text else text, first_line)


def _opened(source: Path, raw: BinaryIO) -> BinaryIO:
    start = raw.read(8)
    raw.seek(0)
    for magic, remark in _NO_TEXT.items():
        if start.startswith(magic):
            raise UsageError(f"{source}: {remark}")
    # typeshed does not count a GzipFile among the BinaryIO that it is read as
    return gzip.GzipFile(fileobj=raw) if start.startswith(_GZIP) else raw  # type: ignore[return-value]
