"""Evaluation: every prefix once, unseen targets miss, parts and single events agree."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.model_config import ModelConfig
from models.recommender import Recommender, SessionEvent
from models.release import Release, load_release
from retrain.evaluation.evaluation import evaluate
from retrain.evaluation.served_release import ServedRelease
from retrain.training.training_run import train_release
from schemas.errors import UsageError
from schemas.item_event import ItemEvent
from schemas.session_state import SessionState
from tests.retrain.planted_sessions import ring_events

CONFIG = ModelConfig(
    hidden_size=16, epochs=3, min_steps=200, batch_size=16, n_negatives=8, session_gap_s=0, test_share=0
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder: Path = tmp_path_factory.mktemp("releases")
    manifest = train_release(ring_events(noise=0.05), CONFIG, folder, datetime(2026, 5, 4, tzinfo=UTC))
    return load_release(folder / manifest.release_id)


def the_future(noise: float = 0.05) -> pl.DataFrame:
    return ring_events(sessions=80, noise=noise, seed=99)


def test_planted_next_items_are_found(release: Release) -> None:
    evaluation = evaluate(ServedRelease(release), the_future(), [1, 5, 20])
    assert evaluation.metrics["recall@1"] >= 0.85
    assert evaluation.metrics["mrr@20"] >= 0.85
    assert evaluation.metrics["recall@20"] >= evaluation.metrics["recall@5"] >= evaluation.metrics["recall@1"]


def test_every_event_but_the_last_of_a_session_is_a_prefix(release: Release) -> None:
    events = the_future()
    evaluation = evaluate(ServedRelease(release), events, [20])
    assert evaluation.sessions == 80
    assert evaluation.n == len(events) - 80
    assert evaluation.unseen_targets == 0


def test_unseen_target_is_a_miss_that_counts(release: Release) -> None:
    events = pl.DataFrame(
        {
            "session_id": ["s"] * 3,
            "item_id": ["0-1", "never seen", "0-3"],
            "event_type": ["view"] * 3,
            "occurred_at_ms": [1, 2, 3],
        }
    )
    evaluation = evaluate(ServedRelease(release), events, [20])
    assert (evaluation.n, evaluation.unseen_targets) == (2, 1)
    assert evaluation.metrics["recall@20"] <= 0.5


def test_parts_of_any_size_give_the_same_figures(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[int, int]] = []
    whole = evaluate(ServedRelease(release), the_future(noise=0.5), [10])
    monkeypatch.setattr("retrain.evaluation.prefixes.BATCH_EVENTS", 7)
    parts = evaluate(ServedRelease(release), the_future(noise=0.5), [10], lambda *at: done.append(at))
    assert parts.n == whole.n
    assert parts.metrics == pytest.approx(whole.metrics)
    assert len(done) > 10
    assert done[-1] == (whole.n, whole.n)


def test_figures_equal_those_of_lists_made_event_by_event(release: Release) -> None:
    recommender = Recommender(release, k=3)
    events = the_future(noise=0.4)
    shuffled = events.sort("occurred_at_ms", descending=False).with_columns(at=pl.int_range(pl.len()) % 7)
    interleaved = shuffled.sort("at", maintain_order=True).drop("at")
    states: dict[str, SessionState] = {}
    listed: dict[str, np.ndarray] = {}
    hits = total = 0
    for row in interleaved.iter_rows(named=True):
        key = row["session_id"]
        target = release.vocabulary.row(row["item_id"])
        if key in listed:
            hits, total = hits + int(target in listed[key]), total + 1
        outcome = recommender.recommend(dict(states), [SessionEvent(ItemEvent(**row), partition=0)])  # type: ignore[arg-type]
        states.update(outcome.states)  # type: ignore[arg-type]
        recommendation = outcome.recommendations[0]
        assert recommendation is not None
        listed[key] = recommendation.ranked.rows
    evaluation = evaluate(ServedRelease(release), interleaved, [3])
    assert evaluation.n == total
    assert evaluation.metrics["recall@3"] == pytest.approx(hits / total)


def test_missing_times_are_no_gap(release: Release) -> None:
    events = the_future()
    timeless = events.with_columns(occurred_at_ms=pl.lit(None, dtype=pl.Int64))
    model = ServedRelease(release)
    assert evaluate(model, timeless, [20]) == evaluate(model, events, [20])


def test_filters_of_the_recommender_count(release: Release) -> None:
    repeats = pl.DataFrame(
        {
            "session_id": ["s", "s", "t", "t"],
            "item_id": ["0-1"] * 4,
            "event_type": ["view"] * 4,
            "occurred_at_ms": [1, 2, 3, 4],
        }
    )
    everything = evaluate(ServedRelease(release), repeats, [40])
    without_viewed = evaluate(ServedRelease(release, frozenset({0})), repeats, [40])
    assert everything.metrics["recall@40"] == 1
    assert without_viewed.metrics["recall@40"] == 0


def test_sessions_of_one_event_predict_nothing(release: Release) -> None:
    single = the_future().unique("session_id", keep="first", maintain_order=True)
    with pytest.raises(UsageError, match="nothing to predict: of 80 test events no two are of one session"):
        evaluate(ServedRelease(release), single, [20])
