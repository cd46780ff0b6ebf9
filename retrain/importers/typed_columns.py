"""Columns of a publisher's file: strings -> typed values, wrong ones refused by file, line and column.

Owns the kinds of columns and the messages. Caller: `retrain.importers.delimited_events`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import polars as pl

from retrain.importers.delimited_text import SHOWN, FieldBlock
from retrain.importers.event_times import EventTimes
from schemas.errors import UsageError
from schemas.ids import MAX_ID_BYTES

_NO_VALUE = ("", "NA", "NULL", "null", "NaN", "nan", "None", "\\N")
"""What stands for nothing, in columns that may be empty."""


class Kind(Enum):
    """What the values of a column are; the value says what was wanted, for messages."""

    WHOLE = "a whole number from 0"
    ID = f"an id of 1 to {MAX_ID_BYTES} bytes"
    NUMBER = "a number such as 35.79"
    DURATION_MS = "a whole number of milliseconds up to 9999999999"
    TEXT = "a text"
    CHOICE = "one of the choices"
    TIME = "a time"


@dataclass(frozen=True)
class Column:
    """A column as the publisher has it."""

    name: str
    kind: Kind
    may_be_empty: bool = False
    may_be_missing: bool = False
    """The file may lack the column; it is then empty."""
    choices: Sequence[str] = ()

    def wanted(self) -> str:
        """What a value has to be, for messages."""
        return f"one of {', '.join(self.choices)}" if self.choices else self.kind.value


def typed(block: FieldBlock, columns: Sequence[Column], times: EventTimes) -> pl.DataFrame:
    """The columns with their types.

    Args:
        block: the strings.
        columns: what they have to be.
        times: reads the columns of times.

    Returns:
        Whole numbers and ids as strings, times as epoch milliseconds, numbers as Float64.

    Raises:
        UsageError: a value is wrong, or empty where there has to be one; the first such line is named.
    """
    texts = {column.name: _texts(block, column) for column in columns}
    values = {column.name: _values(texts[column.name], column, times) for column in columns}
    wrong: list[tuple[int, Column]] = []
    for column in columns:
        text, value = texts[column.name], values[column.name]
        bad = value.is_null() & text.is_not_null() if column.may_be_empty else value.is_null()
        if bad.any():
            wrong.append((bad.arg_max() or 0, column))
    if wrong:
        row, column = min(wrong, key=lambda one: one[0])
        _refuse(block, row, column, times)
    return pl.DataFrame(values)


def _texts(block: FieldBlock, column: Column) -> pl.Series:
    if column.name not in block.fields.columns:
        return pl.Series(column.name, [None], dtype=pl.String).new_from_index(0, len(block.fields))
    texts = block.fields[column.name]
    return texts.set(texts.is_in(_NO_VALUE), None) if column.may_be_empty else texts


def _values(texts: pl.Series, column: Column, times: EventTimes) -> pl.Series:
    """Null where a text is wrong."""
    match column.kind:
        case Kind.TIME:
            return times.epoch_ms(texts)
        case Kind.NUMBER:
            numbers = texts.cast(pl.Float64, strict=False)
            return numbers.set(~numbers.is_finite(), None)
        case Kind.DURATION_MS:
            return texts.set(~texts.str.contains(r"^[0-9]{1,10}$"), None).cast(pl.Int64)
        case Kind.WHOLE:
            wrong = ~texts.str.contains(r"^[0-9]{1,19}$")
        case Kind.ID:
            wrong = ~texts.str.len_bytes().is_between(1, MAX_ID_BYTES)
        case Kind.CHOICE:
            wrong = ~texts.is_in(list(column.choices))
        case _:  # a text is never wrong
            return texts
    return texts.set(wrong, None)


def _refuse(block: FieldBlock, row: int, column: Column, times: EventTimes) -> None:
    value = block.fields[column.name][row] if column.name in block.fields.columns else ""
    place = f"{block.place(row)}: column {column.name!r}"
    if not value:
        raise UsageError(f"{place} is empty; {column.wanted()} is needed")
    wanted = times.wanted() if column.kind is Kind.TIME else f"{column.wanted()} is needed"
    shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}…"
    raise UsageError(f"{place} is {shown!r}; {wanted}")
