"""Runs in MLflow: parameters, tags, losses by epoch, metrics, and the run's folder as artifacts.

The only module that imports MLflow (extra `tracking`), and only where `MLFLOW_TRACKING_URI` is set. The
experiment is the one of `MLFLOW_EXPERIMENT_NAME`, else `millrace`. Caller: `retrain.runs.run_tracking`.
"""

import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from schemas.errors import UsageError
from schemas.run_record import EpochRecord, RunEnd, RunStart

EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
EXPERIMENT = "millrace"
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
_NOT_ALLOWED = re.compile(r"[^\w\-. :/]")
_LOGGER = logging.getLogger("millrace.retrain.runs.mlflow_tracking")


class MlflowTracker:
    """Reports one run to an MLflow server or store.

    A server that is away when the run begins ends it, before anything is trained; one that goes away later
    costs its lines there and a warning, and no training.
    """

    def __init__(self, uri: str) -> None:
        """Remember where; `started` is the first to talk to it.

        Args:
            uri: of the tracking server or store.
        """
        self._uri = uri
        self._client: MlflowClient | None = None
        self._run_id = ""
        self._started_s = 0.0
        self._folder = Path()

    def started(self, start: RunStart, folder: Path) -> None:
        """See `retrain.runs.run_tracking.RunTracker`.

        Raises:
            UsageError: the store cannot be used.
        """
        self._folder, self._started_s = folder, start.started_at.timestamp()
        try:
            client = MlflowClient(self._uri)
            run = client.create_run(
                _experiment(client),
                start_time=_epoch_ms(self._started_s),
                run_name=start.run_id,
            )
            self._client, self._run_id = client, run.info.run_id
            params = [Param(name, str(value)) for name, value in start.config.items()]
            tags = [RunTag(name, value) for name, value in _tags(start).items()]
            client.log_batch(self._run_id, params=params, tags=tags)
        except Exception as error:  # each store raises errors of its own classes
            raise UsageError(f"MLFLOW_TRACKING_URI={self._uri}: {error}") from error

    def epoch_ended(self, epoch: EpochRecord) -> None:
        """See `retrain.runs.run_tracking.RunTracker`."""
        losses = {"loss": epoch.loss, "events_per_s": epoch.events_per_s}
        self._log(losses, self._started_s + epoch.elapsed_s, step=epoch.epoch)

    def ended(self, end: RunEnd, metrics: Mapping[str, float]) -> None:
        """See `retrain.runs.run_tracking.RunTracker`."""
        figures = {**metrics, **{f"seconds/{name}": value for name, value in end.seconds.items()}}
        self._log(
            {_NOT_ALLOWED.sub("_at_", name): value for name, value in figures.items()},
            end.ended_at.timestamp(),
        )
        tags = {"release_id": end.release_id or "", "reason": end.reason}
        logged = [RunTag(name, value) for name, value in tags.items() if value]
        status, ended_ms = _STATUS[end.status], _epoch_ms(end.ended_at.timestamp())
        self._carefully(lambda client: client.log_batch(self._run_id, tags=logged))
        self._carefully(lambda client: client.log_artifacts(self._run_id, str(self._folder)))
        self._carefully(lambda client: client.set_terminated(self._run_id, status, ended_ms))

    def _log(self, metrics: Mapping[str, float], at_s: float, step: int = 0) -> None:
        logged = [Metric(name, value, _epoch_ms(at_s), step) for name, value in metrics.items()]
        self._carefully(lambda client: client.log_batch(self._run_id, metrics=logged))

    def _carefully(self, call: Callable[[MlflowClient], object]) -> None:
        if self._client is None:
            return
        try:
            call(self._client)
        except Exception as error:  # noqa: BLE001  # each store raises errors of its own; no training dies of it
            self._client = None  # each further call would wait for its retries, too
            _LOGGER.warning("MLflow at %s: %s; the rest of this run is not reported there", self._uri, error)


def _experiment(client: MlflowClient) -> str:
    name = os.environ.get(EXPERIMENT_VARIABLE, EXPERIMENT)
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found is not None else client.create_experiment(name))


def _tags(start: RunStart) -> dict[str, str]:
    tags = {
        "command": start.command,
        "source": start.source.name,
        "code_version": start.code.code_version,
        "cpu": start.machine.cpu,
        **start.tags,
    }
    if start.code.git_commit is not None:
        tags["mlflow.source.git.commit"] = start.code.git_commit
    return tags


def _epoch_ms(seconds: float) -> int:
    return round(1000 * seconds)
