"""Sessionizing: events of a log -> sessions of item rows, by the session rule that also serves.

Owns the offline form of the rule (`models.session_rule` owns the rule) and the choice of the vocabulary.
Callers: `retrain.training.training`, `retrain.releases.release_building`, `retrain.cli`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.session_rule import EVENT_TYPE_CODES, starts_session
from models.vocabulary import UNKNOWN, Vocabulary


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions of known items, one after the other."""

    item_rows: NDArray[np.int32]
    """int32 [events]."""
    offsets: NDArray[np.int64]
    """int64 [sessions + 1]: session s is `item_rows[offsets[s] : offsets[s + 1]]`."""
    event_types: NDArray[np.int8] | None = None
    """int8 [events], codes of `models.session_rule.EVENT_TYPE_CODES`; None where all are of one type."""

    def __len__(self) -> int:
        return len(self.offsets) - 1


def build_vocabulary(events: pl.DataFrame, min_item_support: int = 1) -> Vocabulary:
    """The items that are to be known: by falling number of events, equals by first appearance.

    Args:
        events: as `schemas.event_files.read_events` gives them.
        min_item_support: events that an item needs.
    """
    counts = events.group_by("item_id", maintain_order=True).len("events")
    kept = counts.filter(pl.col("events") >= min_item_support).sort(
        "events", descending=True, maintain_order=True
    )
    return Vocabulary(kept["item_id"].to_list())


def sessionize(events: pl.DataFrame, vocabulary: Vocabulary, session_gap_s: float) -> Sessions:
    """Cut the log into sessions.

    Args:
        events: columns `session_id`, `item_id`, `event_type`, `occurred_at_ms` (null: never a gap);
            rows in log order.
        vocabulary: items outside of it make no step and are left out; a session without a known item is none.
        session_gap_s: see `models.session_rule.starts_session`.

    Returns:
        The sessions by the time of their last event, where times are missing by its row.
    """
    grouped = _grouped(events, vocabulary)
    starts = _starts(grouped, session_gap_s)
    known = (grouped["item_row"] != UNKNOWN).to_numpy()
    lengths = np.add.reduceat(known, starts, dtype=np.int64) if len(starts) else np.zeros(0, dtype=np.int64)
    order = _in_time_order(grouped[np.append(starts[1:], len(grouped)) - 1] if len(starts) else grouped)
    order = order[lengths[order] > 0]
    offsets = np.concatenate([[0], np.cumsum(lengths[order])])
    first = (np.cumsum(lengths) - lengths)[order]
    places = np.repeat(first - offsets[:-1], lengths[order]) + np.arange(offsets[-1])
    event_types = grouped["event_type"].to_numpy()[known][places]
    return Sessions(
        item_rows=grouped["item_row"].to_numpy()[known][places],
        offsets=offsets,
        event_types=event_types if len(np.unique(event_types)) > 1 else None,
    )


def _grouped(events: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """The events session by session, each in log order, beside them the latest time of the session so far."""
    known = pl.Series(vocabulary.item_ids, dtype=pl.String)
    rows = pl.Series(range(len(vocabulary)), dtype=pl.Int32)
    columns = ["log_row", "item_row", "event_type", "occurred_at_ms", "latest_at_ms"]
    return (
        events.with_row_index("log_row")
        .with_columns(
            item_row=pl.col("item_id").replace_strict(known, rows, default=UNKNOWN, return_dtype=pl.Int32),
            event_type=pl.col("event_type").replace_strict(EVENT_TYPE_CODES, return_dtype=pl.Int8),
        )
        .group_by("session_id", maintain_order=True)
        .agg(*columns[:4], latest_at_ms=pl.col("occurred_at_ms").cum_max().forward_fill())
        .explode(columns)
    )


def _starts(grouped: pl.DataFrame, session_gap_s: float) -> NDArray[np.int64]:
    """Where in `grouped` a session starts: at a new session id, and after a gap."""
    before = grouped.select("session_id", last="latest_at_ms").shift(1)
    times = grouped.select(last=pl.coalesce(before["last"], "occurred_at_ms"), now="occurred_at_ms")
    times = times.with_columns(pl.coalesce("now", "last")).fill_null(0)
    after_gap = starts_session(times["last"].to_numpy(), times["now"].to_numpy(), session_gap_s)
    new_id = grouped["session_id"].ne_missing(before["session_id"]).to_numpy()
    return np.flatnonzero(new_id | after_gap)


def _in_time_order(last_events: pl.DataFrame) -> NDArray[np.int64]:
    """The order of sessions of which these are the last events."""
    return (
        last_events.select("log_row", "latest_at_ms", session=pl.int_range(pl.len()))
        .sort("log_row")
        .with_columns(pl.col("latest_at_ms").forward_fill())
        .sort("latest_at_ms", maintain_order=True)["session"]
        .to_numpy()
    )
