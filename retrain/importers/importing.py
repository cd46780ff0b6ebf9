"""An import from frames of events to the event file: number, bucket and filter where asked, sort, write.

Owns the order of the steps, the temporary folder and the report. Callers: `retrain.importers.publishers`,
`retrain.importers.otto`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import polars as pl

from retrain.importers.event_file_writing import RUN_BYTES, numbered, write_in_time_order
from retrain.importers.event_filters import EventFilters, kept_events
from retrain.importers.session_buckets import write_buckets
from schemas.errors import UsageError
from schemas.output_paths import check_output_file

READING = "reading"
"""The step that counts in bytes."""


class ImportProgress(Protocol):
    """Shows how far an import is."""

    def step(self, name: str, total: int) -> None:
        """A step of `total` units begins; a total of 0 is not known."""

    def advance(self, amount: int) -> None:
        """So many units more are done."""


class NoProgress:
    """Shows nothing."""

    def step(self, name: str, total: int) -> None:
        """Nothing."""

    def advance(self, amount: int) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Shaping:
    """What happens to the events between source and file."""

    filters: EventFilters = field(default_factory=EventFilters)
    visitor_gap_s: float | None = None
    """Where given, `session_id` of the source is a visitor, cut into sessions after gaps longer than this."""
    run_bytes: int = RUN_BYTES
    """Events in memory at once."""


@dataclass(frozen=True)
class ImportReport:
    """What became of the events."""

    read: int
    written: int


def import_events(
    frames: Iterable[pl.DataFrame],
    source: Path,
    target: Path,
    shaping: Shaping,
    progress: ImportProgress,
) -> ImportReport:
    """Write frames of events as an event file in time order.

    Args:
        frames: read while this runs.
        source: where they come from, for messages.
        target: the `.parquet` file; appears when it is complete, an older one is replaced then.
        shaping: filters and sessions.
        progress: told the steps.

    Raises:
        UsageError: the target cannot be written, the source is wrong, or no event is left.
    """
    if target.suffix != ".parquet":
        raise UsageError(f"{target}: event files are written as .parquet; name it so")
    check_output_file("DST", target)
    counts = _Counted(numbered(frames))
    try:
        with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
            folder = Path(name)
            shaped = _shaped(counts, folder, shaping, progress)
            announced = _announced(shaped, counts, progress)
            written = write_in_time_order(announced, target, folder, progress.advance, shaping.run_bytes)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror or error})") from error
    _check_any(source, counts.events, written)
    return ImportReport(counts.events, written)


class _Counted:
    """Frames, and how many events have been in them."""

    def __init__(self, frames: Iterable[pl.DataFrame]) -> None:
        self._frames = frames
        self.events = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frame in self._frames:
            self.events += len(frame)
            yield frame


def _shaped(
    frames: Iterable[pl.DataFrame], folder: Path, shaping: Shaping, progress: ImportProgress
) -> Iterable[pl.DataFrame]:
    if shaping.filters.are_off() and shaping.visitor_gap_s is None:
        return frames
    buckets = write_buckets(frames, folder, shaping.visitor_gap_s, shaping.run_bytes)
    if shaping.filters.are_off():
        return buckets.frames()
    return kept_events(
        buckets, shaping.filters, lambda number: progress.step(f"filtering, pass {number}", 0)
    ).frames()


def _announced(
    frames: Iterable[pl.DataFrame], counts: _Counted, progress: ImportProgress
) -> Iterator[pl.DataFrame]:
    yield from frames
    progress.step("writing", counts.events)


def _check_any(source: Path, read: int, written: int) -> None:
    if read == 0:
        raise UsageError(f"{source}: no events in the file")
    if written == 0:
        raise UsageError(f"{source}: the filters leave none of the {read:,} events; lower their bounds")
