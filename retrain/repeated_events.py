"""Dropping repeats from a log that is learned from or evaluated on, by the rule that also serves.

The rule of `models.session_rule` over columns: no Python object an event, so that a log of any size can be
asked. Callers: `retrain.log_assembly` (archive and Kafka), `retrain.event_split` (event files).
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retrain.id_codes import codes_of
from schemas.session_state import MAX_ITEMS

NO_ID = 0
"""The key of an event without an id."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_AT_ONCE = 10_000_000


def without_repeats(events: pl.DataFrame) -> pl.DataFrame:
    """The events that are not repeats of one before them in their session; all of them where none has an id.

    Args:
        events: in log order; columns `session_id` and, where there are ids, `event_id`.
    """
    if "event_id" not in events.columns:
        return events
    repeated = repeats(codes_of(events["session_id"]), event_keys(events["event_id"]).to_numpy())
    return events.filter(~pl.Series(repeated))


def event_keys(event_ids: pl.Series) -> pl.Series:
    """UInt64: what stands for an event id where only equality counts, `NO_ID` for none.

    Two ids of one session with the same key are as unlikely as two with the hash that serves.
    """
    ids = pl.col("id")
    key = pl.when(ids.is_null()).then(pl.lit(NO_ID, pl.UInt64)).otherwise(ids.hash(seed=0))
    return event_ids.alias("id").to_frame().select(key.alias("key"))["key"]


def repeats(session_codes: NDArray[np.uint32], keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which events of a log are repeats, by the rule of `models.session_rule.repeats_in_log`, over columns.

    Args:
        session_codes: uint32 [events] in log order, a number for each session.
        keys: uint64 [events], see `event_keys`.

    Returns:
        bool [events].
    """
    repeated = np.zeros(len(keys), dtype=np.bool_)
    suspects = _named_events_of_suspect_sessions(session_codes, keys)
    if len(suspects):
        rows = pl.DataFrame({"session": session_codes[suspects], "key": keys[suspects]})
        repeated[suspects] = ~_kept(rows).to_numpy()
    return repeated


def _named_events_of_suspect_sessions(
    session_codes: NDArray[np.uint32], keys: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """The events with an id, of the sessions in which an id comes twice."""
    twice = _pairs_that_come_twice(session_codes, keys)
    if not len(twice):
        return np.zeros(0, dtype=np.int64)
    wanted, sessions = pl.Series(twice).implode(), []
    for start in range(0, len(keys), _AT_ONCE):
        codes = session_codes[start : start + _AT_ONCE]
        pairs = pl.Series(_pairs(codes, keys[start : start + _AT_ONCE]))
        sessions.append(np.unique(codes[pairs.is_in(wanted).to_numpy()]))
    suspicious = pl.Series(np.unique(np.concatenate(sessions))).implode()
    return np.flatnonzero(pl.Series(session_codes).is_in(suspicious).to_numpy() & (keys != NO_ID))


def _pairs_that_come_twice(session_codes: NDArray[np.uint32], keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Of all pairs of a session and an id; very rarely one that comes once."""
    if not keys.any():
        return keys[:0]
    pairs = _pairs(session_codes, keys)
    pairs.sort()
    found = []
    for start in range(0, len(pairs), _AT_ONCE):
        piece = pairs[start : start + _AT_ONCE + 1]
        found.append(np.unique(piece[1:][piece[1:] == piece[:-1]]))
    twice = np.unique(np.concatenate(found))
    return np.delete(twice, twice == NO_ID)


def _pairs(session_codes: NDArray[np.uint32], keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """uint64 [events]: a number for session and id, `NO_ID` where there is no id."""
    pairs = session_codes * _SPREAD
    pairs += keys
    pairs[keys == NO_ID] = NO_ID
    return pairs


def _kept(rows: pl.DataFrame) -> pl.Series:
    """Which events count: none of the 50 before it that count, in its session, has its key.

    Whether an event counts depends on those before it alone, so that guessing and correcting settles from the
    front: at most as many rounds as a session has wrong guesses, mostly two.
    """
    kept = rows.select(pl.struct("session", "key").is_first_distinct())["session"]
    while True:
        counted = rows.with_columns(kept=kept).with_columns(
            before=pl.col("kept").cast(pl.UInt32).cum_sum().over("session") - pl.col("kept").cast(pl.UInt32)
        )
        last = pl.when("kept").then("before").forward_fill().shift(1).over("session", "key")
        corrected = counted.select((last.is_null() | (pl.col("before") - last > MAX_ITEMS)).alias("kept"))[
            "kept"
        ]
        if corrected.equals(kept):
            return kept
        kept = corrected
