"""Time windows: train up to a time T, predict the window that follows, slide.

Owns the cutting of a log at T. The rule for sessions that straddle T: an event is learned from if and only if
it happened before T; a prediction counts if and only if its target happened in the window; its list is made
from all earlier events of the session, those before T included, as the running service has them in its state.
So nothing that is learned from happened at T or later, and an event is predicted in one window at most.
Caller: `retrain.evaluation.window_evaluation`.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl

from retrain.evaluation.prefixes import Prefixes, prefixes_of
from schemas.errors import UsageError
from schemas.timestamps import from_epoch_ms, to_epoch_ms

_HOUR_MS = 3_600_000


class TimeWindow(NamedTuple):
    """One step, in epoch milliseconds."""

    train_from_ms: int | None
    """None: from the log's beginning."""
    train_until_ms: int
    """T; also the window's beginning."""
    test_until_ms: int
    """The window's end, itself not in it."""


class WindowParts(NamedTuple):
    """What is learned from and what is predicted."""

    training: pl.DataFrame
    prefixes: Prefixes


def windows_end(given: str | None) -> int | None:
    """Where the last window ends, epoch milliseconds; None where nothing is given.

    Args:
        given: RFC 3339; a time without a zone is UTC.

    Raises:
        UsageError: it is no time.
    """
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise UsageError(f"--until {given}: no time; write it as in 2026-01-31T12:00Z") from error
    return to_epoch_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def last_windows(
    log: pl.DataFrame, n: int, window_hours: float, train_hours: float | None, until_ms: int | None = None
) -> list[TimeWindow]:
    """The last n windows of a log, one after the other.

    Args:
        log: in log order.
        n: how many.
        window_hours: the length of each.
        train_hours: the length of what is learned from before each; None: all that is before.
        until_ms: where the last one ends, epoch milliseconds; None: at the log's end.

    Raises:
        UsageError: a time is missing, or the log does not reach back far enough.
    """
    times = log["occurred_at_ms"]
    if missing := times.null_count():
        raise UsageError(f"--windows {n}: {missing} of {len(log)} events have no time; windows need them all")
    first, last = int(times.min()), int(times.max())  # type: ignore[arg-type]  # Int64, not empty
    end = last + 1 if until_ms is None else min(until_ms, last + 1)
    length = round(window_hours * _HOUR_MS)
    needed = n * length + round((train_hours or 0) * _HOUR_MS)
    if first > end - needed or (train_hours is None and first == end - needed):
        raise UsageError(
            f"--windows {n} of {window_hours:g} h: the log covers {(end - first) / _HOUR_MS:.1f} h, which "
            "leaves too little to train on; take fewer or shorter windows, or less training"
        )
    starts = [end - left * length for left in range(n, 0, -1)]
    back = None if train_hours is None else round(train_hours * _HOUR_MS)
    return [TimeWindow(None if back is None else start - back, start, start + length) for start in starts]


def window_parts(log: pl.DataFrame, window: TimeWindow) -> WindowParts:
    """Cut a log for one window.

    Args:
        log: in log order, without nulls in `occurred_at_ms`.
        window: where to cut.

    Raises:
        UsageError: there is nothing to learn from, or nothing to predict.
    """
    at = pl.col("occurred_at_ms")
    training = log.filter(at.is_between(window.train_from_ms or 0, window.train_until_ms, closed="left"))
    if training.is_empty():
        raise UsageError(
            f"no event to train on before {from_epoch_ms(window.train_until_ms):%Y-%m-%d %H:%M}Z"
        )
    until_end = log.filter(at < window.test_until_ms)
    in_window = until_end.filter(at >= window.train_until_ms)["session_id"].unique()
    sessions = until_end.filter(pl.col("session_id").is_in(in_window.implode()))
    return WindowParts(training, prefixes_of(sessions, (window.train_until_ms, window.test_until_ms)))
