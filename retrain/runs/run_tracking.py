"""Where runs are listed: a line in `runs.csv`, and MLflow where `MLFLOW_TRACKING_URI` is set.

Owns the choice and the CSV file; `retrain.runs.mlflow_tracking` owns MLflow. Writer: of `runs.csv`. Caller:
`retrain.runs.run_recording`.
"""

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from schemas.errors import UsageError
from schemas.run_record import RUNS_FILE, EpochRecord, RunEnd, RunStart

MLFLOW_URI_VARIABLE = "MLFLOW_TRACKING_URI"
"""MLflow's own variable, not one of Millrace's: its clients read it under this name."""
COLUMNS = (
    "run_id", "command", "status", "started_at", "total_s", "seed", "source", "validation_share",
    "data_sha256", "git_commit", "release_id", "training_loss", "recall@20", "mrr@20", "reason", "config",
)  # fmt: skip


class RunTracker(Protocol):
    """Follows one run."""

    def started(self, start: RunStart, folder: Path) -> None:
        """The run begins; its folder is there."""
        ...

    def epoch_ended(self, epoch: EpochRecord) -> None:
        """An epoch is over."""
        ...

    def ended(self, end: RunEnd, metrics: Mapping[str, float]) -> None:
        """The run is over, and its folder complete."""
        ...


def chosen_trackers(runs: Path, environment: Mapping[str, str] = os.environ) -> list[RunTracker]:
    """The trackers that a run reports to.

    Args:
        runs: the folder of the runs' folders.
        environment: says whether there is an MLflow.

    Raises:
        UsageError: MLflow is asked for and not installed.
    """
    trackers: list[RunTracker] = [CsvTracker(runs)]
    if uri := environment.get(MLFLOW_URI_VARIABLE):
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # only the server that was named is told
        try:
            from retrain.runs.mlflow_tracking import MlflowTracker
        except ImportError as error:
            raise UsageError(
                f"{MLFLOW_URI_VARIABLE}={uri}: MLflow is not installed ({error}); "
                "pip install mlflow-skinny, or unset the variable"
            ) from error
        trackers.append(MlflowTracker(uri))
    return trackers


class CsvTracker:
    """Appends a line to `runs.csv` when a run ends; several processes may do so at once."""

    def __init__(self, runs: Path) -> None:
        self._path = runs / RUNS_FILE
        self._start: RunStart | None = None

    def started(self, start: RunStart, folder: Path) -> None:  # noqa: ARG002  # the others want the folder
        """See `RunTracker`."""
        self._start = start

    def epoch_ended(self, epoch: EpochRecord) -> None:
        """See `RunTracker`; the history is in the run's folder."""

    def ended(self, end: RunEnd, metrics: Mapping[str, float]) -> None:
        """See `RunTracker`."""
        assert self._start is not None
        line = _csv_line(_row(self._start, end, metrics).values())
        with self._path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the first of several that begin at once writes the header
            header = b"" if os.fstat(file.fileno()).st_size else _csv_line(COLUMNS)
            file.write(header + line)


def _row(start: RunStart, end: RunEnd, metrics: Mapping[str, float]) -> dict[str, object]:
    row: dict[str, object] = {
        "run_id": start.run_id,
        "command": start.command,
        "status": end.status,
        "started_at": start.started_at.isoformat(),
        "total_s": end.seconds.get("total", ""),
        "seed": start.seed,
        "source": start.source.name,
        "validation_share": start.validation_share,
        "data_sha256": end.data.sha256 if end.data else "",
        "git_commit": start.code.git_commit or "",
        "release_id": end.release_id or "",
        **{name: metrics.get(name, "") for name in ("training_loss", "recall@20", "mrr@20")},
        "reason": end.reason,
        "config": msgspec.json.encode(start.config).decode(),
    }
    assert tuple(row) == COLUMNS
    return row


def _csv_line(values: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()
