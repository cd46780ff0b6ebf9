"""Refit: a judged candidate learns the slice, and what is counted is of the whole window."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from models.model_config import ModelConfig
from models.release import VOCABULARY_FILE, load_release, read_manifest
from retrain.evaluation.predictions import predict
from retrain.evaluation.prefixes import prefixes_of
from retrain.evaluation.ranking_metrics import recall_at_k
from retrain.evaluation.served_release import ServedRelease
from retrain.event_split import test_events as slice_of
from retrain.event_split import train_events
from retrain.releases.release_building import hash_of_events
from retrain.training.refit import refit_release
from retrain.training.training_run import train_release
from schemas.errors import InvalidRelease, UsageError
from schemas.release_manifest import DataRange, Refit, ReleaseManifest
from schemas.timestamps import from_epoch_ms
from tests.release_builder import corrupt
from tests.retrain.planted_sessions import START_MS, ring_events

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
CONFIG = ModelConfig(
    hidden_size=32, epochs=4, min_steps=200, batch_size=16, n_negatives=32, warm_epochs=4, test_share=0.25
)
ALS = ModelConfig(strategy="als", als_factors=12, als_iterations=4, test_share=0.25)


def news(log: pl.DataFrame, share: float) -> pl.DataFrame:
    """The log whose newest sessions, and they alone, are of other items."""
    newest = slice_of(log, share)["session_id"].unique().to_list()
    renamed = pl.when(pl.col("session_id").is_in(newest)).then("new " + pl.col("item_id"))
    return log.with_columns(item_id=renamed.otherwise("item_id"))


LOG = news(ring_events(sessions=300, noise=0), 0.25)


def made(folder: Path, log: pl.DataFrame = LOG, config: ModelConfig = CONFIG) -> tuple[Path, ReleaseManifest]:
    """A candidate's folder, and the manifest of its refit beside it."""
    candidate = folder / train_release(log, config, folder, NOW).release_id
    return candidate, refit_release(candidate, log, config, folder, NOW)


def recall(folder: Path, log: pl.DataFrame) -> float:
    return recall_at_k(predict(ServedRelease(load_release(folder)), prefixes_of(log), 1).ranks, 1)


@pytest.mark.parametrize("config", [CONFIG, ALS], ids=["gru4rec", "als"])
def test_refit_knows_the_items_of_the_slice_and_counts_the_whole_window(
    tmp_path: Path, config: ModelConfig
) -> None:
    candidate, refit = made(tmp_path, config=config)
    before, after = load_release(candidate), load_release(tmp_path / refit.release_id)
    assert (before.manifest.items, after.manifest.items) == (40, 80)
    assert len(after.popular) == 80
    assert refit.data.sha256 == hash_of_events(LOG)
    assert refit.data.last_event_at == from_epoch_ms(LOG["occurred_at_ms"][-1])
    assert refit.release_id != before.release_id


def test_refit_learns_the_slice_alone_and_forgets_little(tmp_path: Path) -> None:
    candidate, refit = made(tmp_path)
    newest, older = slice_of(LOG, 0.25), train_events(LOG, 0.25)
    assert recall(candidate, newest) == 0
    assert recall(tmp_path / refit.release_id, newest) > 0.9
    assert recall(tmp_path / refit.release_id, older) > 0.9 * recall(candidate, older)
    assert isinstance(refit.refit, Refit)
    assert refit.refit.learned == DataRange(
        events=len(newest),
        sessions=75,
        items=40,
        first_event_at=from_epoch_ms(newest["occurred_at_ms"][0]),
        last_event_at=from_epoch_ms(newest["occurred_at_ms"][-1]),
        sha256=hash_of_events(newest),
    )


def test_factors_are_of_the_whole_window(tmp_path: Path) -> None:
    _, refit = made(tmp_path, config=ALS)
    assert isinstance(refit.refit, Refit)
    assert refit.refit.learned == refit.data
    assert recall(tmp_path / refit.release_id, LOG) > 0


def test_refit_is_no_warm_start_of_its_own(tmp_path: Path) -> None:
    _, first = made(tmp_path)
    later = datetime(2026, 5, 4, 13, tzinfo=UTC)
    candidate = train_release(LOG, CONFIG, tmp_path, later, warm_start=tmp_path / first.release_id)
    refit = refit_release(tmp_path / candidate.release_id, LOG, CONFIG, tmp_path, later)
    assert refit.lineage == candidate.lineage
    assert read_manifest(tmp_path / first.release_id).lineage != candidate.lineage


def test_slice_of_one_type_is_learned_by_a_model_of_several(tmp_path: Path) -> None:
    early = pl.col("occurred_at_ms") < START_MS + 60_000
    log = LOG.with_columns(event_type=pl.when(early).then(pl.lit("cart")).otherwise("event_type"))
    assert slice_of(log, 0.25)["event_type"].n_unique() == 1
    _, refit = made(tmp_path, log)
    assert recall(tmp_path / refit.release_id, slice_of(log, 0.25)) > 0.9


def test_rows_marked_as_validation_are_not_learned(tmp_path: Path) -> None:
    splits = ["train"] * 600 + ["test"] * 300 + ["validation"] * (len(LOG) - 900)
    log = LOG.with_columns(split=pl.Series(splits))
    _, refit = made(tmp_path, log)
    assert refit.data.events == 900


def test_window_that_brings_other_types_of_events_has_no_refit(tmp_path: Path) -> None:
    late = pl.col("session_id").is_in(slice_of(LOG, 0.25)["session_id"].unique().to_list())
    log = LOG.with_columns(event_type=pl.when(late).then(pl.lit("cart")).otherwise("event_type"))
    with pytest.raises(UsageError, match="own weights do not fit the whole window: release gru4rec-"):
        made(tmp_path, log)


def test_slice_without_pairs_has_nothing_to_learn(tmp_path: Path) -> None:
    newest = slice_of(LOG, 0.25)["session_id"].unique().to_list()
    is_newest = pl.col("session_id").is_in(newest)
    log = LOG.filter(~is_newest | pl.col("session_id").is_first_distinct())
    with pytest.raises(UsageError, match="none of the 75 training sessions has two events"):
        made(tmp_path, log)


def test_candidate_whose_weights_are_corrupt_is_not_gone_on_with(tmp_path: Path) -> None:
    candidate = train_release(LOG, CONFIG, tmp_path, NOW).release_id
    corrupt(tmp_path, candidate, VOCABULARY_FILE)
    with pytest.raises(InvalidRelease, match="is corrupt"):
        refit_release(tmp_path / candidate, LOG, CONFIG, tmp_path, NOW)
