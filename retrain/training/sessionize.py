"""Sessionizing: events of a log -> sessions of item rows, by the session rule that also serves.

Owns the offline form of the rule (`models.session_rule` owns the rule) and the choice of the vocabulary.
Callers: `retrain.training.training`, `retrain.releases.release_building`, `retrain.cli`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.session_rule import EVENT_TYPE_CODES
from models.vocabulary import UNKNOWN, Vocabulary
from retrain.id_codes import as_categories, codes_of
from retrain.training.session_grouping import (
    NO_TIME,
    add_places,
    gathered,
    keep_latest,
    session_by_session,
    session_starts,
)


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


def sessionize(
    events: pl.DataFrame, vocabulary: Vocabulary, session_gap_s: float, *, typed: bool = False
) -> Sessions:
    """Cut the log into sessions.

    Args:
        events: columns `session_id`, `item_id`, `event_type`, `occurred_at_ms` (null: never a gap);
            rows in log order.
        vocabulary: items outside of it make no step and are left out; a session without a known item is none.
        session_gap_s: see `models.session_rule.starts_session`.
        typed: whether the types of events are kept also where all are of one.

    Returns:
        The sessions by the time of their last event, where times are missing by its row.
    """
    codes = codes_of(events["session_id"])
    log_rows = session_by_session(codes)
    codes = gathered(codes, log_rows)
    latest_ms = gathered(_times_ms(events["occurred_at_ms"]), log_rows)
    keep_latest(latest_ms, codes)
    starts = session_starts(latest_ms, codes, session_gap_s)
    ends = np.append(starts[1:], len(log_rows))[: len(starts)] - 1
    order = _in_time_order(log_rows[ends], latest_ms[ends])
    del codes, latest_ms
    return _ordered(events, vocabulary, log_rows, starts, order, typed)


def _ordered(
    events: pl.DataFrame,
    vocabulary: Vocabulary,
    log_rows: NDArray[np.uint32],
    starts: NDArray[np.int64],
    order: NDArray[np.int64],
    typed: bool,
) -> Sessions:
    """The known events of the sessions, in the order of the sessions.

    Args:
        events: the log.
        vocabulary: the items.
        log_rows: uint32 [events], session by session.
        starts: int64 [sessions], where each starts in `log_rows`.
        order: int64 [sessions], of the sessions.
        typed: see `sessionize`.
    """
    known = gathered(_item_rows(events["item_id"], vocabulary), log_rows) != UNKNOWN
    lengths = np.add.reduceat(known, starts, dtype=np.int64) if len(starts) else starts
    order = order[lengths[order] > 0]
    offsets = np.concatenate([[0], np.cumsum(lengths[order])])
    first = (np.cumsum(lengths) - lengths)[order]
    places = np.repeat((first - offsets[:-1]).astype(np.uint32), lengths[order])  # below 0 it wraps around,
    add_places(places)  # and back
    rows = gathered(log_rows[known], places)
    del log_rows, known, places
    item_rows = gathered(_item_rows(events["item_id"], vocabulary), rows)
    event_types = gathered(_type_codes(events["event_type"]), rows)
    return Sessions(
        item_rows=item_rows,
        offsets=offsets,
        event_types=event_types if typed or len(np.unique(event_types)) > 1 else None,
    )


def _item_rows(item_ids: pl.Series, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """int32 [events]: the row of each event's item; `UNKNOWN` for items outside of the vocabulary."""
    ids = as_categories(item_ids)
    categories: pl.Series = ids.dtype.categories.to_series()  # type: ignore[attr-defined]  # a Categorical has them
    known = pl.Series(vocabulary.item_ids, dtype=pl.String)
    rows = pl.Series(range(len(vocabulary)), dtype=pl.Int32)
    table = categories.replace_strict(known, rows, default=UNKNOWN, return_dtype=pl.Int32).to_numpy()
    return gathered(table, ids.to_physical().to_numpy())


def _times_ms(times_ms: pl.Series) -> NDArray[np.int64]:
    """int64 [events], `NO_TIME` where there is none."""
    return (times_ms.fill_null(NO_TIME) if times_ms.null_count() else times_ms).to_numpy()


def _type_codes(event_types: pl.Series) -> NDArray[np.int8]:
    """int8 [events]."""
    if isinstance(event_types.dtype, pl.Enum):
        codes = [EVENT_TYPE_CODES[name] for name in event_types.dtype.categories]
        return gathered(np.array(codes, dtype=np.int8), event_types.to_physical().to_numpy())
    return event_types.replace_strict(EVENT_TYPE_CODES, return_dtype=pl.Int8).to_numpy()


def _in_time_order(log_rows: NDArray[np.uint32], latest_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order of sessions by the time of their last events; where times are missing by their row.

    Args:
        log_rows: uint32 [sessions], of their last events.
        latest_ms: likewise, the greatest time of each; `NO_TIME` where it has none.
    """
    known = pl.when(pl.col("latest_ms") != NO_TIME).then("latest_ms")
    return (
        pl.DataFrame({"log_row": log_rows, "latest_ms": latest_ms})
        .with_columns(known, session=pl.int_range(pl.len()))
        .sort("log_row")
        .with_columns(pl.col("latest_ms").forward_fill())
        .sort("latest_ms", maintain_order=True)["session"]
        .to_numpy()
    )
