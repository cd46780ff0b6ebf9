"""Prefixes: which events of a log are answered by a list, and which item each list should hold.

Owns the protocol of next-item evaluation: every event but the last of a session is a prefix, whose target is
the item of the session's next event. Callers: `retrain.evaluation.predictions`, the groups and metrics of
evaluation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from schemas.errors import UsageError
from schemas.timestamps import from_epoch_ms

BATCH_EVENTS = 8192
"""About so many events are answered at once, sessions whole; bounds the memory."""


@dataclass(frozen=True, eq=False)
class Prefixes:
    """What is answered, and what is predicted of it."""

    events: pl.DataFrame
    """The events that get a list: session by session, each in log order, without the last of a session."""
    predicted: NDArray[np.bool_]
    """bool [events]: whether the target of the event's list counts. The arrays below are of those that do."""
    targets: pl.Series
    """String [n]: the item of the next event."""
    target_types: pl.Series
    """String [n]: the type of the next event."""
    target_times_ms: pl.Series
    """Int64 [n]: the time of the next event; as `times_without_gaps` has it."""
    session: NDArray[np.int32]
    """int32 [n]: number of the session, from 0, rising."""
    session_ids: pl.Series
    """String [sessions]: the id of each number."""
    position: NDArray[np.int32]
    """int32 [n]: how many events of the session the list was made from, from 1."""
    session_length: NDArray[np.int32]
    """int32 [n]: events of the whole session."""

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def sessions(self) -> int:
        """Sessions with a prediction."""
        return len(self.session_ids)

    def batches(self, batch_events: int = 0) -> Iterator[slice]:
        """Slices of `events` of at least so many rows (0: `BATCH_EVENTS`) that end where a session ends."""
        ids = self.events["session_id"]
        ends = np.flatnonzero(ids.ne_missing(ids.shift(-1)).to_numpy()) + 1
        start = 0
        while start < len(ids):
            enough = min(start + (batch_events or BATCH_EVENTS), len(ids))
            end = int(ends[np.searchsorted(ends, enough)])
            yield slice(start, end)
            start = end


def prefixes_of(events: pl.DataFrame, between_ms: tuple[int, int] | None = None) -> Prefixes:
    """The prefixes of the sessions of a log.

    Args:
        events: in log order, columns as of `schemas.event_files.read_events`. Sessions do not touch one
            another: session by session gives the same lists as the log's own order.
        between_ms: only targets at these times count, the second excluded; earlier events of their sessions
            are answered too, because a list depends on them. None: all.

    Raises:
        UsageError: nothing is to be predicted.
    """
    rows = _with_targets(events).filter(pl.col("target").is_not_null())
    if between_ms is not None:
        inside = pl.col("target_at_ms").is_between(*between_ms, closed="left")
        rows = rows.with_columns(predicted=inside).filter(
            pl.col("predicted").reverse().cum_max().reverse().over("session_id")
        )
    counted = rows.filter("predicted")
    if counted.is_empty():
        raise UsageError(_nothing_to_predict(events, between_ms))
    first = counted["session_id"].ne_missing(counted["session_id"].shift(1))
    return Prefixes(
        events=rows.select(events.columns),
        predicted=rows["predicted"].to_numpy(),
        targets=counted["target"],
        target_types=counted["target_type"],
        target_times_ms=counted["target_at_ms"],
        session=(first.to_numpy().cumsum() - 1).astype(np.int32),
        session_ids=counted["session_id"].filter(first),
        position=counted["position"].to_numpy().astype(np.int32),
        session_length=counted["session_length"].to_numpy().astype(np.int32),
    )


def times_without_gaps() -> pl.Expr:
    """Event times with none missing; a missing one is never a gap, as in sessionizing."""
    return pl.col("occurred_at_ms").forward_fill().backward_fill().over("session_id").fill_null(0)


def _nothing_to_predict(events: pl.DataFrame, between_ms: tuple[int, int] | None) -> str:
    if between_ms is None:
        return f"nothing to predict: of {len(events)} test events no two are of one session"
    start, end = (f"{from_epoch_ms(time_ms):%Y-%m-%d %H:%M}Z" for time_ms in between_ms)
    return f"nothing to predict from {start} to {end}: no event there follows another of its session"


def _with_targets(events: pl.DataFrame) -> pl.DataFrame:
    """The events session by session; beside each what follows it, null at the end of its session."""
    own = [name for name in events.columns if name != "session_id"]
    made = {
        "target": pl.col("item_id").shift(-1),
        "target_type": pl.col("event_type").shift(-1),
        "target_at_ms": pl.col("occurred_at_ms").shift(-1),
        "position": pl.int_range(1, pl.len() + 1),
    }
    return (
        events.with_columns(times_without_gaps())
        .group_by("session_id", maintain_order=True)
        .agg(*own, **made, session_length=pl.len())
        .explode(*own, *made)
        .with_columns(predicted=pl.lit(value=True))
    )
