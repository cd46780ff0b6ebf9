"""Files of delimited text -> frames of events, block by block; the path that the delimited formats share.

Owns the common steps: read, type, name the event types, leave out what cannot be an event, and count that.
A format (`retrain.importers.retailrocket`, …) says what its columns are and mean.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from retrain.importers.delimited_text import Layout, field_blocks
from retrain.importers.event_file_writing import TIME_COLUMN
from retrain.importers.event_times import EventTimes, TimeUnit
from retrain.importers.line_blocks import BLOCK_BYTES
from retrain.importers.typed_columns import Column, typed

_NAME = "publisher's event type"


@dataclass(frozen=True)
class DelimitedFormat:
    """What the lines of one kind of file are, and how they become events."""

    columns: Sequence[Column]
    to_events: Sequence[pl.Expr]
    """Over the typed columns: `session_id`, `item_id`, `occurred_at` in epoch ms, and further columns."""
    example: str
    """A line, for messages."""
    event_type: str = "view"
    """Of all events, where no column tells it."""
    event_type_column: str | None = None
    """The column with the publisher's names of event types, a choice."""
    event_types: Mapping[str, str | None] = field(default_factory=dict)
    """Those names -> ours, None: left out."""
    header: bool = True

    def layout(self) -> Layout:
        """What a file's lines have to hold."""
        return Layout(
            required=[column.name for column in self.columns if not column.may_be_missing],
            optional=[column.name for column in self.columns if column.may_be_missing],
            header=self.header,
            example=self.example,
        )


@dataclass
class Reading:
    """How files are read, and what was noticed."""

    time_unit: TimeUnit = "auto"
    block_bytes: int = BLOCK_BYTES
    advance: Callable[[int], None] = lambda _: None
    """Called with the bytes read since the call before."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Why lines made no event -> how many."""
    zoneless: bool = False
    """Whether times without a zone were taken as UTC."""


def delimited_events(source: Path, form: DelimitedFormat, reading: Reading) -> Iterator[pl.DataFrame]:
    """Read one file.

    Args:
        source: the file, plain or gzipped.
        form: what it holds.
        reading: takes notes.

    Yields:
        Frames with `event_type` and the columns of `form.to_events`, rows as in the file.

    Raises:
        UsageError: the file or a line in it is wrong.
    """
    times = EventTimes(reading.time_unit)
    for block in field_blocks(source, form.layout(), reading.advance, reading.block_bytes):
        values = typed(block, form.columns, times)
        reading.zoneless |= times.zoneless
        session_id, item_id, *others = form.to_events
        events = values.select(session_id, item_id, *_event_type(form), *others)
        yield _counted(events, reading.left_out).drop(_NAME)


def _event_type(form: DelimitedFormat) -> tuple[pl.Expr, pl.Expr]:
    """`event_type`, null where the type is left out, and the publisher's name of it."""
    if form.event_type_column is None:
        return pl.lit(form.event_type).alias("event_type"), pl.lit(form.event_type).alias(_NAME)
    name = pl.col(form.event_type_column)
    ours = name.replace_strict(
        list(form.event_types), list(form.event_types.values()), return_dtype=pl.String
    )
    return ours.alias("event_type"), name.alias(_NAME)


def _counted(events: pl.DataFrame, left_out: Counter[str]) -> pl.DataFrame:
    """The events without those of a type, or a session, that there is none of; they are counted."""
    no_type = events["event_type"].is_null()
    no_session = events["session_id"].is_null() & ~no_type
    for name, count in events.filter(no_type)[_NAME].value_counts().rows():
        left_out[f"of type {name}"] += count
    if no_session.any():
        left_out["without a session"] += int(no_session.sum())
    return events.filter(~no_type & ~no_session)


def time_of(name: str) -> pl.Expr:
    """The event's time from a column of times."""
    return pl.col(name).alias(TIME_COLUMN)
