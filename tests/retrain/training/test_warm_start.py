"""Warm start: a training goes on from a release where its weights fit, and says why where they do not."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from models.model_config import ModelConfig
from models.release import load_release, read_manifest
from models.trainable_weights import SQUARES, WEIGHTS_FILE, load_weights
from retrain.evaluation.predictions import predict
from retrain.evaluation.prefixes import prefixes_of
from retrain.evaluation.ranking_metrics import recall_at_k
from retrain.evaluation.served_release import ServedRelease
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import ONE_CORE, Resources
from retrain.training.training_run import train_release
from schemas.errors import InvalidRelease, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import (
    MANIFEST_FILE,
    Lineage,
    ReleaseManifest,
    decode_release_manifest,
    encode_release_manifest,
)
from tests.retrain.planted_sessions import ring_events

CONFIG = ModelConfig(
    hidden_size=16,
    epochs=1,
    min_steps=0,
    batch_size=16,
    n_negatives=8,
    test_share=0,
    warm_learning_rate_factor=0.5,
)
MINUTES = count()


def train(
    releases: Path,
    log: pl.DataFrame,
    config: ModelConfig = CONFIG,
    warm_start: Path | None = None,
    resources: Resources = ONE_CORE,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
) -> ReleaseManifest:
    now = datetime(2026, 5, 4, 12, next(MINUTES), tzinfo=UTC)
    return train_release(log, config, releases, now, progress, resources, warm_start)


def recall(folder: Path, rings: int = 5) -> float:
    answered = predict(ServedRelease(load_release(folder)), prefixes_of(ring_events(200, rings, seed=9)), 2)
    return recall_at_k(answered.ranks, 2)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("releases")


@pytest.fixture(scope="module")
def release(releases: Path) -> Path:
    return releases / train(releases, ring_events()).release_id


def reason(manifest: ReleaseManifest) -> str:
    assert isinstance(manifest.lineage, Lineage)
    assert (manifest.lineage.warm_started_from, manifest.lineage.warm_cycles) == (None, 0)
    assert manifest.lineage.why_from_scratch is not None
    return manifest.lineage.why_from_scratch


def test_warm_epoch_is_at_least_as_good_as_a_cold_one(releases: Path, release: Path) -> None:
    warm = train(releases, ring_events(), warm_start=release)
    cold = train(releases, ring_events())
    assert recall(releases / warm.release_id) >= recall(releases / cold.release_id)
    assert cold.lineage is UNSET


def test_warm_starts_are_counted_and_named_in_the_manifest(releases: Path, release: Path) -> None:
    first = train(releases, ring_events(), warm_start=release)
    second = train(releases, ring_events(), warm_start=releases / first.release_id)
    assert first.lineage == Lineage(warm_started_from=ReleaseId(release.name), warm_cycles=1)
    assert second.lineage == Lineage(warm_started_from=first.release_id, warm_cycles=2)
    written = (releases / second.release_id / "manifest.json").read_bytes()
    assert decode_release_manifest(written) == second
    assert WEIGHTS_FILE in second.files


def test_new_items_are_learned_and_vanished_ones_gone(releases: Path, release: Path) -> None:
    grown = ring_events(rings=7).filter(~pl.col("item_id").str.starts_with("0-"))
    config = replace(CONFIG, warm_epochs=6)
    manifest = train(releases, grown, config, warm_start=release)
    assert isinstance(manifest.lineage, Lineage)
    assert manifest.lineage.warm_started_from == release.name
    served = ServedRelease(load_release(releases / manifest.release_id))
    new = ring_events(200, rings=7, noise=0, seed=9).filter(pl.col("item_id").str.contains("^[56]-"))
    assert recall_at_k(predict(served, prefixes_of(new), 3).ranks, 3) > 0.9
    assert not any(item_id.startswith("0-") for item_id in served.vocabulary.item_ids)


@pytest.mark.parametrize("changed", [{"members": 2}, {"tied_embeddings": False}, {"cosine_scale": 0.0}])
def test_ensembles_and_separate_embeddings_and_inner_products_start_warm(
    tmp_path: Path, changed: dict[str, float]
) -> None:
    config = replace(CONFIG, **changed)
    release = tmp_path / train(tmp_path, ring_events(), config).release_id
    warm = train(tmp_path, ring_events(rings=6), config, warm_start=release)
    assert isinstance(warm.lineage, Lineage)
    assert warm.lineage.warm_started_from == release.name
    assert len(load_weights(tmp_path / warm.release_id / WEIGHTS_FILE)) == config.members
    assert recall(tmp_path / warm.release_id) >= recall(release) - 0.05


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hidden_size": 8}, "its hidden_size is 16, and this training's 8"),
        ({"layers": 2}, "its layers is 1, and this training's 2"),
        ({"members": 2}, "its members is 1"),
        ({"tied_embeddings": False}, "its tied_embeddings is True"),
        ({"loss": "bpr_max", "cosine_scale": 0.0, "learning_rate": 0.05}, "its cosine_scale is 16.0"),
        ({"loss": "bpr", "learning_rate": 0.05}, "its loss is cross_entropy"),
        ({"repeat_bias": "off"}, "it has repeat_bias, this training none"),
        ({"strategy": "als", "als_factors": 4, "als_iterations": 1}, "its strategy is gru4rec"),
    ],
)
def test_other_shapes_are_trained_from_scratch_and_say_why(
    releases: Path, release: Path, changed: dict[str, object], said: str
) -> None:
    manifest = train(releases, ring_events(60), replace(CONFIG, **changed), warm_start=release)
    assert said in reason(manifest)


def test_event_types_that_came_are_a_reason_to_start_from_scratch(releases: Path, release: Path) -> None:
    typed = ring_events(60).with_columns(
        event_type=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("cart")).otherwise(pl.lit("view"))
    )
    assert "type_embeddings" in reason(train(releases, typed, warm_start=release))


def test_release_of_other_items_is_a_reason_to_start_from_scratch(releases: Path, release: Path) -> None:
    others = ring_events(60).with_columns(item_id="other-" + pl.col("item_id"))
    assert "it knows the items of 0% of the events" in reason(train(releases, others, warm_start=release))


def test_release_without_weights_is_a_reason_to_start_from_scratch(tmp_path: Path) -> None:
    folder = tmp_path / train(tmp_path, ring_events(60)).release_id
    manifest = read_manifest(folder)
    files = {name: digest for name, digest in manifest.files.items() if name != WEIGHTS_FILE}
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(replace(manifest, files=files)))
    said = reason(train(tmp_path, ring_events(60), warm_start=folder))
    assert said == f"release {folder.name}: it has no weights.npz: an older version of Millrace made it"


def test_corrupt_weights_are_refused_by_their_hash(tmp_path: Path) -> None:
    release = tmp_path / train(tmp_path, ring_events(60)).release_id
    weights = release / WEIGHTS_FILE
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InvalidRelease, match=r"weights\.npz is corrupt.*start without it"):
        train(tmp_path, ring_events(60), warm_start=release)
    weights.unlink()
    with pytest.raises(InvalidRelease, match=r"weights\.npz cannot be read"):
        train(tmp_path, ring_events(60), warm_start=release)


def test_als_goes_on_from_the_factors_of_a_release(tmp_path: Path) -> None:
    als = replace(CONFIG, strategy="als", als_factors=16, als_iterations=1, als_warm_iterations=1)
    folder, log = tmp_path / train(tmp_path, ring_events(), als).release_id, ring_events(rings=6)
    warm, cold = train(tmp_path, log, als, warm_start=folder), train(tmp_path, log, als)
    assert warm.lineage == Lineage(warm_started_from=ReleaseId(folder.name), warm_cycles=1)
    assert warm.metrics["training_loss"] < cold.metrics["training_loss"]
    others = train(tmp_path, log, replace(als, als_factors=8), warm_start=folder)
    assert "its als_factors is 16, and this training's 8" in reason(others)


class Killed(Exception):
    """The process ended."""


def test_killed_warm_training_goes_on_to_the_same_weights(releases: Path, release: Path) -> None:
    log, config = ring_events(600, rings=6), replace(CONFIG, warm_epochs=3, hidden_dropout=0.3)
    whole = train(releases, log, config, release)
    kept = Resources(checkpoint=releases / "run.npz", checkpoint_every_s=0)
    reports = count(1)

    def die(_: TrainingProgress) -> None:
        if next(reports) == 5:
            raise Killed

    with pytest.raises(Killed):
        train(releases, log, config, release, kept, die)
    with pytest.raises(UsageError, match="warm_start was"):
        train(releases, log, replace(config, epochs=3, learning_rate=0.05), None, kept)
    resumed = train(releases, log, config, release, kept)
    assert resumed.files[WEIGHTS_FILE] == whole.files[WEIGHTS_FILE]
    assert resumed.lineage == whole.lineage


def test_warm_training_begins_with_the_weights_of_the_release(releases: Path, release: Path) -> None:
    still = replace(CONFIG, warm_learning_rate_factor=1e-5)
    warm = train(releases, ring_events(), still, release)
    (before,), (after,) = (
        load_weights(folder / WEIGHTS_FILE) for folder in (release, releases / warm.release_id)
    )
    assert before.keys() == after.keys()
    for name in before:
        if name.endswith(SQUARES):
            assert (after[name] >= before[name] * (1 - 1e-6)).all()
        else:
            assert np.allclose(before[name], after[name], atol=1e-3)
