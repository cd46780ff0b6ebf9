"""Cutting visitors into sessions, for sources that have no sessions.

Owns the ids of such sessions; when one starts is `models.session_rule`'s business. Caller:
`retrain.importers.session_buckets`.
"""

import numpy as np
import polars as pl

from models.session_rule import starts_session
from retrain.importers.event_file_writing import SOURCE_ROW, TIME_COLUMN


def cut_sessions(events: pl.DataFrame, gap_s: float) -> pl.DataFrame:
    """Give every session of a visitor an id of its own.

    Args:
        events: all those of the visitors in it; `session_id` is the visitor.
        gap_s: see `models.session_rule.starts_session`.

    Returns:
        The events by visitor and time; `session_id` is `VISITOR-N`, N counted from 1 in the order of time.
    """
    ordered = events.sort("session_id", TIME_COLUMN, SOURCE_ROW)
    times = ordered[TIME_COLUMN].to_numpy()
    after_gap = starts_session(np.concatenate([times[:1], times[:-1]]), times, gap_s)
    visitor = ordered["session_id"]
    starts = visitor.ne_missing(visitor.shift(1)) | pl.Series(after_gap, dtype=pl.Boolean)
    number = starts.alias("number").cast(pl.Int64)
    numbers = pl.col("number").cum_sum().over("session_id").cast(pl.String)
    return (
        ordered.with_columns(number)
        .with_columns(session_id=pl.col("session_id") + "-" + numbers)
        .drop("number")
    )
