"""One retrain: a window of the event log -> a trained, judged, published and announced release.

Owns the order: train in a folder of its own, judge there, publish (files first, manifest last), verify and
announce. What is killed on the way has announced nothing. Caller: `millrace retrain once`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Protocol

import msgspec
import polars as pl
from msgspec.structs import replace

from models.model_config import ModelConfig
from retrain.event_split import test_events
from retrain.releases.announcing import read_announcements
from retrain.releases.publishing import publish_release
from retrain.releases.release_judging import judge_release
from retrain.releases.release_promotion import promote
from retrain.runs.recorded_training import RUNS, train_recorded
from retrain.runs.run_recording import RunPlan, RunRecorder, recorded_run
from retrain.settings import RetrainSettings
from retrain.training.training_loop import TrainingProgress
from schemas.connections import kafka_arguments
from schemas.errors import UsageError
from schemas.output_paths import check_output_folder
from schemas.release_announcement import ReleaseAnnouncement
from schemas.release_manifest import (
    MANIFEST_FILE,
    LogRange,
    ReleaseManifest,
    encode_release_manifest,
)
from schemas.run_record import RunSource
from schemas.settings import SharedSettings


class Window(NamedTuple):
    """What a retrain learns from."""

    events: pl.DataFrame
    """In log order, columns as of `schemas.event_files.read_events`."""
    source: RunSource
    """Where they came from."""
    ranges: list[LogRange] | msgspec.UnsetType = msgspec.UNSET
    """What was read of the event topics; not set where it was a file."""


class Display(Protocol):
    """How progress is shown."""

    def training(self) -> AbstractContextManager[Callable[[TrainingProgress], None]]:
        """Around the training."""
        ...

    def judging(self) -> AbstractContextManager[Callable[[int, int], None]]:
        """Around the evaluation; called with done and total."""
        ...


class Retrained(NamedTuple):
    """The outcome of a retrain."""

    manifest: ReleaseManifest
    announcement: ReleaseAnnouncement


def retrain_once(
    settings: RetrainSettings, window: Window, config: ModelConfig, created_at: datetime, display: Display
) -> Retrained:
    """Train on a window, publish and announce.

    Args:
        settings: where Kafka and the releases are.
        window: what to learn from; its last sessions are kept for judging, as `config.test_share` says.
        config: how to train.
        created_at: the present, with a zone.
        display: shows progress.

    Raises:
        UsageError: there is nothing to learn from, the training diverged, or a setting cannot work.
        InvalidRelease: the candidate cannot be served; nothing was announced.
        Unavailable: Kafka or the object store does not answer.
    """
    if window.events.is_empty():
        raise UsageError(
            f"no events to learn from in topic {', '.join(settings.event_topics)}; widen "
            "MILLRACE_RETRAIN_WINDOW_H or --since, or give --events FILE"
        )
    check_announcing(settings)
    runs = runs_folder(settings)
    check_output_folder("MILLRACE_RUNS", runs)
    plan = RunPlan("retrain", config, window.source, len(window.events))
    with recorded_run(runs, plan) as run:
        manifest = _made_and_published(run, settings.releases, window, config, created_at, display)
        with run.timed("announcing"):
            announcement = promote(settings, manifest.release_id)
    return Retrained(manifest, announcement)


def runs_folder(settings: RetrainSettings) -> Path:
    """Where the runs of retrains are."""
    if settings.runs is not None:
        return settings.runs
    return Path(RUNS) if "://" in settings.releases else Path(settings.releases) / RUNS


def _made_and_published(
    run: RunRecorder,
    releases: str,
    window: Window,
    config: ModelConfig,
    created_at: datetime,
    display: Display,
) -> ReleaseManifest:
    with TemporaryDirectory(prefix="millrace-retrain-") as workplace:
        with display.training() as show:
            trained = train_recorded(run, window.events, config, Path(workplace), created_at, show)
        folder = Path(workplace) / trained.release_id
        with display.judging() as show_judging, run.timed("judging"):
            figures = judge_release(folder, test_events(window.events, config.test_share), show_judging)
        manifest = _completed(folder, trained, figures, window)
        run.trained(manifest)
        with run.timed("publishing"):
            publish_release(folder, releases)
    return manifest


def check_announcing(settings: SharedSettings) -> None:
    """Make sure that the topic of announcements can be read, before minutes go into a training.

    Raises:
        Unavailable: Kafka does not answer, or the topic is missing.
    """
    read_announcements(kafka_arguments(settings), settings.releases_topic)


def _completed(
    folder: Path, trained: ReleaseManifest, figures: dict[str, float], window: Window
) -> ReleaseManifest:
    """The manifest with what is known only now; the release is not published yet."""
    manifest = replace(
        trained,
        metrics={**trained.metrics, **figures},
        data=replace(trained.data, log_ranges=window.ranges),
    )
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(manifest))
    return manifest
