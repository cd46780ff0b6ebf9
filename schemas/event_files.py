"""Event files: Parquet, CSV or JSONL with the columns of ItemEvent, one row an event, in log order.

Readers: `train`, `evaluate`, `replay`, `demo`. Writer: `import`. Polars inside; imported by those commands
only. Columns: `session_id`, `item_id`; optional `event_type` (default view), `occurred_at` (RFC 3339, a
datetime or epoch ms) or `timestamp` (epoch ms), `split` (train/test), `user_id`, `event_id`, `price`,
`quantity`. Others are ignored.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from schemas.errors import UsageError
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP, EVENT_TYPES

TRAIN, TEST = "train", "test"
_OPTIONAL = {
    "user_id": pl.String,
    "event_id": pl.String,
    "price": pl.Float64,
    "quantity": pl.Float64,
    "split": pl.String,
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
    for column in ("session_id", "item_id"):
        if column not in events.columns:
            raise UsageError(
                f"{path}: no column {column!r}; found {', '.join(events.columns)}. "
                "Rename yours or see `millrace import`"
            )
    if events.is_empty():
        raise UsageError(f"{path}: no events in the file")
    optional = [
        pl.col(name).cast(kind, strict=False) for name, kind in _OPTIONAL.items() if name in events.columns
    ]
    typed = events.select(
        pl.col("session_id").cast(pl.String),
        pl.col("item_id").cast(pl.String),
        _event_type(events, event_type_map),
        _occurred_at_ms(path, events),
        *optional,
    )
    _check(path, typed)
    return typed


def _read(path: Path) -> pl.DataFrame:
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise UsageError(f"{path}: event files end in {', '.join(_READERS)}")
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    try:
        return reader(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        if isinstance(error, pl.exceptions.NoDataError):
            raise UsageError(f"{path}: no events in the file") from error
        raise UsageError(
            f"{path}: cannot be read as {path.suffix[1:]}: {str(error).splitlines()[0]}"
        ) from error


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
        text = column.str.to_datetime(time_unit="ms", time_zone="UTC", strict=False).dt.epoch("ms")
        time_ms = pl.coalesce(digits, text)
        unread = events.filter(column.is_not_null() & (column != "") & time_ms.is_null())
        if not unread.is_empty():
            raise UsageError(
                f"{path}: column {name!r}: {unread[name][0]!r} is neither RFC 3339 nor epoch milliseconds"
            )
    elif kind.is_numeric() or kind == pl.Null:
        time_ms = column.cast(pl.Int64)
    else:
        raise UsageError(
            f"{path}: column {name!r} has type {kind}; RFC 3339, a datetime or epoch milliseconds are needed"
        )
    return time_ms.alias("occurred_at_ms")


def _check(path: Path, events: pl.DataFrame) -> None:
    for column in ("session_id", "item_id"):
        wrong = events.with_row_index("row").filter(pl.col(column).is_null() | (pl.col(column) == ""))
        if not wrong.is_empty():
            raise UsageError(f"{path}: row {wrong['row'][0] + 1}: {column!r} is empty")
    unknown = events.filter(~pl.col("event_type").is_in(EVENT_TYPES))["event_type"].unique().sort()
    if not unknown.is_empty():
        raise UsageError(
            f"{path}: unknown event types {', '.join(unknown[:8])}; map them with --event-type-map "
            f"{unknown[0]}=view,… to {', '.join(EVENT_TYPES)}"
        )
