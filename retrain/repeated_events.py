"""Dropping repeats from a log that is learned from or evaluated on, by the rule that also serves.

Callers: `retrain.event_recording` (a Kafka range), `retrain.event_split` (event files).
"""

import polars as pl

from models.session_rule import repeats_in_log


def without_repeats(events: pl.DataFrame) -> pl.DataFrame:
    """The events that are not repeats of one before them in their session; all of them where none has an id.

    Args:
        events: in log order; columns `session_id` and, where there are ids, `event_id`.
    """
    if "event_id" not in events.columns:
        return events
    named = events.filter(pl.col("event_id").is_not_null())
    doubled = named.filter(pl.struct("session_id", "event_id").is_duplicated())
    suspects = pl.col("session_id").is_in(doubled["session_id"].unique().implode())
    rows = events.with_row_index("row").filter(suspects).select("row", "session_id", "event_id")
    repeated = repeats_in_log(rows["session_id"], rows["event_id"])
    again = rows["row"].filter(pl.Series(repeated, dtype=pl.Boolean))
    return events.filter(~pl.int_range(pl.len()).is_in(again.implode()))
