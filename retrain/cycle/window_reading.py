"""Reading what a cycle learns from: a file, or the event topics from some time on.

Callers: `millrace retrain once`, `retrain.schedule.cycle_running`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from retrain.cycle.cycle_parts import Window
from retrain.event_log import read_event_log
from retrain.event_split import read_log
from retrain.runs.recorded_training import file_source
from retrain.settings import RetrainSettings
from schemas.run_record import RunSource
from schemas.timestamps import moment_given

Progress = Callable[[int, int], None]


class WindowSource(NamedTuple):
    """Where a window comes from, and how it is read."""

    source: RunSource
    read: Callable[[], Window]


def file_window(settings: RetrainSettings, path: Path) -> WindowSource:
    """All of an event file.

    Raises:
        UsageError: the file cannot be used.
    """
    log = read_log(path, settings.event_type_map)
    source = file_source(path)
    return WindowSource(source, lambda: Window(log, source))


def topic_window(
    settings: RetrainSettings,
    since: datetime | None,
    say: Callable[[str], None],
    progress: Callable[[], AbstractContextManager[Progress]],
) -> WindowSource:
    """The event topics up to their present ends.

    Args:
        settings: where Kafka is, and what is read of it.
        since: see `retrain.event_log.read_event_log`.
        say: told what was read and left out.
        progress: around the reading; called with offsets read and their total.
    """
    source = RunSource(name=",".join(settings.event_topics))

    def read() -> Window:
        with progress() as show:
            log = read_event_log(settings, since, show)
        recorded = log.recorded
        say(
            f"{len(recorded.events):,} events from {', '.join(settings.event_topics)}; left out: "
            f"{recorded.invalid:,} invalid, {recorded.without_consent:,} without consent, "
            f"{recorded.erased:,} of erased sessions, {recorded.repeats:,} repeats; "
            f"{recorded.skewed:,} have a time that cannot be right, their record's counts"
        )
        return Window(recorded.events, source, log.ranges)

    return WindowSource(source, read)


def window_start(settings: RetrainSettings, since: str | None, now: datetime) -> datetime | None:
    """From when on the event topics are read; None: from the beginning.

    Raises:
        UsageError: `since` is no time with a zone.
    """
    if since is None:
        return now - timedelta(hours=settings.retrain_window_h) if settings.retrain_window_h else None
    return moment_given("--since", since)
