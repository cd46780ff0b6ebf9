"""A whole training: an event log in, a release folder out.

Owns the order of the steps. Callers: `retrain.runs.recorded_training`, `retrain.training.refit`, benches.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl

from models.gru4rec_export import encoder_spec, export_encoder
from models.model_config import ModelConfig
from models.repeat_bias import served_table
from models.servable_model import ServableModel, index_vectors
from models.vocabulary import Vocabulary
from retrain.event_split import train_events
from retrain.releases.release_building import build_release, describe_data
from retrain.training.als_training import train_als
from retrain.training.member_training import member_checkpoint
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize
from retrain.training.training import TrainedModel, train
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import ONE_CORE, Resources
from retrain.training.warm_start import WarmStart, warm_start_from
from schemas.errors import UsageError
from schemas.release_manifest import ReleaseManifest


def train_release(
    log: pl.DataFrame,
    config: ModelConfig,
    releases: Path,
    created_at: datetime,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    resources: Resources = ONE_CORE,
    warm_start: Path | None = None,
) -> ReleaseManifest:
    """Train on the training part of a log and write the release.

    Args:
        log: see `retrain.event_split.read_log`.
        config: how to train.
        releases: the folder in which the release's folder is made.
        created_at: the present, with a time zone.
        progress: see `retrain.training.training.train`.
        resources: likewise; its checkpoint is removed when the release is complete.
        warm_start: the folder of a release with whose weights the training begins, where they fit it; where
            they do not, it is from scratch, and the manifest's lineage says why. None: from scratch.

    Raises:
        InvalidRelease: see `retrain.training.warm_start.warm_start_from`.
        UsageError: there is nothing to learn from, the training diverged, or the folder cannot be made.
    """
    events = train_events(log, config.test_share)
    if events.is_empty():
        raise UsageError(
            f"no events to train on: of {len(log)} none has split=train, or test_share "
            f"({config.test_share}) leaves none"
        )
    vocabulary = build_vocabulary(events, config.min_item_support)
    sessions = sessionize(events, vocabulary, config.session_gap_s)
    start = None if warm_start is None else warm_start_from(warm_start, config, vocabulary, sessions)
    warm = start if isinstance(start, WarmStart) else None
    model = trained_model(sessions, vocabulary, config, progress, resources, warm)
    if start is not None:
        model = replace(model, lineage=start.lineage if isinstance(start, WarmStart) else start)
    data = describe_data(events, sessions)
    manifest = build_release(releases, model, vocabulary, sessions, config, data, created_at)
    if resources.checkpoint is not None:
        for place in range(config.members):
            member_checkpoint(resources.checkpoint, place).unlink(missing_ok=True)
    return manifest


def trained_model(
    sessions: Sessions,
    vocabulary: Vocabulary,
    config: ModelConfig,
    progress: Callable[[TrainingProgress], None],
    resources: Resources,
    start: WarmStart | None,
) -> ServableModel:
    """Train by the config's strategy.

    Args:
        sessions: to learn from.
        vocabulary: the items; the rows in `sessions` are its own.
        config: how to train.
        progress: see `retrain.training.training.train`.
        resources: likewise.
        start: likewise.

    Raises:
        UsageError: likewise.
    """
    if config.strategy == "als":
        return train_als(sessions, vocabulary, config, progress, start)
    return _servable(train(sessions, vocabulary, config, progress, resources, start=start), config)


def _servable(model: TrainedModel, config: ModelConfig) -> ServableModel:
    biases = model.encoder.repeat_bias()
    return ServableModel(
        strategy="gru4rec",
        encoder=export_encoder(model.encoder),
        spec=encoder_spec(model.encoder),
        item_vectors=model.item_matrix,
        embeddings=index_vectors(model.item_matrix, model.encoder.index_dim)[:, :-1],
        metrics={"training_loss": model.history[-1].loss},
        repeat_bias=None
        if biases is None
        else served_table(biases, config.cosine_scale, config.repeat_shrinkage),
        weights=model.weights,
    )
