"""The folder of a run: written while it goes on, read back for reports.

Owns the layout: `run.json` and `config.toml` first, a line of `history.csv` an epoch, `metrics.json`, and
`end.json` last; a run without it was killed or is still under way. Writer: of run folders and nothing else.
Callers: `retrain.runs.run_recording`, `millrace evaluate --html`, `millrace report`.
"""

import csv
from collections.abc import Container, Mapping
from pathlib import Path

import msgspec

from models.model_config import ModelConfig
from retrain.runs.config_toml import config_toml
from schemas.errors import UsageError
from schemas.run_record import (
    CONFIG_FILE,
    END_FILE,
    HISTORY_COLUMNS,
    HISTORY_FILE,
    METRICS_FILE,
    START_FILE,
    EpochRecord,
    RunEnd,
    RunStart,
)


class RunFolder:
    """The folder of one run that is under way."""

    def __init__(self, runs: Path, start: RunStart, config: ModelConfig) -> None:
        """Make it.

        Args:
            runs: where the folders of runs are; made where it does not exist.
            start: what is known before the work begins.
            config: as training gets it.

        Raises:
            UsageError: the folder cannot be made, or is there already.
        """
        self.path = runs / start.run_id
        try:
            self.path.mkdir(parents=True)
            (self.path / CONFIG_FILE).write_text(config_toml(config))
            (self.path / HISTORY_FILE).write_text(",".join(HISTORY_COLUMNS) + "\n")
            self._write(START_FILE, start)
        except OSError as error:
            raise UsageError(
                f"{self.path}: the run's folder cannot be written ({error.strerror}); give another --runs"
            ) from error

    def add_epoch(self, epoch: EpochRecord) -> None:
        """Write a line of the history."""
        with (self.path / HISTORY_FILE).open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(getattr(epoch, name) for name in HISTORY_COLUMNS)

    def write_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write the figures."""
        self._write(METRICS_FILE, dict(metrics))

    def end(self, end: RunEnd) -> None:
        """Write the mark of the end: whole, or not at all."""
        self._write(END_FILE, end)

    def _write(self, name: str, value: object) -> None:
        unfinished = self.path / f".{name}"
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        unfinished.rename(self.path / name)


class RecordedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run, read back."""

    start: RunStart
    history: tuple[EpochRecord, ...]
    metrics: dict[str, float]
    end: RunEnd | None
    """None: killed, or still under way."""


def read_run(folder: Path) -> RecordedRun:
    """Read a run's folder, whatever became of the run.

    Raises:
        UsageError: it is no run's folder, or a file in it is broken.
    """
    try:
        start = msgspec.json.decode((folder / START_FILE).read_bytes(), type=RunStart)
        history = _read_history(folder / HISTORY_FILE)
        metrics_file, end_file = folder / METRICS_FILE, folder / END_FILE
        metrics = (
            msgspec.json.decode(metrics_file.read_bytes(), type=dict[str, float])
            if metrics_file.exists()
            else {}
        )
        end = msgspec.json.decode(end_file.read_bytes(), type=RunEnd) if end_file.exists() else None
    except OSError as error:
        raise UsageError(f"{folder} is no run's folder: {error.filename}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{folder}: a file of the run is broken: {error}") from error
    return RecordedRun(start=start, history=history, metrics=metrics, end=end)


def release_histories(runs: Path, release_ids: Container[str]) -> dict[str, tuple[EpochRecord, ...]]:
    """The epochs of the runs that made these releases, by the release's id.

    Args:
        runs: the folder of the runs' folders; one that is not there holds none.
        release_ids: of which; runs that cannot be read are left out.
    """
    found = {}
    for end_file in sorted(runs.glob(f"*/{END_FILE}")):
        try:
            run = read_run(end_file.parent)
        except UsageError:
            continue
        if run.end is not None and run.end.release_id is not None and run.end.release_id in release_ids:
            found[run.end.release_id] = run.history
    return found


def _read_history(path: Path) -> tuple[EpochRecord, ...]:
    """The whole lines; a kill may have left a part of one."""
    whole, _, _ = path.read_text().rpartition("\n")
    return tuple(
        msgspec.convert(row, EpochRecord, strict=False) for row in csv.DictReader(whole.splitlines())
    )
