"""A recorded training: an event log in, a release and the run's folder out.

Callers: `millrace train`, `millrace tune`, `millrace evaluate`, `retrain.cycle`.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl

from models.model_config import ModelConfig
from models.release import load_release, sha256_of
from retrain.evaluation.served_release import ServedRelease
from retrain.event_split import VALIDATION, train_events
from retrain.runs.run_recording import RunRecorder
from retrain.runs.score_range import score_range
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import ONE_CORE, Resources
from retrain.training.training_run import train_release
from schemas.release_manifest import ReleaseManifest
from schemas.run_record import RunSource

RUNS = "runs"
"""The folder of runs inside a folder of releases; it has no manifest, so nobody takes it for a release."""


def file_source(path: Path) -> RunSource:
    """An event file as the source of a run."""
    return RunSource(name=path.name, sha256=sha256_of(path), bytes=path.stat().st_size)


def train_recorded(  # noqa: PLR0913  # the seven of train_release, and the run
    run: RunRecorder,
    log: pl.DataFrame,
    config: ModelConfig,
    releases: Path,
    created_at: datetime,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    resources: Resources = ONE_CORE,
    *,
    warm_start: Path | None = None,
) -> ReleaseManifest:
    """Train inside a recorded run.

    Args:
        run: takes everything down.
        log: as `retrain.event_split.read_log` or `hold_out_validation` gives it.
        config: how to train.
        releases: see `retrain.training.training_run.train_release`.
        created_at: likewise.
        progress: likewise.
        resources: likewise.
        warm_start: likewise.

    Raises:
        InvalidRelease: likewise.
        UsageError: likewise.
    """

    def follow(at: TrainingProgress) -> None:
        run.follow(at)
        progress(at)

    with run.timed("training"):
        manifest = train_release(log, config, releases, created_at, follow, resources, warm_start)
    run.trained(manifest)
    with run.timed("score_range"):
        model = ServedRelease(load_release(releases / manifest.release_id))
        run.served_scores(score_range(model, _seen_in_training(log, config)))
    return manifest


def _seen_in_training(log: pl.DataFrame, config: ModelConfig) -> pl.DataFrame:
    """The validation part where one is held out, else the part that was learned from; never the test part."""
    if "split" in log.columns and not (held := log.filter(pl.col("split") == VALIDATION)).is_empty():
        return held
    return train_events(log, config.test_share)
