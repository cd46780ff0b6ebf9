"""A release's lists and scores are those of a plain search over its item vectors."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from models.encoder import NO_STEP
from models.model_config import ModelConfig
from models.release import Release, load_release
from models.servable_model import index_vectors
from retrain.evaluation.evaluation import evaluate
from retrain.evaluation.next_item_model import NextItemModel, ScoresAllItems
from retrain.evaluation.ranking_metrics import mrr_at_k, recall_at_k
from retrain.evaluation.served_release import ServedRelease
from retrain.training.training_run import train_release
from tests.retrain.planted_sessions import ring_events

CONFIG = ModelConfig(
    hidden_size=16, epochs=1, min_steps=60, batch_size=16, n_negatives=8, session_gap_s=0, test_share=0
)
UNSEEN = pl.DataFrame(
    {
        "session_id": ["u", "u"],
        "item_id": ["never seen", "0-1"],
        "event_type": ["view", "view"],
        "occurred_at_ms": [1, 2],
    }
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder: Path = tmp_path_factory.mktemp("releases")
    manifest = train_release(ring_events(), CONFIG, folder, datetime(2026, 5, 4, tzinfo=UTC))
    return load_release(folder / manifest.release_id)


def the_future() -> pl.DataFrame:
    return ring_events(sessions=40, noise=0.3, seed=99).select(UNSEEN.columns)


def brute_force_scores(release: Release, events: pl.DataFrame) -> NDArray[np.float32]:
    """Session by session, step by step; states in float16 as they are stored."""
    scores, vectors = [], index_vectors(release.item_vectors, release.manifest.encoder.index_dim)
    for _, session in events.group_by("session_id", maintain_order=True):
        state = np.zeros((1, release.manifest.encoder.state_size), dtype=np.float16)
        rows = release.vocabulary.rows(session["item_id"]).tolist()
        for at, row in enumerate(rows):
            item, code = release.item_vectors[[max(row, 0)]], np.array([0 if row >= 0 else NO_STEP])
            query, state = release.encoder.step(item, code, state)
            scores.append(query[0] @ vectors.T)
            rescore_repeats(scores[-1], release, [row for row in rows[: at + 1] if row >= 0])
    return np.array(scores, dtype=np.float32)


def rescore_repeats(scores: NDArray[np.float32], release: Release, rows: list[int]) -> None:
    """In place; sessions of at most 8 events, of which none is forgotten."""
    assert release.repeat_bias is not None
    latest_first = list(dict.fromkeys(rows[::-1]))
    distinct = {1: 0, 2: 1, 3: 2, 4: 2}.get(len(latest_first), 3)
    for recency, row in enumerate(latest_first):
        slope, bias = release.repeat_bias[:, recency, distinct, min(rows.count(row), 3) - 1]
        scores[row] = slope * scores[row] + bias


def test_evaluation_through_the_index_equals_brute_force_over_the_item_vectors(release: Release) -> None:
    events = the_future()
    scores = brute_force_scores(release, events)
    target = events.select(next=pl.col("item_id").shift(-1).over("session_id"))["next"]
    has_target = target.is_not_null().to_numpy()
    rows = release.vocabulary.rows(target.drop_nulls())
    order = np.argsort(-scores[has_target], axis=1, kind="stable")
    ranks = 1 + (order == rows[:, None]).argmax(axis=1)
    found = evaluate(ServedRelease(release), events, [1, 5, 20])
    for k in (1, 5, 20):
        assert found.metrics[f"recall@{k}"] == pytest.approx(recall_at_k(ranks, k))
        assert found.metrics[f"mrr@{k}"] == pytest.approx(mrr_at_k(ranks, k))


def test_lists_are_the_best_of_all_scores(release: Release) -> None:
    model = ServedRelease(release)
    listed, scores = model.lists(the_future(), 7), model.all_scores(the_future())
    assert np.allclose(np.sort(scores, axis=1)[:, :-8:-1], listed.scores, atol=1e-5)
    assert np.allclose(
        np.take_along_axis(scores, listed.rows.astype(np.int64), axis=1), listed.scores, atol=1e-5
    )
    assert np.allclose(scores, brute_force_scores(release, the_future()), atol=1e-4)


def test_session_of_nothing_known_gets_the_popular_list_and_its_scores(release: Release) -> None:
    model = ServedRelease(release)
    listed, scores = model.lists(UNSEEN, 5), model.all_scores(UNSEEN)
    assert listed.rows[0].tolist() == release.popular["row"][:5].tolist()
    assert scores[0, release.popular["row"]].tolist() == release.popular["score"].tolist()
    assert not np.allclose(scores[1], scores[0])


def test_list_that_the_filter_leaves_short_is_filled_up(release: Release) -> None:
    excluded = ServedRelease(release, excluded_types=frozenset({0}))
    listed = excluded.lists(the_future().head(1), 40)
    assert (listed.rows[0, -1], listed.scores[0, -1]) == (-1, -np.inf)
    assert len(np.unique(listed.rows)) == 40


def test_release_keeps_the_promises_of_its_protocols(release: Release) -> None:
    model: NextItemModel = ServedRelease(release)
    assert isinstance(model, ScoresAllItems)
    assert model.name == release.release_id
    assert model.vocabulary is release.vocabulary


def test_exact_search_of_an_exact_release_changes_nothing(release: Release) -> None:
    model = ServedRelease(release)
    assert (model.with_exact_search().lists(the_future(), 5).rows == model.lists(the_future(), 5).rows).all()
