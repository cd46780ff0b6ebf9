"""Delimited text: lines of fields -> frames of strings, with the place of every row in the file.

Owns separators, headers, quotes, and the checks that every line has its fields; what fields mean is
`retrain.importers.typed_columns`. Caller: `retrain.importers.delimited_events`.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import polars as pl

from retrain.importers.line_blocks import BLOCK_BYTES, LineBlock, line_blocks
from schemas.errors import UsageError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SHOWN = 80
"""Characters of a wrong line or value in a message."""


@dataclass(frozen=True)
class Layout:
    """What the lines of a format hold."""

    required: Sequence[str]
    optional: Sequence[str] = ()
    """Columns that a file may lack; only where there is a header."""
    header: bool = True
    """Whether the first line names the columns; without, `required` names them in their order."""
    example: str = ""
    """A line, for messages."""


@dataclass(frozen=True)
class FieldBlock:
    """The fields of some lines."""

    block: LineBlock
    fields: pl.DataFrame
    """Strings, the columns of the layout that the file has; rows as the lines that are not blank."""

    def place(self, row: int) -> str:
        """`FILE:LINE` of a row."""
        return self.block.place(row)


@dataclass(frozen=True)
class _Form:
    """How the lines of one file are to be split."""

    separator: str
    width: int
    places: dict[str, int]
    """Column of the layout -> its field."""
    example: str


def field_blocks(
    source: Path,
    layout: Layout,
    advance: Callable[[int], None] = lambda _: None,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[FieldBlock]:
    """Read a file of delimited fields block by block.

    The separator (comma, semicolon, tab, vertical bar) is told by the first line. Names of columns match
    whatever their case and underscores. Fields may be in double quotes, on one line.

    Args:
        source: see `retrain.importers.line_blocks.line_blocks`.
        layout: what is to be found in it.
        advance: likewise.
        block_bytes: likewise.

    Raises:
        UsageError: a column is missing, a line has too few or too many fields, or the text cannot be read.
    """
    form: _Form | None = None
    for block in line_blocks(source, advance, block_bytes):
        if not block.text.strip():
            continue
        rest = block
        if form is None:
            form = _form(block, layout)
            rest = block.after_first_line() if layout.header else block
        if rest.text.strip():
            yield FieldBlock(rest, _fields(rest, form))


def _form(block: LineBlock, layout: Layout) -> _Form:
    line = block.text.lstrip(b"\n").partition(b"\n")[0].decode(errors="replace")
    splits = {separator: _split(line, separator) for separator in SEPARATORS}
    separator = max(splits, key=lambda one: len(splits[one]))
    if layout.header:
        return _named_form(block, layout, separator, splits[separator])
    names = list(layout.required)
    if len(splits[separator]) != len(names):
        _refuse_width(block.place(0), line, len(splits[separator]), len(names), layout.example)
    places = {name: place for place, name in enumerate(names)}
    return _Form(separator, len(names), places, layout.example)


def _named_form(block: LineBlock, layout: Layout, separator: str, found: list[str]) -> _Form:
    known = {_plain(name): place for place, name in reversed(list(enumerate(found)))}
    missing = [name for name in layout.required if _plain(name) not in known]
    if missing:
        listed = ", ".join(found)
        raise UsageError(
            f"{block.place(0)}: no column {missing[0]!r} in the first line, which is {_shown(listed)!r}; "
            f"name the columns {', '.join(layout.required)}"
        )
    wanted = [name for name in (*layout.required, *layout.optional) if _plain(name) in known]
    places = {name: known[_plain(name)] for name in wanted}
    return _Form(separator, len(found), places, layout.example)


def _plain(name: str) -> str:
    return name.strip().replace("_", "").lower()


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:  # quotes that do not close, a lone carriage return, a field of more than 128 KiB
        return []


def _fields(block: LineBlock, form: _Form) -> pl.DataFrame:
    text = block.text
    if text.startswith(b"\n") or b"\n\n" in text:
        text = b"\n".join(block.lines()) + b"\n"
    frame = None if b'"' in text else _split_at_once(text, form)
    if frame is None:
        frame = _split_line_by_line(block, form)
    return frame.select(pl.col(str(place)).alias(name) for name, place in form.places.items())


def _split_at_once(text: bytes, form: _Form) -> pl.DataFrame | None:
    """The fields of lines without quotes; None where a line is wrong."""
    lines, separators = text.count(b"\n"), text.count(form.separator.encode())
    if separators != lines * (form.width - 1):
        return None
    try:
        return pl.read_csv(
            io.BytesIO(text),
            has_header=False,
            separator=form.separator,
            quote_char=None,
            schema={str(place): pl.String for place in range(form.width)},
        )
    except pl.exceptions.PolarsError:  # a line with more fields than the others, or no UTF-8
        return None


def _split_line_by_line(block: LineBlock, form: _Form) -> pl.DataFrame:
    """The fields of any lines, several times slower; the first line that is wrong is refused."""
    rows: list[list[str | None]] = []
    for at, line in enumerate(block.lines()):
        try:
            decoded = line.decode()
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{block.place(at)}: no UTF-8 at byte {error.start + 1} of the line, "
                f"{_shown(line.decode(errors='replace'))!r}; save the file as UTF-8"
            ) from error
        fields = _split(decoded, form.separator)
        if not fields:
            raise UsageError(
                f"{block.place(at)}: double quotes that do not close, or a lone carriage return, in the line "
                f"{_shown(decoded)!r}; a field ends on its line"
            )
        if len(fields) != form.width:
            _refuse_width(block.place(at), decoded, len(fields), form.width, form.example)
        rows.append([one or None for one in fields])
    return pl.DataFrame(rows, {str(place): pl.String for place in range(form.width)}, orient="row")


def _refuse_width(place: str, line: str, found: int, needed: int, example: str) -> NoReturn:
    fields = "field" if found == 1 else "fields"
    raise UsageError(
        f"{place}: {found} {fields}, {needed} are needed, the line is {_shown(line)!r}; as in {example}"
    )


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
