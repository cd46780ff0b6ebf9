"""Logs written as sessions: each a string of item names, ten seconds an event, a minute between sessions."""

from collections.abc import Sequence

import polars as pl

START_MS = 1_780_000_000_000


def a_log(*sessions: str, times_ms: Sequence[int | None] | None = None) -> pl.DataFrame:
    """A log of sessions, one after the other.

    Args:
        sessions: item names separated by spaces.
        times_ms: of all events, in place of the usual ones.
    """
    rows = [
        (f"s{session}", item, "view", START_MS + 60_000 * session + 10_000 * at)
        for session, items in enumerate(sessions)
        for at, item in enumerate(items.split())
    ]
    columns = ["session_id", "item_id", "event_type", "occurred_at_ms"]
    log = pl.DataFrame(rows, schema=columns, orient="row")
    if times_ms is None:
        return log
    return log.with_columns(occurred_at_ms=pl.Series(times_ms, dtype=pl.Int64))
