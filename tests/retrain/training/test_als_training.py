"""Strategy `als`: a release that serves what the baseline of the same name finds."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.model_config import ModelConfig
from models.recommender import Recommender, SessionEvent
from models.release import Release, load_release
from retrain.baselines.registry import fit_baseline
from retrain.evaluation.served_release import ServedRelease
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_run import train_release
from schemas.errors import UsageError
from schemas.ids import ItemId, SessionId
from schemas.item_event import ItemEvent
from tests.retrain.planted_sessions import ring_events

NOW = datetime(2026, 5, 4, tzinfo=UTC)
CONFIG = ModelConfig(strategy="als", als_factors=12, als_iterations=5, session_gap_s=0, test_share=0)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder: Path = tmp_path_factory.mktemp("releases")
    manifest = train_release(ring_events(), CONFIG, folder, NOW)
    return load_release(folder / manifest.release_id)


def test_the_release_and_its_lists_say_als(release: Release) -> None:
    assert release.manifest.strategy == "als"
    assert release.release_id.startswith("als-")
    event = ItemEvent(session_id=SessionId("s"), item_id=ItemId("0-1"), event_type="view", occurred_at_ms=1)
    (recommendation,) = Recommender(release, k=5).recommend({}, [SessionEvent(event, 0)]).recommendations
    assert recommendation is not None
    assert recommendation.strategy == "als"


def test_the_served_path_finds_what_the_baseline_finds(release: Release) -> None:
    baseline = fit_baseline("als:factors=12,iterations=5", ring_events(), 0)
    events = ring_events(sessions=50, seed=8)
    served, direct = ServedRelease(release).lists(events, k=8), baseline.lists(events, k=8)
    # the served state is rounded to float16 after each event
    np.testing.assert_allclose(served.scores, direct.scores, rtol=0.02, atol=0.01)
    assert (served.rows[:, 0] == direct.rows[:, 0]).mean() >= 0.98


def test_the_items_of_a_ring_are_alike(release: Release) -> None:
    ids = np.array(release.vocabulary.item_ids)
    nearest = ids[release.similar["row"][:, 0]]
    same = [item.split("-")[0] == other.split("-")[0] for item, other in zip(ids, nearest, strict=True)]
    assert np.mean(same) >= 0.95


def test_each_iteration_is_reported_with_a_falling_loss(tmp_path: Path) -> None:
    reports: list[TrainingProgress] = []
    manifest = train_release(ring_events(sessions=60), CONFIG, tmp_path, NOW, reports.append)
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5]
    assert reports[-1].events == reports[-1].total_events
    assert reports[-1].loss < reports[0].loss
    assert manifest.metrics["training_loss"] == pytest.approx(reports[-1].loss, abs=1e-6)


def test_one_item_is_too_few(tmp_path: Path) -> None:
    lonely = ring_events(sessions=5).with_columns(item_id=pl.lit("a"))
    with pytest.raises(UsageError, match="needs at least 2"):
        train_release(lonely, CONFIG, tmp_path, NOW)


def test_a_state_that_is_too_large_is_refused() -> None:
    with pytest.raises(UsageError, match="als_factors 200 \\* als_last_items 4 is more than 512"):
        ModelConfig(strategy="als", als_factors=200)
