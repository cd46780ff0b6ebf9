"""The gate counts predictions of events that the incumbent has not learned, all where those are too few."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from msgspec import UNSET

from models.release import load_release
from retrain.gate.candidate_gate import examine
from retrain.gate.gate_rules import GateRules
from retrain.gate.unlearned_predictions import counted_predictions
from schemas.timestamps import from_epoch_ms
from tests.retrain.gate.planted_candidates import (
    ITEMS,
    Matrix,
    learned_until,
    slice_of,
    successor_answers,
    write_candidate,
)
from tests.retrain.planted_sessions import START_MS

RULES = GateRules(resamples=200)
CUT_MS = START_MS + 150 * 60_000
LEARNED_TOO = "what the incumbent learned counts too"


def weeks_long(sessions: int = 250) -> pl.DataFrame:
    """The same sessions, each of which had other items before the cut."""
    events = slice_of(ITEMS, sessions)
    later = events.filter(pl.col("occurred_at_ms") >= CUT_MS)
    earlier = later.with_columns(
        item_id=(pl.col("item_id").cast(pl.Int32) * 7 % ITEMS).cast(pl.String),
        occurred_at_ms=pl.col("occurred_at_ms") - 100_000_000,
    )
    return pl.concat([earlier, later]).sort("occurred_at_ms", maintain_order=True)


def knows_the_past() -> Matrix:
    """After each item its successor or, as before the cut, another seventh item, at a distance."""
    answers = successor_answers(ITEMS)
    answers[np.arange(ITEMS), (np.arange(ITEMS) + 7) % ITEMS] = 0.9
    return answers


def test_what_the_incumbent_has_learned_does_not_count_for_it(tmp_path: Path) -> None:
    incumbent = write_candidate(tmp_path, "incumbent", knows_the_past())
    candidate = write_candidate(tmp_path, "candidate")
    rules = GateRules(resamples=200, min_predictions=100)
    whole = examine(candidate, incumbent, weeks_long(), rules)
    assert {one.rule for one in whole.refusals} >= {"recall_loss"}
    assert (whole.newer_than, whole.whole_slice) == (UNSET, f"a manifest names no last event: {LEARNED_TOO}")
    last = from_epoch_ms(CUT_MS - 1)
    counted = examine(candidate, learned_until(incumbent, last), weeks_long(), rules)
    assert (counted.passed, counted.newer_than, counted.whole_slice) == (True, last, UNSET)
    assert counted.figures["predictions"] < whole.figures["predictions"]


def test_lists_are_made_from_the_whole_session_though_its_past_is_not_predicted(tmp_path: Path) -> None:
    incumbent = load_release(learned_until(write_candidate(tmp_path, "r"), from_epoch_ms(CUT_MS - 1)))
    prefixes = counted_predictions(
        weeks_long(), {"incumbent": incumbent.manifest}, GateRules(min_predictions=1)
    ).prefixes
    assert prefixes is not None
    assert prefixes.position.min() > 1
    assert prefixes.target_times_ms.min() == CUT_MS


@pytest.mark.parametrize(("found", "min_predictions"), [(3, 4), (0, 1)])
def test_whole_slice_counts_where_too_little_of_it_is_new(
    tmp_path: Path, found: int, min_predictions: int
) -> None:
    events = slice_of(ITEMS)
    follows = events.filter(~pl.col("session_id").is_first_distinct())["occurred_at_ms"]
    last_ms = follows[-1 - found]
    incumbent = learned_until(write_candidate(tmp_path, "incumbent"), from_epoch_ms(last_ms))
    rules = GateRules(resamples=200, min_predictions=min_predictions)
    report = examine(write_candidate(tmp_path, "candidate"), incumbent, events, rules)
    assert report.figures["predictions"] == len(follows)
    assert report.newer_than is UNSET
    assert str(report.whole_slice).startswith(f"{found} predictions of the slice are later than 2026-")
    assert str(report.whole_slice).endswith(f"{min_predictions} are needed: {LEARNED_TOO}")


def test_one_event_of_a_clock_that_is_ahead_makes_nothing_learned(tmp_path: Path) -> None:
    incumbent = write_candidate(tmp_path, "incumbent", knows_the_past())
    made_at = from_epoch_ms(CUT_MS - 1)
    learned_until(incumbent, datetime(2099, 1, 1, tzinfo=UTC), made_at)
    rules = GateRules(resamples=200, min_predictions=100)
    report = examine(write_candidate(tmp_path, "candidate"), incumbent, weeks_long(), rules)
    assert (report.passed, report.newer_than, report.whole_slice) == (True, made_at, UNSET)


def test_refit_is_asked_what_it_has_learned_too_unless_that_is_not_to_count(tmp_path: Path) -> None:
    refit = learned_until(write_candidate(tmp_path, "refit"), from_epoch_ms(CUT_MS - 1), refit=True)
    incumbent = learned_until(write_candidate(tmp_path, "incumbent"), from_epoch_ms(START_MS - 1))
    rules = GateRules(resamples=200, min_predictions=100)
    newer = [
        examine(refit, beside, slice_of(ITEMS), rules, refit_counts=counts).newer_than
        for beside in (None, incumbent)
        for counts in (True, False)
    ]
    cut = from_epoch_ms(CUT_MS - 1)
    assert newer == [UNSET, cut, from_epoch_ms(START_MS - 1), cut]


def test_without_an_incumbent_every_prediction_counts(tmp_path: Path) -> None:
    report = examine(write_candidate(tmp_path, "r"), None, slice_of(ITEMS), RULES)
    assert (report.newer_than, report.whole_slice) == (UNSET, UNSET)
