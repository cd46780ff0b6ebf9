"""Session prefixes: for each event the known items of its session, by the rule that also serves.

Owns the way from a frame of events to arrays of prefixes; no scores. Callers: every module of
`retrain.baselines`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.session_rule import starts_session
from models.vocabulary import UNKNOWN, Vocabulary


class LastItems(NamedTuple):
    """The last known items of n prefixes, prefix by prefix, the latest first."""

    prefix: NDArray[np.int64]
    """int64 [m], rising: the prefix that an item belongs to."""
    item_row: NDArray[np.int32]
    """int32 [m]."""
    age: NDArray[np.int64]
    """int64 [m], known events of the prefix after this one: 0 for the last."""


@dataclass(frozen=True, eq=False)
class SessionPrefixes:
    """Prefixes: number i is `item_rows[first[i] : end[i]]`, empty where nothing is known."""

    item_rows: NDArray[np.int32]
    """int32 [known events]."""
    first: NDArray[np.int64]
    """int64 [n]."""
    end: NDArray[np.int64]
    """int64 [n]."""

    def __len__(self) -> int:
        return len(self.first)

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Whether nothing of a prefix is known, bool [n]."""
        is_empty: NDArray[np.bool_] = self.first == self.end
        return is_empty

    def parts(self, size: int) -> Iterator[tuple[slice, "SessionPrefixes"]]:
        """The prefixes in parts of `size`, each with its place."""
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, SessionPrefixes(self.item_rows, self.first[part], self.end[part])

    def last_items(self, n: int) -> LastItems:
        """The last n known items of each prefix; fewer where it is shorter."""
        lengths = np.minimum(self.end - self.first, n)
        prefix = np.repeat(np.arange(len(self)), lengths)
        age = np.arange(len(prefix)) - (np.cumsum(lengths) - lengths)[prefix]
        return LastItems(prefix, self.item_rows[self.end[prefix] - 1 - age], age)

    def last_distinct_items(self, n: int) -> LastItems:
        """As `last_items`, each item of a prefix once: where it occurs last."""
        found = self.last_items(n)
        keys = found.prefix * (int(self.item_rows.max(initial=0)) + 1) + found.item_row
        _, latest = np.unique(keys, return_index=True)
        kept = np.sort(latest)
        return LastItems(found.prefix[kept], found.item_row[kept], found.age[kept])


def session_prefixes(events: pl.DataFrame, vocabulary: Vocabulary, session_gap_s: float) -> SessionPrefixes:
    """The prefix that ends with each event.

    Args:
        events: as in `retrain.evaluation.next_item_model.NextItemModel.lists`.
        vocabulary: items outside of it make no step.
        session_gap_s: see `models.session_rule.starts_session`.
    """
    rows = vocabulary.rows(events["item_id"])
    known = rows != UNKNOWN
    end = np.cumsum(known)
    starts = _starts(events, session_gap_s)
    start_of = np.maximum.accumulate(np.where(starts, np.arange(len(events)), 0))
    return SessionPrefixes(rows[known], (end - known)[start_of], end)


def _starts(events: pl.DataFrame, session_gap_s: float) -> NDArray[np.bool_]:
    """Whether an event starts a session, bool [n]: at a new session id, and after a gap."""
    before = events.select(
        "session_id", latest_at_ms=pl.col("occurred_at_ms").cum_max().over("session_id")
    ).shift(1)
    new_id = events["session_id"].ne_missing(before["session_id"]).to_numpy()
    latest_ms = before["latest_at_ms"].fill_null(0).to_numpy()
    return new_id | starts_session(latest_ms, events["occurred_at_ms"].to_numpy(), session_gap_s)
