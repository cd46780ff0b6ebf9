"""Event files: Parquet, CSV or JSONL with the columns of ItemEvent, one row an event, in log order.

Readers: `train`, `evaluate`, `replay`, `demo`. Writer: `import`. Polars inside; imported by those commands
only. Columns: `session_id`, `item_id`; optional `event_type` (default view), `occurred_at` (RFC 3339, a
datetime or epoch ms; without a zone: UTC) or `timestamp` (epoch ms), `split` (train/test), `user_id`,
`event_id`, `price`, `quantity`, `category` or `category_id`. Others are ignored.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from schemas.errors import UsageError
from schemas.ids import MAX_ID_BYTES
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP, EVENT_TYPES
from schemas.timestamps import MAX_TIME_MS

TRAIN, TEST = "train", "test"
_SECONDS_FROM, _SECONDS_TO = 946_684_800, 4_102_444_800
"""Epoch seconds of 2000 and of 2100. As milliseconds they all lie between 11 January and 18 February 1970."""
_OPTIONAL = {
    "user_id": pl.String,
    "event_id": pl.String,
    "price": pl.Float64,
    "quantity": pl.Float64,
    "split": pl.String,
    "category": pl.String,
}
_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: pl.read_csv(path, infer_schema=False),
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
}


def read_events(path: Path, event_type_map: Mapping[str, str] = DEFAULT_EVENT_TYPE_MAP) -> pl.DataFrame:
    """Read an event file.

    Args:
        path: a `.parquet`, `.csv` or `.jsonl` file.
        event_type_map: other names of event types -> `view`, `cart` or `purchase`.

    Returns:
        Columns `session_id`, `item_id`, `event_type` (strings), `occurred_at_ms` (Int64, null where the file
        has no time) and those optional ones that the file has, in the file's order.

    Raises:
        UsageError: the file is missing, unreadable or empty, lacks a column, or a value in it is wrong.
    """
    events = _read(path)
    _check_columns(path, events)
    events = _with_category(events)
    names = [name for name in _OPTIONAL if name in events.columns]
    try:
        typed = events.select(
            _id(path, events, "session_id"),
            _id(path, events, "item_id"),
            _event_type(events, event_type_map),
            _occurred_at_ms(path, events),
            *(pl.col(name).cast(_OPTIONAL[name], strict=False) for name in names),
        )
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"{path}: {_first_line(error)}") from error
    _check_values(path, typed)
    return typed


def _read(path: Path) -> pl.DataFrame:
    if path.is_dir():
        raise UsageError(f"{path}: this is a directory; give one event file")
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise UsageError(f"{path}: event files end in {', '.join(_READERS)}")
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise UsageError(f"{path}: no events in the file")
    try:
        return reader(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{path}: cannot be read as {path.suffix[1:]}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _check_columns(path: Path, events: pl.DataFrame) -> None:
    for column in ("session_id", "item_id"):
        if column not in events.columns:
            raise UsageError(
                f"{path}: no column {column!r}; found {', '.join(events.columns)}. "
                "Rename yours or see `millrace import`"
            )
    if events.is_empty():
        raise UsageError(f"{path}: no events in the file")


def _id(path: Path, events: pl.DataFrame, name: str) -> pl.Expr:
    """Ids as strings; whole numbers that became floats, as a missing value makes them, are whole again."""
    column = pl.col(name)
    if events.schema[name].is_float():
        broken = events.filter(column.is_not_null() & (column != column.round()))
        if not broken.is_empty():
            raise UsageError(f"{path}: {name!r} is {broken[name][0]}; an id is a string or a whole number")
        column = column.cast(pl.Int64)
    return column.cast(pl.String)


def _with_category(events: pl.DataFrame) -> pl.DataFrame:
    """With `category_id` as `category`, where there is no other; one that is no plain value is ignored."""
    if "category_id" in events.columns and "category" not in events.columns:
        events = events.rename({"category_id": "category"})
    nested = "category" in events.columns and events.schema["category"].is_nested()
    return events.drop("category") if nested else events


def _event_type(events: pl.DataFrame, event_type_map: Mapping[str, str]) -> pl.Expr:
    if "event_type" not in events.columns:
        return pl.lit("view").alias("event_type")
    return pl.col("event_type").cast(pl.String).replace(dict(event_type_map)).fill_null("view")


def _occurred_at_ms(path: Path, events: pl.DataFrame) -> pl.Expr:
    for name in ("occurred_at", "timestamp"):
        if name in events.columns:
            break
    else:
        return pl.lit(None, dtype=pl.Int64).alias("occurred_at_ms")
    column, kind = pl.col(name), events.schema[name]
    if isinstance(kind, pl.Datetime):
        utc = column if kind.time_zone is None else column.dt.convert_time_zone("UTC")
        time_ms = utc.dt.epoch("ms")
    elif kind == pl.String:
        digits = column.str.to_integer(strict=False)
        _refuse_seconds(path, events.select(digits)[name])
        text = column.str.to_datetime(time_unit="ms", time_zone="UTC", strict=False).dt.epoch("ms")
        time_ms = pl.coalesce(digits, text)
        if row := _first(events, column.is_not_null() & (column != "") & time_ms.is_null()):
            raise UsageError(
                f"{path}: row {row}: {name!r} is {events[name][row - 1]!r}, neither RFC 3339 nor epoch ms"
            )
    elif kind.is_numeric() or kind == pl.Null:
        if kind.is_float() and (row := _first(events, ~column.is_finite())):
            raise UsageError(f"{path}: row {row}: {name!r} is {events[name][row - 1]}; give epoch ms")
        _refuse_seconds(path, events[name])
        time_ms = column.cast(pl.Int64)
    else:
        raise UsageError(
            f"{path}: column {name!r} has type {kind}; RFC 3339, a datetime or epoch milliseconds are needed"
        )
    return time_ms.alias("occurred_at_ms")


def _refuse_seconds(path: Path, numbers: pl.Series) -> None:
    """Refuse times that are all epoch seconds of this century.

    A made-up clock that counts milliseconds from 0 starts before, and true milliseconds lie far beyond.
    """
    numbers = numbers.drop_nulls()
    if len(numbers) and numbers.is_between(_SECONDS_FROM, _SECONDS_TO, closed="left").all():
        raise UsageError(
            f"{path}: {numbers.name!r} is in epoch seconds, it seems, from {numbers.min()!r} to "
            f"{numbers.max()!r}; give milliseconds (those times 1000) or RFC 3339"
        )


def _check_values(path: Path, events: pl.DataFrame) -> None:
    for column in ("session_id", "item_id"):
        size = pl.col(column).str.len_bytes().fill_null(0)
        if row := _first(events, ~size.is_between(1, MAX_ID_BYTES)):
            raise UsageError(f"{path}: row {row}: {column!r} is empty or longer than {MAX_ID_BYTES} bytes")
    if row := _first(events, ~pl.col("occurred_at_ms").is_between(0, MAX_TIME_MS)):
        raise UsageError(f"{path}: row {row}: the time is not between 1970 and 9999 in epoch milliseconds")
    unknown = events.filter(~pl.col("event_type").is_in(EVENT_TYPES))["event_type"].unique().sort()
    if not unknown.is_empty():
        raise UsageError(
            f"{path}: unknown event types {', '.join(unknown[:8])}; map them with --event-type-map "
            f"{unknown[0]}=view,… to {', '.join(EVENT_TYPES)}"
        )


def _first(events: pl.DataFrame, wrong: pl.Expr) -> int:
    """The number of the first row that is wrong, counted from 1; 0 where none is."""
    rows = events.select(wrong.fill_null(value=False).arg_true().first().alias("row"))["row"]
    return 0 if rows[0] is None else int(rows[0]) + 1
