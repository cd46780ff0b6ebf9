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
from retrain.id_codes import as_categories, codes_of

_NO_TIME = np.iinfo(np.int64).min
_ROW_BITS = 32
_AT_ONCE = 10_000_000


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
    log_rows = _session_by_session(codes_of(events["session_id"]))
    starts, latest_ms = _starts(events, log_rows, session_gap_s)
    item_rows = _item_rows(events["item_id"], vocabulary)[log_rows]
    known = item_rows != UNKNOWN
    lengths = np.add.reduceat(known, starts, dtype=np.int64) if len(starts) else np.zeros(0, dtype=np.int64)
    ends = np.append(starts[1:], len(log_rows)) - 1 if len(starts) else starts
    order = _in_time_order(log_rows[ends], latest_ms[ends])
    del latest_ms
    order = order[lengths[order] > 0]
    offsets = np.concatenate([[0], np.cumsum(lengths[order])])
    first = (np.cumsum(lengths) - lengths)[order]
    item_rows = item_rows[known]
    event_types = _type_codes(events["event_type"])[log_rows[known]]
    del log_rows, known
    places = np.repeat(first - offsets[:-1], lengths[order])
    _add_positions(places)
    event_types = event_types[places]
    return Sessions(
        item_rows=item_rows[places],
        offsets=offsets,
        event_types=event_types if len(np.unique(event_types)) > 1 else None,
    )


def _session_by_session(codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """int64 [events]: rows of the log, those of a session together and in log order."""
    keys = codes.astype(np.uint64)  # session and row in one number: sorting is in place and quick
    keys <<= np.uint64(_ROW_BITS)
    _add_positions(keys)
    keys.sort()
    keys &= np.uint64((1 << _ROW_BITS) - 1)
    return keys.view(np.int64)


def _add_positions(numbers: "NDArray[np.int64] | NDArray[np.uint64]") -> None:
    """Add to each number its place, in pieces: all places at once are as large as the numbers."""
    for start in range(0, len(numbers), _AT_ONCE):
        piece = numbers[start : start + _AT_ONCE]
        np.add(piece, np.arange(start, start + len(piece), dtype=numbers.dtype), out=piece)


def _item_rows(item_ids: pl.Series, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """int32 [events]: the row of each event's item; `UNKNOWN` for items outside of the vocabulary."""
    ids = as_categories(item_ids)
    categories: pl.Series = ids.dtype.categories.to_series()  # type: ignore[attr-defined]  # a Categorical has them
    known = pl.Series(vocabulary.item_ids, dtype=pl.String)
    rows = pl.Series(range(len(vocabulary)), dtype=pl.Int32)
    table = categories.replace_strict(known, rows, default=UNKNOWN, return_dtype=pl.Int32).to_numpy()
    return np.asarray(table[ids.to_physical().to_numpy()], dtype=np.int32)


def _type_codes(event_types: pl.Series) -> NDArray[np.int8]:
    return event_types.replace_strict(EVENT_TYPE_CODES, return_dtype=pl.Int8).to_numpy()


def _starts(
    events: pl.DataFrame, log_rows: NDArray[np.int64], session_gap_s: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where a session starts: at a new session id, and after a gap; and the latest time so far.

    Returns:
        int64 [sessions], places in `log_rows`; int64 [events], `_NO_TIME` where there was none yet.
    """
    codes = codes_of(events["session_id"])[log_rows]
    new_id = np.append(True, codes[1:] != codes[:-1])[: len(codes)]
    now_ms = events["occurred_at_ms"].fill_null(_NO_TIME).to_numpy()[log_rows]
    latest_ms = _latest_so_far(now_ms, codes)
    del codes
    has_both = (now_ms[1:] != _NO_TIME) & (latest_ms[:-1] != _NO_TIME)
    has_gap = starts_session(latest_ms[:-1], now_ms[1:], session_gap_s) & has_both
    new_id[1:] |= has_gap
    return np.flatnonzero(new_id), latest_ms


def _latest_so_far(times_ms: NDArray[np.int64], codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The greatest time of each session up to each event: over one event before, then two, four and so on."""
    latest_ms, back = times_ms.copy(), 1
    while back < len(codes) and bool((same := codes[back:] == codes[:-back]).any()):
        before = np.where(same, latest_ms[:-back], _NO_TIME)
        np.maximum(latest_ms[back:], before, out=latest_ms[back:])
        back *= 2
    return latest_ms


def _in_time_order(log_rows: NDArray[np.int64], latest_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order of sessions by the time of their last events; where times are missing by their row.

    Args:
        log_rows: int64 [sessions], of their last events.
        latest_ms: likewise, the greatest time of each; `_NO_TIME` where it has none.
    """
    known = pl.when(pl.col("latest_ms") != _NO_TIME).then("latest_ms")
    return (
        pl.DataFrame({"log_row": log_rows, "latest_ms": latest_ms})
        .with_columns(known, session=pl.int_range(pl.len()))
        .sort("log_row")
        .with_columns(pl.col("latest_ms").forward_fill())
        .sort("latest_ms", maintain_order=True)["session"]
        .to_numpy()
    )
