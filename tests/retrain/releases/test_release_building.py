"""A release that was built can be loaded and says what it was made of; unfinished, it does not exist."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.model_config import ModelConfig
from models.release import load_release, load_tables, read_manifest
from retrain.training.sessionize import build_vocabulary, sessionize
from retrain.training.training_run import train_release
from schemas.errors import InvalidRelease, UsageError
from schemas.release_manifest import MANIFEST_FILE
from tests.retrain.planted_sessions import START_MS, ring_events

CONFIG = ModelConfig(
    hidden_size=8, epochs=1, min_steps=50, batch_size=16, n_negatives=8, session_gap_s=0, test_share=0.2
)
NOW = datetime(2026, 5, 4, 3, 2, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["exact", "pq_fastscan"])
def test_built_release_loads_and_finds_items(tmp_path: Path, kind: str) -> None:
    config = ModelConfig(hidden_size=8, epochs=1, min_steps=50, batch_size=16, session_gap_s=0, index=kind)  # type: ignore[arg-type]
    manifest = train_release(ring_events(), config, tmp_path, NOW)
    release = load_release(tmp_path / manifest.release_id)
    assert release.manifest == manifest
    assert release.index.kind == kind
    assert len(release.vocabulary) == manifest.items == 40
    assert ("index.faiss" in manifest.files) == (kind != "exact")
    query, _ = release.encoder.step(
        np.array(release.item_vectors[:2]), np.zeros(2, dtype=np.int64), np.zeros((2, 8), dtype=np.float16)
    )
    rows, scores = release.index.search(query, 5)
    assert rows.shape == (2, 5)
    np.testing.assert_allclose(
        scores, np.take_along_axis(query @ release.item_vectors.T, rows, axis=1), atol=1e-5
    )


def test_manifest_says_when_of_what_and_how(tmp_path: Path) -> None:
    events = ring_events()
    manifest = train_release(events, CONFIG, tmp_path, NOW)
    trained = events.filter(pl.col("session_id").str.slice(1).cast(pl.Int32) < 240)
    assert manifest.release_id == f"gru4rec-20260504T030201000005Z-{manifest.data.sha256[:8]}"
    assert manifest.created_at == NOW
    assert (manifest.session_gap_s, manifest.strategy) == (0, "gru4rec")
    assert (manifest.data.events, manifest.data.sessions, manifest.data.items) == (len(trained), 240, 40)
    assert manifest.data.first_event_at == datetime.fromtimestamp(START_MS / 1000, UTC)
    assert manifest.config["hidden_size"] == 8
    assert manifest.metrics["training_loss"] > 0


def test_similar_items_lead_to_the_neighbours_and_popular_ones_are_the_most_frequent(tmp_path: Path) -> None:
    events = ring_events(noise=0)
    manifest = train_release(events, CONFIG, tmp_path, NOW)
    tables = load_tables(tmp_path / manifest.release_id)
    vocabulary = build_vocabulary(events.filter(pl.col("session_id").str.slice(1).cast(pl.Int32) < 240))
    assert tables.vocabulary.item_ids == vocabulary.item_ids
    assert tables.popular["row"].tolist() == list(range(40))
    assert tables.similar.shape == (40, 39)


def test_data_hash_depends_on_the_events_and_nothing_else(tmp_path: Path) -> None:
    events = ring_events(sessions=60)
    first = train_release(events, CONFIG, tmp_path / "a", NOW).data
    again = train_release(events.with_columns(price=1.0), CONFIG, tmp_path / "b", NOW).data
    other = train_release(ring_events(sessions=60, seed=4), CONFIG, tmp_path / "c", NOW).data
    assert first.sha256 == again.sha256
    assert first.sha256 != other.sha256


def test_events_without_times_have_no_time_range(tmp_path: Path) -> None:
    timeless = ring_events(sessions=60).with_columns(occurred_at_ms=pl.lit(None, dtype=pl.Int64))
    data = train_release(timeless, CONFIG, tmp_path, NOW).data
    assert (data.first_event_at, data.last_event_at) == (None, None)


def test_folder_without_manifest_is_no_release(tmp_path: Path) -> None:
    manifest = train_release(ring_events(sessions=60), CONFIG, tmp_path, NOW)
    (tmp_path / manifest.release_id / MANIFEST_FILE).unlink()
    with pytest.raises(InvalidRelease, match=r"is no release: manifest\.json cannot be read"):
        read_manifest(tmp_path / manifest.release_id)


def test_existing_release_is_never_written_over(tmp_path: Path) -> None:
    train_release(ring_events(sessions=60), CONFIG, tmp_path, NOW)
    with pytest.raises(UsageError, match="the release cannot be written"):
        train_release(ring_events(sessions=60), CONFIG, tmp_path, NOW)


def test_log_without_training_rows_is_said(tmp_path: Path) -> None:
    log = ring_events(sessions=10).with_columns(split=pl.lit("test"))
    with pytest.raises(UsageError, match="no events to train on"):
        train_release(log, CONFIG, tmp_path, NOW)


def test_sessions_of_a_release_follow_its_gap() -> None:
    events = ring_events(sessions=10)
    vocabulary = build_vocabulary(events)
    assert len(sessionize(events, vocabulary, 0.5)) == len(events)
