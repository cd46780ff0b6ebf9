"""`millrace retrain once`: a new release from the event log, announced. Mounted by `retrain.cli`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.retrain_once import Retrained, Window
    from retrain.settings import RetrainSettings
    from retrain.training.training_loop import TrainingProgress

app = typer.Typer(help="Train releases on the event log, publish and announce them.", no_args_is_help=True)


@app.callback()
def retrain() -> None:
    """Train releases on the event log, publish and announce them."""


@app.command("once")
def once(
    events: Annotated[
        Path | None, typer.Option(help="Learn from this event file and not from the event topics.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only what Kafka took since, RFC 3339; without it MILLRACE_RETRAIN_WINDOW_H."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Model config, TOML or JSON [MILLRACE_RETRAIN_CONFIG].")
    ] = None,
    releases: Annotated[
        str | None, typer.Option(help="Folder or fsspec URL of releases [MILLRACE_RELEASES].")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Folder in which the run gets its folder [MILLRACE_RUNS].")
    ] = None,
) -> None:
    """Read the event topics to their ends, train on them, publish a release and announce it."""
    from datetime import UTC

    from models.model_config import load_model_config
    from retrain.retrain_once import retrain_once
    from retrain.settings import RetrainSettings
    from schemas.errors import UsageError
    from schemas.settings import read_settings

    if events is not None and since is not None:
        raise UsageError("--events and --since: give one of them; --since is about the event topics")
    settings = read_settings(RetrainSettings, retrain_config=config, releases=releases, runs=runs)
    model_config = load_model_config(settings.retrain_config)
    now = datetime.now(UTC)
    window = (
        _file_window(settings, events) if events else _topic_window(settings, _start(settings, since, now))
    )
    typer.echo(_describe(retrain_once(settings, window, model_config, now, _Display()), settings.releases))


def _start(settings: "RetrainSettings", since: str | None, now: datetime) -> datetime | None:
    """From when on; None: from the beginning."""
    from datetime import timedelta

    from schemas.errors import UsageError

    if since is None:
        return now - timedelta(hours=settings.retrain_window_h) if settings.retrain_window_h else None
    try:
        start = datetime.fromisoformat(since)
    except ValueError as error:
        raise UsageError(f"--since {since}: give RFC 3339, as in 2026-01-31T00:00:00Z") from error
    if start.tzinfo is None:
        raise UsageError(f"--since {since}: the zone is missing; give Z or an offset, as in {since}Z")
    return start


def _file_window(settings: "RetrainSettings", path: Path) -> "Window":
    from retrain.event_split import read_log
    from retrain.retrain_once import Window
    from retrain.runs.recorded_training import file_source

    return Window(read_log(path, settings.event_type_map), file_source(path))


def _topic_window(settings: "RetrainSettings", since: datetime | None) -> "Window":
    from retrain.event_log import read_event_log
    from retrain.retrain_once import Window
    from retrain.training.training_display import progress_bar
    from schemas.run_record import RunSource

    with progress_bar("reading events") as show:
        log = read_event_log(settings, since, show)
    recorded = log.recorded
    typer.echo(
        f"{len(recorded.events):,} events from {', '.join(settings.event_topics)}; left out: "
        f"{recorded.invalid:,} invalid, {recorded.without_consent:,} without consent, "
        f"{recorded.erased:,} of erased sessions, {recorded.repeats:,} repeats; "
        f"{recorded.skewed:,} have a time that cannot be right, their record's counts"
    )
    source = RunSource(name=",".join(settings.event_topics))
    return Window(recorded.events, source, log.ranges)


class _Display:
    """Bars on a terminal."""

    def training(self) -> "AbstractContextManager[Callable[[TrainingProgress], None]]":
        """Around the training."""
        from retrain.training.training_display import training_display

        return training_display()

    def judging(self) -> AbstractContextManager[Callable[[int, int], None]]:
        """Around the evaluation."""
        from retrain.training.training_display import progress_bar

        return progress_bar("evaluating")


def _describe(retrained: "Retrained", releases: str) -> str:
    manifest, announcement = retrained
    data, metrics = manifest.data, manifest.metrics
    judged = (
        f"Recall@20 {metrics['recall@20']:.4f}, popularity {metrics['popularity_recall@20']:.4f}, on "
        f"{metrics['predictions']:,.0f} predictions in the last sessions, which it was not trained on"
        if "recall@20" in metrics
        else "not evaluated: no two events of one session were kept for it"
    )
    return (
        f"{manifest.release_id} in {releases}: {manifest.items:,} items, {data.sessions:,} sessions, "
        f"{data.events:,} events\n{judged}\nannounced as generation {announcement.generation}"
    )
