"""From rows of the log to a frame of events to learn from: what may be learned, and the order.

The same for rows from the archive and from Kafka: where the log is cut between them changes nothing. Left
out, and counted: what the log took before the window, sessions that were erased, repeats of an `event_id` in
its session. Built for many events: rows come in pieces, and of each only compact columns are kept (ids as
numbers in Polars' categories): about 35 bytes an event, and each session's and item's id once. Callers:
`retrain.event_recording`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.session_rule import EARLIEST_MS
from retrain.archive.archive_files import Partition
from retrain.archive.erasures import Erasures, is_erased
from retrain.repeated_events import event_keys, repeats
from schemas.item_event import EVENT_TYPES

EVENT_COLUMNS = ["session_id", "item_id", "event_type", "occurred_at_ms"]
NEEDED = [*EVENT_COLUMNS, "event_id", "offset", "logged_at_ms"]
"""The columns of rows that are looked at."""
_AT_ONCE = 10_000_000


@dataclass(frozen=True, eq=False)
class AssembledEvents:
    """Events to learn from, and what was left out."""

    events: pl.DataFrame
    """Columns `session_id`, `item_id` (categories), `event_type` (an enumeration), `occurred_at_ms` (Int64),
    in log order: each partition in its own order, the partitions merged by Kafka's timestamps."""
    erased: int
    """Events of sessions that were erased."""
    repeats: int
    skewed: int
    """Not left out: events whose time cannot be right, so that their record's counts."""


class LogAssembly:
    """Takes rows partition by partition, each by offset."""

    def __init__(self, erasures: Erasures, since_ms: int | None, max_clock_skew_s: float) -> None:
        """Begin with nothing.

        Args:
            erasures: what nothing may be learned from.
            since_ms: what the log took before is left out, epoch milliseconds; None: nothing is.
            max_clock_skew_s: see `models.session_rule.credible_time_ms`.
        """
        self._erasures = erasures
        self._reaching: pl.DataFrame | None = None
        self._since_ms = since_ms
        self._max_clock_skew_s = max_clock_skew_s
        self._sessions = pl.Categorical(pl.Categories.random())
        self._items = pl.Categorical(pl.Categories.random())
        self._chunks: list[pl.DataFrame] = []
        self._latest_ms: int | None = None
        self._erased = self._skewed = 0

    def begin_partition(self, partition: Partition) -> None:
        """The next rows are of this partition, all of them."""
        self._latest_ms = None
        self._reaching = self._erasures.in_partition(partition)

    def add(self, rows: pl.DataFrame) -> None:
        """Take the next rows of the partition, columns `NEEDED`."""
        in_window = rows.filter(pl.col("event_type").is_in(EVENT_TYPES), *self._window())
        assert self._reaching is not None, "a partition was begun"
        kept = in_window.filter(~is_erased(in_window, self._reaching))
        self._erased += len(in_window) - len(kept)
        if kept.is_empty():
            return
        chunk = self._compacted(kept)
        self._latest_ms = chunk["latest_ms"][-1]
        self._skewed += int((chunk["occurred_at_ms"] != kept["occurred_at_ms"]).sum())
        self._chunks.append(chunk)

    def assembled(self) -> AssembledEvents:
        """All that was taken, as one log; nothing is left in here."""
        chunks, self._chunks = self._chunks or [self._compacted(_NOTHING)], []
        latest_ms = np.concatenate([chunk.drop_in_place("latest_ms").to_numpy() for chunk in chunks])
        order = _log_order(latest_ms)
        del latest_ms
        columns = _ordered_columns(chunks, order)
        keys = columns.pop("key").to_numpy()
        repeated = repeats(columns["session_id"].to_physical().to_numpy(), keys)
        del keys
        events = pl.DataFrame(columns)
        again = int(repeated.sum())
        if again:
            events = events.filter(~pl.Series(repeated))
        return AssembledEvents(events, self._erased, again, self._skewed)

    def _window(self) -> list[pl.Expr]:
        return [] if self._since_ms is None else [pl.col("logged_at_ms") >= self._since_ms]

    def _compacted(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Compact columns, beside them the key of the id and the latest of Kafka's times so far."""
        compact = rows.select(
            pl.col("session_id").cast(self._sessions),
            pl.col("item_id").cast(self._items),
            pl.col("event_type").cast(pl.Enum(EVENT_TYPES)),
            _credible_time_ms(self._max_clock_skew_s),
            event_keys(rows["event_id"]).alias("key"),
            pl.max_horizontal(pl.col("logged_at_ms").cum_max(), pl.lit(self._latest_ms)).alias("latest_ms"),
        )
        own_times = (
            compact["occurred_at_ms"].to_numpy().copy()
        )  # else it may hold on to all columns of the rows
        return compact.with_columns(occurred_at_ms=pl.Series(own_times))


_NOTHING = pl.DataFrame(
    schema={name: pl.Int64 if name == "offset" or name.endswith("_ms") else pl.String for name in NEEDED}
)  # fmt: skip


def _credible_time_ms(max_clock_skew_s: float) -> pl.Expr:
    """`models.session_rule.credible_time_ms` over columns."""
    own, logged = pl.col("occurred_at_ms"), pl.col("logged_at_ms")
    in_range = (own >= EARLIEST_MS) & (own <= logged + max_clock_skew_s * 1000)
    return pl.when((logged < EARLIEST_MS) | in_range).then(own).otherwise(logged).alias("occurred_at_ms")


def _ordered_columns(chunks: list[pl.DataFrame], order: NDArray[np.uint32] | None) -> dict[str, pl.Series]:
    """One column after the other, so that no more than one is there twice; the chunks are emptied."""
    columns = {}
    for name in chunks[0].columns:
        column = pl.concat([chunk.drop_in_place(name) for chunk in chunks], rechunk=True)
        columns[name] = column if order is None else column.gather(pl.Series(order))
        del column
    return columns


def _log_order(latest_ms: NDArray[np.int64]) -> NDArray[np.uint32] | None:
    """Where each row of the log lies, by time, equals as they are; None where they are in order.

    Args:
        latest_ms: int64 [rows], overwritten. Never falling in a partition, so each keeps its order.

    Returns:
        uint32 [rows].
    """
    if len(latest_ms) < 2 or bool(np.all(latest_ms[1:] >= latest_ms[:-1])):
        return None
    bits = int(len(latest_ms) - 1).bit_length()
    first = int(latest_ms.min())
    if (int(latest_ms.max()) - first).bit_length() + bits > 64:
        return np.argsort(latest_ms, kind="stable").astype(np.uint32)
    latest_ms -= first
    keys = latest_ms.view(np.uint64)
    keys <<= np.uint64(bits)
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        part |= np.arange(start, start + len(part), dtype=np.uint64)
    keys.sort()  # time and row in one number: sorting is in place and quick
    keys &= np.uint64((1 << bits) - 1)
    return keys.astype(np.uint32)
