"""What the steps of a cycle work with: settings, folder, lock, board, and what tests put in their place.

Made by `retrain.cycle.retrain_once`; the steps read it.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
import polars as pl

from retrain.cycle.cycle_lock import CycleLock
from retrain.cycle.judging import Judge
from retrain.cycle.retrain_redis import Client
from retrain.cycle.status_board import StatusBoard
from retrain.cycle.work_folder import WorkFolder
from retrain.gate.candidate_gate import examine
from retrain.runs.recorded_training import RUNS
from retrain.settings import RetrainSettings
from retrain.training.training_loop import TrainingProgress
from schemas.release_manifest import LogRange
from schemas.run_record import RunSource


class Window(NamedTuple):
    """What a cycle learns from."""

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


class Shared(NamedTuple):
    """What a cycle has in Redis; a cycle without it is alone by its caller's word."""

    redis: Client
    lock: CycleLock
    board: StatusBoard


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class CycleClock:
    """Time, for the steps."""

    now: Callable[[], datetime] = _utc_now
    """With a zone."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class CycleParts:
    """What every step gets."""

    settings: RetrainSettings
    work: WorkFolder
    display: Display
    read_window: Callable[[], Window]
    shared: Shared | None = None
    judge: Judge = examine
    clock: CycleClock = field(default_factory=CycleClock)
    say: Callable[[str], None] = lambda _: None
    """Told what one who waits wants to know."""
    reached: Callable[[str], None] = lambda _: None
    """Told of every place at which a cycle may be killed: `<step> begins`, `<step> made`, `<step> saved`."""

    def check_lock(self) -> None:
        """Make sure that no other cycle runs.

        Raises:
            Unavailable: one does, or Redis does not answer.
        """
        if self.shared is not None:
            self.shared.lock.check()

    @property
    def runs(self) -> Path:
        """Where the runs of retrains are recorded."""
        settings = self.settings
        if settings.runs is not None:
            return settings.runs
        return Path(RUNS) if "://" in settings.releases else Path(settings.releases) / RUNS
