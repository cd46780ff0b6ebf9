"""The usual filters of session data: length of sessions and support of items, until nothing changes.

Owns what the filters do and their order. Caller: `retrain.importers.importing`.

1. Sessions with more than `max_session_length` events, as the source has them, are left out.
2. Sessions with fewer than `min_session_length` events are left out,
3. then items with fewer than `min_item_support` events in the sessions that are left;
   2 and 3 again, until both hold at once: as in Hidasi & Czapp 2023, section 3.

In memory are the counts of the items and one bucket of sessions (`retrain.importers.session_buckets`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from retrain.importers.session_buckets import SessionBuckets
from schemas.errors import UsageError

_SESSION_ITEM = ["session_id", "item_id"]


@dataclass(frozen=True)
class EventFilters:
    """Bounds, all counted in events; 1 and 0 leave nothing out."""

    min_item_support: int = 1
    min_session_length: int = 1
    max_session_length: int = 0
    """0: no bound."""

    def are_off(self) -> bool:
        """Whether every event passes."""
        return self.min_item_support <= 1 and self.min_session_length <= 1 and self.max_session_length == 0


def checked_filters(min_item_support: int, min_session_length: int, max_session_length: int) -> EventFilters:
    """The filters with these bounds.

    Raises:
        UsageError: no event could pass them, or one is no bound.
    """
    for option, given in (("item-support", min_item_support), ("session-length", min_session_length)):
        if given < 1:
            raise UsageError(f"--min-{option} {given}: give a whole number from 1")
    if max_session_length < 0:
        raise UsageError(f"--max-session-length {max_session_length}: give a whole number from 0 (no bound)")
    if 0 < max_session_length < min_session_length:
        raise UsageError(
            f"--max-session-length {max_session_length}: no session would be left; give at least "
            f"--min-session-length, {min_session_length}"
        )
    return EventFilters(min_item_support, min_session_length, max_session_length)


@dataclass(frozen=True)
class KeptEvents:
    """What the filters leave."""

    buckets: SessionBuckets
    filters: EventFilters
    items: pl.DataFrame
    """`item_id` of the items that are left."""

    def frames(self) -> Iterator[pl.DataFrame]:
        """The events that are left, bucket by bucket."""
        for bucket in self.buckets.frames():
            yield _passing(bucket, self.items, self.filters)


def kept_events(
    buckets: SessionBuckets, filters: EventFilters, on_pass: Callable[[int], None] = lambda _: None
) -> KeptEvents:
    """Find the items that are left when the filters change nothing more.

    Which sessions are left follows from the items; so the items are all that is kept between passes.

    Args:
        buckets: all events.
        filters: see the module.
        on_pass: called with the number of each pass over the events before it begins.
    """
    items: pl.DataFrame | None = None
    number = 0
    while True:
        on_pass(number := number + 1)
        counts = _item_counts(buckets, items, filters)
        items = counts.filter(pl.col("events") >= filters.min_item_support).select("item_id")
        if len(items) == len(counts):
            return KeptEvents(buckets, filters, items)


def _item_counts(buckets: SessionBuckets, items: pl.DataFrame | None, filters: EventFilters) -> pl.DataFrame:
    """`item_id` and `events` in the sessions that pass with these items."""
    counts = pl.DataFrame(schema={"item_id": pl.String, "events": pl.UInt64})
    for bucket in buckets.frames(_SESSION_ITEM):
        here = _passing(bucket, items, filters).group_by("item_id").agg(events=pl.len().cast(pl.UInt64))
        counts = pl.concat([counts, here]).group_by("item_id").agg(pl.col("events").sum())
    return counts


def _passing(bucket: pl.DataFrame, items: pl.DataFrame | None, filters: EventFilters) -> pl.DataFrame:
    length = pl.len().over("session_id")
    if filters.max_session_length:
        bucket = bucket.filter(length <= filters.max_session_length)
    if items is not None:
        bucket = bucket.join(items, on="item_id", how="semi")
    return bucket.filter(length >= filters.min_session_length)
