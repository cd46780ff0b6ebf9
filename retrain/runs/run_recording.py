"""Recording a run: a training's folder and its line in the list of runs, however it ends.

Owns the order: the folder and the trackers before the work, a line of history an epoch, the end mark last. A
run that is killed has no end mark. Callers: `millrace train`, `retrain.cycle`,
`retrain.tuning.tuning_trial`, `retrain.evaluation.evaluated_models`.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from models.model_config import ModelConfig
from retrain.runs.run_facts import code_facts, machine_facts
from retrain.runs.run_folder import RunFolder
from retrain.runs.run_tracking import RunTracker, chosen_trackers
from retrain.training.training_loop import TrainingProgress
from schemas.errors import MillraceError
from schemas.release_manifest import ReleaseManifest
from schemas.run_record import EpochRecord, RunEnd, RunSource, RunStart, ScoreRange, Status

Clock = Callable[[], datetime]
"""The present, with a zone."""
_LOGGER = logging.getLogger("millrace.retrain.runs.run_recording")


def utc_now() -> datetime:
    """The clock of every real run."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class RunPlan:
    """What a run is going to do."""

    command: str
    config: ModelConfig
    source: RunSource
    events: int
    """Rows of the log."""
    validation_share: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)


class RunRecorder:
    """Takes down what happens in one run."""

    def __init__(
        self, folder: RunFolder, trackers: list[RunTracker], clock: Clock, started: datetime
    ) -> None:
        self._folder = folder
        self._trackers = trackers
        self._clock = clock
        self._started = started
        self._metrics: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._epoch: EpochRecord | None = None
        self._manifest: ReleaseManifest | None = None
        self._score_range: ScoreRange | None = None

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._folder.path

    @property
    def seconds(self) -> Mapping[str, float]:
        """How long the measured parts took, those that are over."""
        return self._seconds

    def follow(self, at: TrainingProgress) -> None:
        """Take down how far the training is; of each epoch its last report."""
        if self._epoch is not None and at.epoch != self._epoch.epoch:
            self._end_epoch(self._epoch)
        self._epoch = EpochRecord(
            epoch=at.epoch,
            loss=round(at.loss, 6),
            events_per_s=round(at.events_per_s, 1),
            events=at.events,
            elapsed_s=round(self._elapsed_s(), 3),
        )

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Measure a part of the run."""
        before = self._clock()
        yield
        self._seconds[part] = round((self._clock() - before).total_seconds(), 3)

    def trained(self, manifest: ReleaseManifest) -> None:
        """A release came out of it: the last epoch is over, too."""
        if self._epoch is not None:
            self._end_epoch(self._epoch)
        self._manifest = manifest
        self.add_metrics(manifest.metrics)

    def add_metrics(self, metrics: Mapping[str, float]) -> None:
        """More figures of the run."""
        self._metrics |= metrics
        self._folder.write_metrics(self._metrics)

    def served_scores(self, score_range: ScoreRange | None) -> None:
        """The range of the scores that the release serves."""
        self._score_range = score_range

    def end(self, status: Status, reason: str = "") -> None:
        """Write the end mark and tell the trackers; a tracker that cannot write costs a warning."""
        end = RunEnd(
            status=status,
            reason=" ".join(reason.split()),
            ended_at=self._clock(),
            seconds={**self._seconds, "total": round(self._elapsed_s(), 3)},
            release_id=self._manifest.release_id if self._manifest else None,
            data=self._manifest.data if self._manifest else None,
            score_range=self._score_range,
        )
        self._folder.end(end)
        for tracker in self._trackers:
            try:
                tracker.ended(end, self._metrics)
            except OSError as error:
                _LOGGER.warning("%s: the run cannot be listed (%s)", self.folder, error)

    def _elapsed_s(self) -> float:
        return (self._clock() - self._started).total_seconds()

    def _end_epoch(self, epoch: EpochRecord) -> None:
        self._epoch = None
        self._folder.add_epoch(epoch)
        for tracker in self._trackers:
            tracker.epoch_ended(epoch)


@contextmanager
def recorded_run(runs: Path, plan: RunPlan, clock: Clock = utc_now) -> Iterator[RunRecorder]:
    """Record what happens inside the `with` block as a run.

    Args:
        runs: the folder of the runs' folders; made where it does not exist.
        plan: what will be done.
        clock: see `Clock`.

    Raises:
        UsageError: the folder cannot be made, or MLflow is asked for and cannot be used.
    """
    trackers = chosen_trackers(runs)
    started = clock()
    start = _start(plan, started)
    folder = RunFolder(runs, start, plan.config)
    run = RunRecorder(folder, trackers, clock, started)
    try:
        for tracker in trackers:
            tracker.started(start, folder.path)
        yield run
    except BaseException as error:  # every way out of the block leaves its mark, and goes on
        run.end(*_outcome(error))
        raise
    run.end("finished")


def _start(plan: RunPlan, started: datetime) -> RunStart:
    return RunStart(
        run_id=f"{plan.command}-{started.astimezone(UTC):%Y%m%dT%H%M%S%fZ}",
        command=plan.command,
        started_at=started,
        seed=plan.config.seed,
        source=plan.source,
        events=plan.events,
        test_share=plan.config.test_share,
        validation_share=plan.validation_share,
        config=msgspec.to_builtins(plan.config),
        code=code_facts(),
        machine=machine_facts(),
        tags=dict(plan.tags),
    )


def _outcome(error: BaseException) -> tuple[Status, str]:
    match error:
        case KeyboardInterrupt():
            return "interrupted", "Ctrl-C"
        case MillraceError():
            return "failed", str(error)
    return "failed", f"{type(error).__name__}: {error}"
