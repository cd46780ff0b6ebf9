"""The training log and its split: what a release learns from, what it is tuned on, and what it is judged on.

Owns the split, so that `train`, `tune` and `evaluate` of one file agree by construction. Callers:
`retrain.training.training_run`, `retrain.training.training_commands`, evaluation, tuning.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from retrain.id_codes import codes_of, with_plain_ids
from retrain.repeated_events import without_repeats
from schemas.errors import UsageError
from schemas.event_files import TEST, TRAIN, read_events

VALIDATION = "validation"
"""Marks, in the `split` column that `hold_out_validation` writes, what neither trains nor tests."""
GREATEST_SHARE = 0.9
_ROW = "row number"


class ValidationSplit(NamedTuple):
    """The training events in two parts, each in log order; no session is in both."""

    fit: pl.DataFrame
    """To learn from."""
    validation: pl.DataFrame
    """To choose between configurations."""


def read_log(path: Path, event_type_map: Mapping[str, str]) -> pl.DataFrame:
    """The events of a file in log order, repeats left out: by time, or by row where any time is missing.

    Args:
        path: see `schemas.event_files.read_events`.
        event_type_map: likewise.

    Raises:
        UsageError: the file cannot be used.
    """
    events = read_events(path, event_type_map)
    has_all_times = events["occurred_at_ms"].null_count() == 0
    return without_repeats(events.sort("occurred_at_ms", maintain_order=True) if has_all_times else events)


def train_events(log: pl.DataFrame, test_share: float) -> pl.DataFrame:
    """The rows to learn from: split=train where the log has a split, else all but the sessions that end last.

    Args:
        log: in log order.
        test_share: the share of the sessions, those that end last, which is kept for evaluation.
    """
    return _rows_of(log, TRAIN, test_share)


def test_events(log: pl.DataFrame, test_share: float) -> pl.DataFrame:
    """The rows to evaluate on: what `train_events` of the same arguments leaves; ids are strings."""
    return with_plain_ids(_rows_of(log, TEST, test_share))


def learnable_events(log: pl.DataFrame) -> pl.DataFrame:
    """What `train_events` and `test_events` have together: all but what is marked as validation."""
    if "split" in log.columns and log["split"].null_count() < len(log):
        return log.filter(pl.col("split").is_in([TRAIN, TEST]))
    return log


def validation_split(
    training: pl.DataFrame, validation_share: float, option: str = "--validation-share"
) -> ValidationSplit:
    """Cut the validation sessions off the training events: the last ones by their end.

    Args:
        training: what `train_events` gave: in log order, so that where times are missing rows decide.
        validation_share: the share of the sessions that is kept for validation, above 0, at most 0.9.
        option: where the user gave the share.

    Raises:
        UsageError: the share is out of its range, or leaves one of the parts without a session.
    """
    if not 0 < validation_share <= GREATEST_SHARE:
        raise UsageError(f"{option} {validation_share:g}: use more than 0, at most {GREATEST_SHARE}")
    ends_last = _of_last_sessions(training, validation_share)
    parts = ValidationSplit(training.filter(~ends_last), training.filter(ends_last))
    if parts.fit.is_empty() or parts.validation.is_empty():
        raise UsageError(
            f"{option} {validation_share:g}: of {training['session_id'].n_unique():,} training sessions "
            f"it leaves none to {'learn from' if parts.fit.is_empty() else 'predict'}; give another share"
        )
    return parts


def hold_out_validation(
    log: pl.DataFrame, test_share: float, validation_share: float, option: str = "--validation-share"
) -> pl.DataFrame:
    """The log with a `split` column that says train, validation or test: a training leaves out the last two.

    `train_events` of it are the `fit` part of `validation_split`, under every test share.

    Args:
        log: in log order.
        test_share: see `train_events`.
        validation_share: see `validation_split`.
        option: likewise.

    Raises:
        UsageError: see `validation_split`.
    """
    numbered = log.with_row_index(_ROW)
    parts = validation_split(train_events(numbered, test_share), validation_share, option)
    marked = {TRAIN: parts.fit, VALIDATION: parts.validation, TEST: test_events(numbered, test_share)}
    splits = pl.concat([rows.select(_ROW, split=pl.lit(name)) for name, rows in marked.items()])
    return (
        numbered.drop("split", strict=False)
        .join(splits, on=_ROW, how="left", maintain_order="left")
        .drop(_ROW)
    )


def _rows_of(log: pl.DataFrame, split: str, test_share: float) -> pl.DataFrame:
    if "split" in log.columns and log["split"].null_count() < len(log):
        return log.filter(pl.col("split") == split)
    in_test = _of_last_sessions(log, test_share)
    return log.filter(in_test if split == TEST else ~in_test)


def _of_last_sessions(events: pl.DataFrame, share: float) -> pl.Series:
    """Whether a row is of one of the share of the sessions that end last."""
    if events.is_empty():
        return pl.Series(dtype=pl.Boolean)
    codes = codes_of(events["session_id"])
    ends = np.full(int(codes.max()) + 1, -1, dtype=np.int64)
    ends[codes] = np.arange(len(codes))  # of equal indexes the last counts
    sessions = np.flatnonzero(ends >= 0)
    by_end = sessions[np.argsort(ends[sessions])]
    is_last = np.zeros(len(ends), dtype=np.bool_)
    is_last[by_end[len(by_end) - round(share * len(by_end)) :]] = True
    return pl.Series(is_last[codes])
