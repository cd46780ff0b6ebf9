"""The training log and its split: what a release learns from, and what it is evaluated on.

Owns the split, so that `train` and `evaluate` of one file agree by construction.
Callers: `retrain.training_run`, `retrain.training_commands`.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from schemas.event_files import TEST, TRAIN, read_events


def read_log(path: Path, event_type_map: Mapping[str, str]) -> pl.DataFrame:
    """The events of a file in log order: by time, or as the rows stand where any time is missing.

    Args:
        path: see `schemas.event_files.read_events`.
        event_type_map: likewise.

    Raises:
        UsageError: the file cannot be used.
    """
    events = read_events(path, event_type_map)
    has_all_times = events["occurred_at_ms"].null_count() == 0
    return events.sort("occurred_at_ms", maintain_order=True) if has_all_times else events


def train_events(log: pl.DataFrame, test_share: float) -> pl.DataFrame:
    """The rows to learn from: split=train where the log has a split, else all but the sessions that end last.

    Args:
        log: in log order.
        test_share: the share of the sessions, those that end last, which is kept for evaluation.
    """
    return _rows_of(log, TRAIN, test_share)


def test_events(log: pl.DataFrame, test_share: float) -> pl.DataFrame:
    """The rows to evaluate on: what `train_events` of the same arguments leaves."""
    return _rows_of(log, TEST, test_share)


def _rows_of(log: pl.DataFrame, split: str, test_share: float) -> pl.DataFrame:
    if "split" in log.columns and log["split"].null_count() < len(log):
        return log.filter(pl.col("split") == split)
    by_end = log.unique("session_id", keep="last", maintain_order=True)["session_id"]
    tested = by_end.tail(round(test_share * len(by_end)))
    in_test = pl.col("session_id").is_in(tested.implode())
    return log.filter(in_test if split == TEST else ~in_test)
